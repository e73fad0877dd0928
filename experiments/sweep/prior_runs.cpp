#include "experiments/sweep/prior_runs.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <optional>
#include <system_error>

#include "engine/io/json.h"
#include "experiments/sweep/cross_fitting.h"
#include "experiments/sweep/inputs.h"
#include "experiments/training/run_settings.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxHeader = 100'000'000;  // bytes, as the safetensors format has it

// The settings in a checkpoint or in weights, without reading the tensors. Nothing where the file is neither or is
// damaged: loading it reports that.
std::optional<std::string> settings_in(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  uint64_t size = 0;
  if (!file.read(reinterpret_cast<char*>(&size), sizeof size) || size > kMaxHeader) return std::nullopt;
  std::string header(size, '\0');
  if (!file.read(header.data(), static_cast<std::streamsize>(size))) return std::nullopt;
  try {
    const Json json = parse_json(header);
    return json.at("__metadata__").at("settings").get<std::string>();
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// A file in a run's folder, or in the folder of a search's candidate below it.
struct Found {
  std::string settings;
  fs::file_time_type written;
};

std::vector<Found> found_in(const fs::path& folder) {
  std::vector<Found> all;
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().extension() != ".safetensors") continue;
    if (const auto settings = settings_in(entry.path())) all.push_back({*settings, entry.last_write_time()});
  }
  return all;
}

// "2026-11-20"
std::string day_of(fs::file_time_type time) {
  const auto system = std::chrono::file_clock::to_sys(time);
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::system_clock::duration>(system));
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{}-{:02}-{:02}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);
}

fs::path previous_folder(const fs::path& folder, int number) {
  return fs::path(folder).concat(fmt::format(".previous-{}", number));
}

// One more than the largest number in use, so that the numbers grow with time.
int next_number(const fs::path& folder) {
  const std::string stem = folder.filename().string() + ".previous-";
  int next = 1;
  std::error_code ignored;  // before the first run there is nothing
  for (fs::directory_iterator entry(folder.parent_path(), ignored), end; !ignored && entry != end;
       entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with(stem)) next = std::max(next, std::atoi(name.c_str() + stem.size()) + 1);
  }
  return next;
}

// The latest renamed folder with these settings; empty where there is none. Of a search, whose candidates have other
// flags, the inputs are compared.
fs::path find_previous(const fs::path& folder, const std::string& settings, bool searching) {
  const auto fits = [&](const Found& one) {
    return searching ? compare_inputs(one.settings, settings) == Inputs::same : one.settings == settings;
  };
  for (int number = next_number(folder) - 1; number > 0; --number) {
    const std::vector<Found> found = found_in(previous_folder(folder, number));
    if (!found.empty() && std::ranges::all_of(found, fits)) return previous_folder(folder, number);
  }
  return {};
}

}  // namespace

bool PriorRuns::is_finished(const Run& run) {
  if (run.cell.fold > 0) {
    return is_judged(options_, data_, run.cell, run.method()) &&
           settings_in(run.phase.weights_file()) == run.phase.settings;
  }
  const auto newest = std::ranges::find_if(results_.rbegin(), results_.rend(),
                                           [&](const Result& result) { return result.key() == run.result.key(); });
  if (newest == results_.rend()) return false;
  const std::string& here = run.result.settings;
  check_same_flags(newest->settings, here,
                   fmt::format("{}: the result of {}", options_.results_file().string(), run.result.label()));
  switch (compare_inputs(newest->settings, here)) {
    case Inputs::same:
      if (is_same_report(newest->settings, here)) return true;
      ++reported_again_;
      return false;
    case Inputs::other_test: ++retested_[describe_test_change(newest->settings, here)]; return false;
    default: other_lines_[run.phase.folder.string()] = newest->settings; return false;
  }
}

void PriorRuns::make_way(const Run& run) {
  const fs::path& folder = run.phase.folder;
  const std::string& settings = run.phase.settings;
  const std::vector<Found> found = found_in(folder);
  const auto other = std::ranges::find_if(
      found, [&](const Found& one) { return compare_inputs(one.settings, settings) != Inputs::same; });
  const bool in_the_way = other != found.end();
  if (!in_the_way && !found.empty()) return;  // training continues from these files
  if (in_the_way && !options_.search) check_same_flags(other->settings, settings, folder.string());
  // A damaged file stays where it is: loading it reports that.
  const fs::path back =
      in_the_way || !fs::exists(folder) ? find_previous(folder, settings, options_.search.has_value()) : fs::path();
  const auto line = other_lines_.find(folder.string());
  const bool has_line = line != other_lines_.end();
  if (!in_the_way && back.empty() && !has_line) return;
  fs::path kept;
  if (in_the_way) {
    kept = previous_folder(folder, next_number(folder));
    fs::rename(folder, kept);
  }
  if (!back.empty()) {
    fs::rename(back, folder);
    restored_.push_back(folder.string());
    return;
  }
  const std::string change =
      in_the_way ? fmt::format("the data differs from that of the run of {}: {}", day_of(other->written),
                               change_since(other->settings, settings))
                 : fmt::format("the data differs from that of the result: {}", change_since(line->second, settings));
  Restarted& restarted = restarted_[change];
  ++restarted.runs;
  if (restarted.kept.empty()) restarted.kept = kept.string();
}

const std::string& PriorRuns::change_since(const std::string& before, const std::string& now) {
  const auto found = changes_.find(before);
  if (found != changes_.end()) return found->second;
  return changes_.emplace(before, describe_change(options_, data_, before, now)).first->second;
}

std::vector<std::string> PriorRuns::notes() const {
  std::vector<std::string> lines;
  for (const auto& [change, runs] : retested_) {
    lines.push_back(
        fmt::format("the test set differs from that of finished results: {}; {} tested again and not trained", change,
                    runs == 1 ? "1 run is" : fmt::format("{} runs are", runs)));
  }
  for (const auto& [change, restarted] : restarted_) {
    const bool one = restarted.runs == 1;
    std::string kept = "old lines of results.jsonl stay";
    if (!restarted.kept.empty()) {
      kept = fmt::format("the old {} kept, in {}{}", one ? "one is" : "ones are", restarted.kept,
                         one ? "" : " and likewise");
    }
    lines.push_back(fmt::format("{}; {} over; {}", change,
                                one ? "1 run starts" : fmt::format("{} runs start", restarted.runs), kept));
  }
  if (reported_again_ > 0) {
    lines.push_back(
        fmt::format("the labels are to be judged in another way, or more of them; {} judged again and not "
                    "trained",
                    reported_again_ == 1 ? "1 run is" : fmt::format("{} runs are", reported_again_)));
  }
  if (!restored_.empty()) {
    const bool one = restored_.size() == 1;
    lines.push_back(fmt::format("the data is that of {} kept before, which {} restored, as {}{}",
                                one ? "a run" : fmt::format("{} runs", restored_.size()), one ? "is" : "are",
                                restored_.front(), one ? "" : " and likewise"));
  }
  return lines;
}

}  // namespace cofactor
