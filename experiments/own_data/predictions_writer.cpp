#include "experiments/own_data/predictions_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <limits>
#include <numeric>

#include "data/files/npy.h"
#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/utf8.h"
#include "experiments/report/csv_field.h"
#include "experiments/training/console.h"

namespace cofactor {

namespace {

constexpr size_t kBytesKept = size_t{1} << 16;

class CsvPredictions : public PredictionsWriter {
 public:
  CsvPredictions(const std::filesystem::path& file, const std::vector<std::string>& classes, const CsvColumns& columns)
      : columns_(columns), order_(classes.size()) {
    if (!file.empty()) file_.emplace(file);
    text_ = "id,predicted_label,probability";
    for (int64_t place = 2; place <= columns.top; ++place)
      text_ += fmt::format(",label_{},probability_{}", place, place);
    for (const std::string& name : classes) {
      names_.push_back(csv_field(name));
      if (columns.probabilities) text_ += ',' + csv_field("probability_" + name);
    }
    text_ += '\n';
    fields_behind_id_ = static_cast<size_t>(2 * columns.top) + (columns.probabilities ? classes.size() : 0);
  }

  void add(const std::string& id, std::span<const float> probabilities) override {
    text_ += csv_field(is_utf8(id) ? id : printable(id));
    if (probabilities.empty()) {
      text_.append(fields_behind_id_, ',');
    } else {
      append(probabilities);
    }
    text_ += '\n';
    if (text_.size() >= kBytesKept) pass_on();
  }

  void flush() override {
    if (!file_) pass_on();
  }

  void finish() override {
    pass_on();
    if (file_) file_->commit();
  }

 private:
  void append(std::span<const float> probabilities) {
    std::iota(order_.begin(), order_.end(), size_t{0});
    const auto top = order_.begin() + columns_.top;
    std::partial_sort(order_.begin(), top, order_.end(), [&](size_t a, size_t b) {
      return probabilities[a] != probabilities[b] ? probabilities[a] > probabilities[b] : a < b;
    });
    for (auto place = order_.begin(); place != top; ++place)
      fmt::format_to(std::back_inserter(text_), ",{},{}", names_[*place], probabilities[*place]);
    if (!columns_.probabilities) return;
    for (const float probability : probabilities) fmt::format_to(std::back_inserter(text_), ",{}", probability);
  }

  void pass_on() {
    if (file_) {
      file_->append(text_);
    } else if (!write_text(stdout, text_)) {
      fail("standard output cannot be written to: {}", std::strerror(errno));
    }
    text_.clear();
  }

  CsvColumns columns_;
  std::optional<AtomicFile> file_;
  std::vector<std::string> names_;  // of the classes, as fields
  std::vector<size_t> order_;
  std::string text_;
  size_t fields_behind_id_ = 0;
};

class ArrayPredictions : public PredictionsWriter {
 public:
  ArrayPredictions(const std::filesystem::path& file, int64_t samples, int64_t classes)
      : writer_(file, NpyType::f4, {samples, classes}),
        unread_(static_cast<size_t>(classes), std::numeric_limits<float>::quiet_NaN()) {}

  void add(const std::string& /*id*/, std::span<const float> probabilities) override {
    writer_.append(probabilities.empty() ? std::span<const float>(unread_) : probabilities);
  }
  void finish() override { writer_.commit(); }

 private:
  NpyWriter writer_;
  std::vector<float> unread_;
};

}  // namespace

std::unique_ptr<PredictionsWriter> write_csv(const std::filesystem::path& file, const std::vector<std::string>& classes,
                                             const CsvColumns& columns) {
  check(columns.top >= 1 && columns.top <= std::ssize(classes), "predictions: the {} most likely of {} classes",
        columns.top, classes.size());
  return std::make_unique<CsvPredictions>(file, classes, columns);
}

std::unique_ptr<PredictionsWriter> write_array(const std::filesystem::path& file, int64_t samples, int64_t classes) {
  return std::make_unique<ArrayPredictions>(file, samples, classes);
}

}  // namespace cofactor
