#include "experiments/report/results.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/text.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

// The complete lines of a file, and what follows the last newline.
struct Lines {
  std::vector<std::string> complete;
  std::string rest;
};

Lines split_lines(const std::string& text) {
  Lines lines;
  size_t start = 0;
  for (size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1) {
    lines.complete.push_back(text.substr(start, end - start));
  }
  lines.rest = text.substr(start);
  return lines;
}

}  // namespace

std::string Result::label() const {
  return fmt::format("{}, {}, rate {:g}, {}, seed {}", experiment, noise, rate, method, seed);
}

fs::path Result::folder() const {
  const auto leads_out = [](const std::string& name) {
    return name.empty() || name.front() == '.' || name.find_first_of(std::string_view("/\0", 2)) != std::string::npos;
  };
  if (leads_out(noise) || leads_out(method)) return {};
  return fs::path(cell_folder(noise, rate, seed)) / method;
}

std::string cell_folder(const std::string& noise, double rate, uint64_t seed) {
  return fmt::format("{}-rate{}-seed{}", noise, rate, seed);
}

namespace {

Json to_json(const std::vector<Candidate>& search) {
  Json list = Json::array();
  for (const Candidate& candidate : search) {
    list.push_back({{"lr", candidate.lr},
                    {"batch_size", candidate.batch_size},
                    {"valid_loss", json_number(candidate.valid_loss)},
                    {"chosen", candidate.chosen}});
  }
  return list;
}

std::vector<Candidate> search_from(const Json& list) {
  std::vector<Candidate> search;
  for (const Json& json : list) {
    search.push_back({field<double>(json, "lr"), field<int64_t>(json, "batch_size"), number_field(json, "valid_loss"),
                      field<bool>(json, "chosen")});
  }
  return search;
}

}  // namespace

std::string to_json(const Result& result) {
  Json json = {{"experiment", result.experiment},
               {"noise", result.noise},
               {"rate", result.rate},
               {"method", result.method},
               {"seed", result.seed},
               {"test_accuracy", result.test_accuracy},
               {"best_permutation_accuracy", result.best_permutation_accuracy},
               {"majority_accuracy", result.majority_accuracy},
               {"valid_loss", json_number(result.valid_loss)},
               {"valid_accuracy", result.valid_accuracy},
               {"epochs", result.epochs},
               {"best_epoch", result.best_epoch},
               {"skipped_batches", result.skipped_batches},
               {"batches", result.batches},
               {"seconds", result.seconds},
               {"device", result.device},
               {"precision", result.precision},
               {"threads", result.threads},
               {"version", result.version}};
  if (result.ranks > 1) json["ranks"] = result.ranks;
  if (!result.processor.empty()) json["processor"] = result.processor;
  if (!result.search.empty()) json["search"] = to_json(result.search);
  json["settings"] = parse_json(result.settings);
  return write_json(json);
}

Result parse_result(const std::string& line) {
  try {
    const Json json = parse_json(line);
    Result result;
    result.experiment = field<std::string>(json, "experiment");
    result.noise = field<std::string>(json, "noise");
    result.rate = field<double>(json, "rate");
    result.method = field<std::string>(json, "method");
    result.seed = field<uint64_t>(json, "seed");
    result.test_accuracy = field<double>(json, "test_accuracy");
    result.best_permutation_accuracy = field<double>(json, "best_permutation_accuracy");
    result.majority_accuracy = field<double>(json, "majority_accuracy");
    result.valid_loss = number_field(json, "valid_loss");
    result.valid_accuracy = field<double>(json, "valid_accuracy");
    result.epochs = field<int>(json, "epochs");
    result.best_epoch = field<int>(json, "best_epoch");
    result.skipped_batches = field<int64_t>(json, "skipped_batches");
    result.batches = field<int64_t>(json, "batches");
    result.seconds = field<double>(json, "seconds");
    result.device = field<std::string>(json, "device");
    result.precision = field<std::string>(json, "precision");
    result.threads = field<int>(json, "threads");
    if (json.contains("ranks")) result.ranks = field<int>(json, "ranks");
    result.version = field<std::string>(json, "version");
    if (json.contains("processor")) result.processor = field<std::string>(json, "processor");
    if (json.contains("search")) result.search = search_from(list_field(json, "search"));
    const Json& settings = any_field(json, "settings");
    check(settings.is_object(), "the field 'settings' is a JSON {}, expected an object", settings.type_name());
    result.settings = write_json(settings);
    return result;
  } catch (const Error& error) {
    fail("not a result: {}", error.what());
  }
}

namespace {

// The result in a last line without its newline; none where it was cut short.
std::optional<Result> whole_result(const std::string& line) {
  try {
    return parse_result(line);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

ResultsFile read_results(const fs::path& path) {
  const Lines lines = split_lines(read_file(path));
  ResultsFile file;
  for (size_t i = 0; i < lines.complete.size(); ++i) {
    if (trimmed(lines.complete[i]).empty()) continue;
    try {
      file.results.push_back(parse_result(lines.complete[i]));
    } catch (const Error& error) {
      fail("{}, line {}: {}", path.string(), i + 1, error.what());
    }
  }
  if (const auto last = whole_result(lines.rest)) {
    file.results.push_back(*last);
  } else if (!trimmed(lines.rest).empty()) {
    file.cut_short = fmt::format("{}, line {}: the last line is cut short after {} bytes and was left out",
                                 path.string(), lines.complete.size() + 1, lines.rest.size());
  }
  return file;
}

std::vector<Result> newest_of(const std::vector<Result>& results) {
  std::map<decltype(results.front().key()), size_t> places;
  std::vector<Result> newest;
  for (const Result& result : results) {
    const auto [place, is_new] = places.try_emplace(result.key(), newest.size());
    if (is_new) {
      newest.push_back(result);
    } else {
      newest[place->second] = result;
    }
  }
  return newest;
}

void append_result(const fs::path& path, const Result& result) {
  std::string text;
  if (fs::exists(path)) {
    const Lines lines = split_lines(read_file(path));
    for (const std::string& line : lines.complete) text += line + "\n";
    if (whole_result(lines.rest)) text += lines.rest + "\n";
  }
  write_file_atomically(path, text + to_json(result) + "\n");
}

DirectoryLock::DirectoryLock(const fs::path& directory, Kind kind) {
  ensure_writable_directory(directory);
  const fs::path path = directory / ".lock";
  file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  check(file_ >= 0, "{}: cannot open: {}", path.string(), std::strerror(errno));
  if (flock(file_, (kind == Kind::shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) return;
  const int reason = errno;
  close(file_);
  check(reason == EWOULDBLOCK, "{}: cannot lock: {}; give an --out on a file system that has locks", path.string(),
        std::strerror(reason));
  fail("{}: another process is writing its results here; wait for it, or give another --out", directory.string());
}

DirectoryLock::~DirectoryLock() {
  close(file_);
}

}  // namespace cofactor
