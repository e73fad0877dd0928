// What label errors are found from: each sample's label as given, and the probabilities of a network that has not seen
// the sample.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace cofactor {

// The label of a sample whose label is missing. It has no quality and is never a suspect.
constexpr int32_t kMissingLabel = -1;

// A view: the memory is the caller's.
struct LabelledPredictions {
  std::span<const float> probabilities;  // (N, C), row-major; each row is one sample's distribution over the classes
  std::span<const int32_t> labels;       // (N), in [0, C) or kMissingLabel
  int64_t classes = 0;

  int64_t samples() const { return static_cast<int64_t>(labels.size()); }
  std::span<const float> row(int64_t sample) const {
    return probabilities.subspan(static_cast<size_t>(sample * classes), static_cast<size_t>(classes));
  }
  int32_t label(int64_t sample) const { return labels[static_cast<size_t>(sample)]; }
  bool has_label(int64_t sample) const { return label(sample) != kMissingLabel; }
};

// Throws Error, naming `caller` and the row, where sizes do not fit; where a label lies outside [0, C) and is not
// missing; where a probability is not in [0, 1] or a row's sum differs from 1 by more than 0.001 (f16 and rounded text
// pass); and where no sample has a label.
void check_predictions(std::string_view caller, const LabelledPredictions& predictions);

}  // namespace cofactor
