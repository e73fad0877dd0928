// Places where `train` runs on a few samples of a person's own, and what it says of their labels.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "data/files/csv.h"
#include "data/files/npy.h"
#include "engine/io/file.h"
#include "engine/random.h"
#include "tests/data/tiny_images.h"
#include "tests/experiments/process.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

inline std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::istringstream text(read_file(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

// All elements of an array of numbers.
inline std::vector<float> array_values(const std::filesystem::path& file) {
  const NpyArray array(file);
  std::vector<float> values;
  std::vector<double> row(static_cast<size_t>(array.row_elements()));
  for (int64_t i = 0; i < array.rows(); ++i) {
    array.read_row(i, row);
    for (const double value : row) values.push_back(static_cast<float>(value));
  }
  return values;
}

// A folder in which a program runs with settings that make it quick. `extra` flags come last and replace them.
class OwnPlace {
 public:
  explicit OwnPlace(std::map<std::string, std::string> defaults, std::string name = "train")
      : name_(std::move(name)), defaults_(std::move(defaults)) {
    defaults_.insert({{"--out", out().string()}, {"--threads", "1"}});
  }
  std::filesystem::path path(const std::string& name) const { return folder_ / name; }
  const std::filesystem::path& folder() const { return folder_.path(); }
  std::filesystem::path out() const { return path("out"); }
  std::filesystem::path cell() const { return out() / "none-rate0-seed1"; }
  std::vector<std::string> command(const std::vector<std::string>& extra = {}) const {
    return command_line(name_, defaults_, extra);
  }
  Outcome run(const std::vector<std::string>& extra = {}) const {
    return Process(command(extra), folder_.path()).wait();
  }
  // The last that a run says where it fails.
  Outcome succeed(const std::vector<std::string>& extra = {}) const {
    Outcome outcome = run(extra);
    check(outcome.code == 0, "test: train ended with {}: {}{}", outcome.code, outcome.out, outcome.err);
    return outcome;
  }

 private:
  std::string name_;
  std::map<std::string, std::string> defaults_;
  TemporaryFolder folder_;
};

// Samples of classes in turn, some of whose given labels are wrong, and some missing.
struct PlantedLabels {
  int count = 120, classes = 2;
  int wrong_every = 7, missing_every = 17;  // 0: none

  int truth(int i) const { return i % classes; }
  bool missing(int i) const { return missing_every > 0 && i % missing_every == missing_every - 1; }
  bool wrong(int i) const { return !missing(i) && wrong_every > 0 && i % wrong_every == 3; }
  int given(int i) const { return missing(i) ? -1 : (truth(i) + (wrong(i) ? 1 : 0)) % classes; }
  // "c0", ..., and empty where there is none.
  std::string given_name(int i) const { return missing(i) ? "" : fmt::format("c{}", given(i)); }
};

// An array (count, classes + 1): each class has an axis of its own.
inline void write_planted_features(const std::filesystem::path& path, const PlantedLabels& labels) {
  std::vector<float> values;
  for (int i = 0; i < labels.count; ++i) {
    for (int axis = 0; axis <= labels.classes; ++axis) {
      const double noise = random_uniform({.seed = 3, .purpose = Purpose::test}, static_cast<uint64_t>(8 * i + axis));
      values.push_back(static_cast<float>((axis == labels.truth(i) ? 2.0 : 0.0) + noise));
    }
  }
  write_npy<float>(path, values, {labels.count, labels.classes + 1});
}

// A table with the columns id and label, and more of them: `more(i)` is appended to a row.
template <class More>
void write_planted_table(const std::filesystem::path& path, const PlantedLabels& labels, const std::string& columns,
                         More more) {
  std::string text = "id,label" + columns + "\n";
  for (int i = 0; i < labels.count; ++i) text += fmt::format("s{},{}{}\n", i, labels.given_name(i), more(i));
  write_file_atomically(path, text);
}
inline void write_planted_table(const std::filesystem::path& path, const PlantedLabels& labels) {
  write_planted_table(path, labels, "", [](int) { return ""; });
}

// train on planted features: x.npy and labels.csv. Most of its time goes to the checkpoint after each epoch.
inline std::map<std::string, std::string> feature_flags() {
  return {
      {"--epochs", "5"}, {"--batch-size", "12"}, {"--model", "linear"}, {"--pretrain-lr", "0.1"}, {"--workers", "0"}};
}
class FeaturePlace : public OwnPlace {
 public:
  explicit FeaturePlace(const PlantedLabels& planted = {}) : OwnPlace(feature_flags()), labels(planted) {
    write_planted_features(path("x.npy"), labels);
    write_planted_table(path("labels.csv"), labels);
  }
  std::vector<std::string> with(std::vector<std::string> extra) const {
    // Cross entropy alone does not fine-tune.
    const auto method = std::ranges::find(extra, "--method");
    if (method == extra.end() || *std::next(method) != "ce") extra.insert(extra.end(), {"--lr", "0.01"});
    extra.insert(extra.end(), {"--features", path("x.npy").string(), "--labels", path("labels.csv").string()});
    return extra;
  }
  Outcome train(const std::vector<std::string>& extra) const { return succeed(with(extra)); }

  PlantedLabels labels;
};

// A row of labels.csv.
struct JudgedRow {
  std::string id, given, predicted, quality;
  bool suspect = false;
  int fold = 0;
};

inline std::vector<JudgedRow> judged_rows(const std::filesystem::path& run) {
  const CsvTable table = parse_csv(read_file(run / "labels.csv"), "labels.csv");
  std::vector<JudgedRow> rows;
  for (int64_t i = 0; i < table.rows(); ++i) {
    rows.push_back({table.at(i, 0), table.at(i, 1), table.at(i, 2), table.at(i, 5), table.at(i, 6) == "yes",
                    std::stoi(table.at(i, 7))});
  }
  return rows;
}

// The average precision with which low quality finds the labels that `is_wrong(row)`, among those that are given.
template <class IsWrong>
double average_precision(std::vector<JudgedRow> rows, IsWrong is_wrong) {
  std::erase_if(rows, [](const JudgedRow& row) { return row.quality.empty(); });
  std::ranges::stable_sort(rows, {}, [](const JudgedRow& row) { return std::stod(row.quality); });
  double sum = 0.0, found = 0.0, seen = 0.0;
  for (const JudgedRow& row : rows) {
    ++seen;
    if (is_wrong(row)) sum += ++found / seen;
  }
  return found > 0.0 ? sum / found : 0.0;
}

// How often a part stands in a text.
inline int64_t occurrences(const std::string& text, const std::string& part) {
  int64_t count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++count;
  return count;
}

}  // namespace cofactor::testing
