#include "data/noise/labelled_predictions.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace cofactor {

namespace {

constexpr double kSumTolerance = 1e-3;

void check_probabilities(std::string_view caller, const LabelledPredictions& predictions, int64_t sample) {
  double sum = 0.0;
  const std::span<const float> row = predictions.row(sample);
  for (size_t c = 0; c < row.size(); ++c) {
    // Written so that NaN fails.
    check(row[c] >= 0.0f && row[c] <= 1.0f, "{}: row {}: the probability of class {} is {}, expected 0 to 1", caller,
          sample, c, row[c]);
    sum += static_cast<double>(row[c]);
  }
  check(std::abs(sum - 1.0) <= kSumTolerance, "{}: row {}: the probabilities sum to {:.6g}, expected 1", caller, sample,
        sum);
}

}  // namespace

void check_predictions(std::string_view caller, const LabelledPredictions& predictions) {
  const int64_t samples = predictions.samples(), classes = predictions.classes;
  check(classes >= 1 && classes <= INT32_MAX, "{}: {} classes, expected at least 1", caller, classes);
  check(predictions.probabilities.size() % static_cast<size_t>(classes) == 0 &&
            predictions.probabilities.size() / static_cast<size_t>(classes) == predictions.labels.size(),
        "{}: {} probabilities for {} labels, {} classes take {} for each", caller, predictions.probabilities.size(),
        samples, classes, classes);
  int64_t labelled = 0;
  for (int64_t i = 0; i < samples; ++i) {
    const int32_t label = predictions.label(i);
    check(label == kMissingLabel || (label >= 0 && label < classes),
          "{}: row {}: the label is {}, expected 0 to {}, or {} where it is missing", caller, i, label, classes - 1,
          kMissingLabel);
    labelled += label != kMissingLabel;
    check_probabilities(caller, predictions, i);
  }
  check(labelled > 0, "{}: none of {} samples has a label", caller, samples);
}

}  // namespace cofactor
