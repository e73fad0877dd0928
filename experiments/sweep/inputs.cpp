#include "experiments/sweep/inputs.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <set>
#include <tuple>
#include <utility>

#include "data/checksum.h"
#include "data/files/content_cache.h"
#include "data/files/file_account.h"
#include "engine/io/json.h"
#include "experiments/sweep/input_record.h"
#include "experiments/sweep/version.h"
#include "experiments/training/duration.h"
#include "experiments/training/run_settings.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

using ScanClock = std::chrono::steady_clock;

constexpr auto kQuietScan = std::chrono::seconds(2);  // a shorter scan prints nothing
constexpr auto kScanLineEvery = std::chrono::seconds(10);
constexpr auto kScanShownEvery = std::chrono::milliseconds(200);  // on a terminal

// The parts of the data with their names and inputs.
struct NamedPart {
  const char* name;
  const Split* split;
  PartInputs DataInputs::*inputs;
};

std::vector<NamedPart> parts_of(const DataSplits& splits) {
  std::vector<NamedPart> parts = {{"training", &splits.train, &DataInputs::train},
                                  {"validation", &splits.validation, &DataInputs::validation},
                                  {"test", &splits.test, &DataInputs::test}};
  if (splits.has_unlabelled()) parts.push_back({"unlabelled", &splits.unlabelled, &DataInputs::unlabelled});
  return parts;
}

// The progress of a long scan: one line that is rewritten on a terminal, and a line now and then in a pipe.
class ScanLine {
 public:
  explicit ScanLine(std::string_view program) : program_(program), terminal_(isatty(STDOUT_FILENO) == 1) {}

  void operator()(int64_t done, int64_t all) {
    const auto now = ScanClock::now();
    if (std::exchange(ended_, done == all)) began_ = shown_ = now;  // another scan
    const bool last = ended_;
    if (now - began_ < kQuietScan || (now - shown_ < (terminal_ ? kScanShownEvery : kScanLineEvery) && !last)) return;
    if (last && shown_ == began_) return;  // no line was printed
    shown_ = now;
    fmt::print("{}{}: read {} of {} files{}{}", terminal_ ? "\r\x1b[K" : "", program_, in_thousands(done),
               in_thousands(all),
               last ? fmt::format(" in {}", format_duration(std::chrono::duration<double>(now - began_).count())) : "",
               terminal_ && !last ? "" : "\n");
    std::fflush(stdout);
  }

 private:
  std::string program_;
  bool terminal_;
  ScanClock::time_point began_ = ScanClock::now(), shown_ = began_;
  bool ended_ = false;
};

PartInputs inputs_of(const Split& split, SampleContents contents) {
  Checksum labels, content;
  for (size_t i = 0; i < split.indices.size(); ++i) {
    labels.mix(static_cast<uint64_t>(split.labels[i]));
    content.mix(static_cast<uint64_t>(split.indices[i]));
    content.mix(split.data->sample_name(split.indices[i]));
    content.mix(contents.checksums[i]);
  }
  return {labels.text(), content.text(), std::move(contents.checksums)};
}

std::string text_at(const Json& object, const std::string& name) {
  return object.is_object() && object.contains(name) ? write_json(object.at(name)) : "nothing";
}

// What differs between two parts, by their checksums; nothing where they are equal.
std::vector<std::string> part_differences(const char* name, const Json& there, const Json& here) {
  if (is_same_json(there, here)) return {};
  if (text_at(there, "samples") != text_at(here, "samples")) {
    return {fmt::format("there are {} {} samples, and {} there", text_at(here, "samples"), name,
                        text_at(there, "samples"))};
  }
  std::vector<std::string> differences;
  if (text_at(there, "labels") != text_at(here, "labels")) differences.push_back(fmt::format("{} labels differ", name));
  if (text_at(there, "content") != text_at(here, "content")) {
    differences.push_back(fmt::format("the contents of {} samples differ", name));
  }
  return differences;
}

// The names of the experiment's own settings of the data (ExperimentData::data_settings), here or there.
std::set<std::string> own_names(const Json& there, const Json& here) {
  std::set<std::string> names;
  for (const Json* section : {&there, &here}) {
    for (const auto& [name, value] : section->items()) names.insert(name);
  }
  names.erase("train");
  names.erase("validation");
  names.erase(std::string(kJudgedInputs));
  return names;
}

// The inputs without what only an amendment follows from, which the record does not have.
Json without_judged(Json inputs) {
  inputs.erase(std::string(kJudgedInputs));
  return inputs;
}

