#include "experiments/results.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>

#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/json.h"

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

bool is_blank(const std::string& line) {
  return line.find_first_not_of(" \t\r") == std::string::npos;
}

}  // namespace

std::string Result::label() const {
  return fmt::format("{}, {}, rate {:g}, {}, seed {}", experiment, noise, rate, method, seed);
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
    search.push_back({json.at("lr").get<double>(), json.at("batch_size").get<int64_t>(),
                      number_from(json.at("valid_loss")), json.at("chosen").get<bool>()});
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
  if (!result.search.empty()) json["search"] = to_json(result.search);
  json["settings"] = parse_json(result.settings);
  return write_json(json);
}

Result parse_result(const std::string& line) {
  try {
    const Json json = parse_json(line);
    Result result;
    json.at("experiment").get_to(result.experiment);
    json.at("noise").get_to(result.noise);
    json.at("rate").get_to(result.rate);
    json.at("method").get_to(result.method);
    json.at("seed").get_to(result.seed);
    json.at("test_accuracy").get_to(result.test_accuracy);
    json.at("best_permutation_accuracy").get_to(result.best_permutation_accuracy);
    json.at("majority_accuracy").get_to(result.majority_accuracy);
    result.valid_loss = number_from(json.at("valid_loss"));
    json.at("valid_accuracy").get_to(result.valid_accuracy);
    json.at("epochs").get_to(result.epochs);
    json.at("best_epoch").get_to(result.best_epoch);
    json.at("skipped_batches").get_to(result.skipped_batches);
    json.at("batches").get_to(result.batches);
    json.at("seconds").get_to(result.seconds);
    json.at("device").get_to(result.device);
    json.at("precision").get_to(result.precision);
    json.at("threads").get_to(result.threads);
    json.at("version").get_to(result.version);
    if (json.contains("search")) result.search = search_from(json.at("search"));
    result.settings = write_json(json.at("settings"));
    return result;
  } catch (const Json::exception& error) {
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
    if (is_blank(lines.complete[i])) continue;
    try {
      file.results.push_back(parse_result(lines.complete[i]));
    } catch (const Error& error) {
      fail("{}, line {}: {}", path.string(), i + 1, error.what());
    }
  }
  if (const auto last = whole_result(lines.rest)) {
    file.results.push_back(*last);
  } else if (!is_blank(lines.rest)) {
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

DirectoryLock::DirectoryLock(const fs::path& directory) {
  ensure_writable_directory(directory);
  const fs::path path = directory / ".lock";
  file_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  check(file_ >= 0, "{}: cannot open: {}", path.string(), std::strerror(errno));
  if (flock(file_, LOCK_EX | LOCK_NB) == 0) return;
  const int reason = errno;
  close(file_);
  check(reason == EWOULDBLOCK, "{}: cannot lock: {}", path.string(), std::strerror(reason));
  fail("{}: another process is writing its results here; wait for it, or give another --out", directory.string());
}

DirectoryLock::~DirectoryLock() {
  close(file_);
}

}  // namespace cofactor