fs::path record_path(const fs::path& out, const Json& all) {
  const Json inputs = without_judged(all);
  return out / "inputs" / (checksum_text(checksum_of(write_json(inputs))) + ".csv");
}

std::vector<RecordedSample> samples_of(const RunOptions& options, const ExperimentData& data) {
  std::vector<RecordedSample> samples;
  for (const auto& [name, split, inputs] : parts_of(data.splits)) {
    const std::vector<uint64_t>& checksums = (data.inputs.*inputs).checksums;
    for (size_t i = 0; i < split->indices.size(); ++i) {
      std::string file = split->data->sample_name(split->indices[i]);
      if (file.empty() || i >= checksums.size()) return {};
      std::string label =
          inputs == &DataInputs::unlabelled ? "" : options.class_names.at(static_cast<size_t>(split->labels[i]));
      samples.push_back({name, std::move(label), checksums[i], std::move(file)});
    }
  }
  return samples;
}

}  // namespace

void prepare_scans(std::string_view program, const RunOptions& options) {
  ScanSetup setup{.folders = {}, .reader = version(), .progress = {}};
  if (const fs::path folder = user_cache_folder(); !folder.empty()) setup.folders.push_back(folder);
  setup.folders.push_back(options.out / "cache");
  if (options.worker.empty()) setup.progress = ScanLine(program);
  set_up_scans(std::move(setup));
}

DataInputs find_inputs(const DataSplits& splits, int threads) {
  DataInputs inputs;
  std::vector<std::string> broken;
  std::string first;
  for (const auto& [name, split, found] : parts_of(splits)) {
    SampleContents contents = split->data->contents(split->indices, threads);
    if (!contents.broken.empty()) {
      if (first.empty()) first = contents.broken.front().reason;
      const bool images = split->data->sample_shape().rank() == 3;
      broken.push_back(fmt::format("{} {} {}{}", contents.broken.size(), name, images ? "image" : "sample",
                                   contents.broken.size() == 1 ? "" : "s"));
    } else if (broken.empty()) {
      inputs.*found = inputs_of(*split, std::move(contents));
    }
  }
  forget_content_caches();
  check(broken.empty(), "{} cannot be read, found before any training; the first: {}; --skip-broken leaves them out",
        fmt::join(broken, " and "), first);
  return inputs;
}

std::string inputs_text(const DataInputs& inputs) {
  std::string text;
  for (const PartInputs* part : {&inputs.train, &inputs.validation, &inputs.test, &inputs.unlabelled}) {
    text += (text.empty() ? "" : " ") + part->labels + ' ' + part->content;
  }
  return text;
}

void write_input_record(const RunOptions& options, const ExperimentData& data, const std::string& settings,
                        bool renewed) {
  const fs::path path = record_path(options.out, input_section(settings, "data"));
  if (fs::exists(path) && !renewed) return;
  const std::vector<RecordedSample> samples = samples_of(options, data);
  if (!samples.empty()) write_samples(path, samples);
}

std::string describe_change(const RunOptions& options, const ExperimentData& data, const std::string& found,
                            const std::string& here) {
  const Json before = input_section(found, "data"), now = input_section(here, "data");
  if (before.is_null() || now.is_null()) return "its training inputs were not recorded";
  if (is_same_json(without_judged(before), without_judged(now)))
    return "its suspects follow from other test samples, or from other decisions about labels";
  const std::vector<RecordedSample> samples = samples_of(options, data);
  if (const auto old = read_samples(record_path(options.out, before)); old && !samples.empty()) {
    const std::string change = difference_of(*old, samples);
    return change.empty() ? "its samples have other places in the data set" : change;
  }
  std::vector<std::string> differences = part_differences("training", before.at("train"), now.at("train"));
  for (std::string& one :
       part_differences("validation", before.value("validation", Json()), now.value("validation", Json()))) {
    differences.push_back(std::move(one));
  }
  for (const std::string& name : own_names(before, now)) {
    if (text_at(before, name) != text_at(now, name))
      differences.push_back(fmt::format("the setting '{}' differs", name));
  }
  return fmt::format("{}", fmt::join(differences, " and "));
}

std::string describe_test_change(const std::string& found, const std::string& here) {
  const Json before = input_section(found, "test");
  if (before.is_null()) return "its test set was not recorded";
  return fmt::format("{}", fmt::join(part_differences("test", before, input_section(here, "test")), " and "));
}

}  // namespace cofactor
