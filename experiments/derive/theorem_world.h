// The setting of Theorem 4.1 with everything known: inputs of finitely many kinds, their true classes, classifiers, and
// label noise. Joint distributions are exact here, up to rounding. All tensors are f64 on the host.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/noise/transition.h"
#include "engine/tensor.h"

namespace cofactor::theorem {

// |det U| is at most C^-C (docs/derivations.md, section 6). Beyond 64 classes that of a random classifier, times a
// small |det T|, is too small for a double.
inline constexpr int64_t kMostClasses = 64;
inline constexpr int64_t kKindsPerClass = 4;

// What random numbers are for; each has a stream of its own.
enum class Stream : uint32_t { shares, logits, order, noise, labels, kinds, processing, data, batches };
RandomKey key_of(uint64_t seed, Stream stream, uint64_t step = 0);

// K kinds of inputs, kKindsPerClass for each class; kind x is of class x / kKindsPerClass, without doubt.
struct World {
  int64_t classes;
  std::vector<double> share;     // of each kind
  std::vector<int32_t> classof;  // the true class of each kind
  Tensor labels;                 // the same, (K) i32

  int64_t kinds() const { return static_cast<int64_t>(share.size()); }
};

// Shares differ by a factor of at most 9 between kinds.
World make_world(int64_t classes, uint64_t seed);

// (K, C): Pr[the input is of kind x and its noisy label is c].
Tensor label_weights(const World& world, const Transition& noise);

// One softmax output for each kind: logits (K, C).
struct Classifier {
  std::string_view family;
  Tensor logits;
};

inline constexpr std::array<std::string_view, 4> kFamilies = {"informative", "permuted", "random", "nearly singular"};

// Logits margin * 1[c = true class] + a standard normal draw, which `index` decides.
Tensor informative_logits(const World& world, double margin, uint64_t seed, uint64_t index);
// The logits of the kinds of classes 0 and 1 move towards their common mean, to `distance` times as far from it. At
// distance 0 the outputs do not tell the two classes apart, and U is singular.
Tensor with_merged_classes(const World& world, const Tensor& logits, double distance);

// Classifier `index` of `count`: of each family in turn, with margins that rise from 0 (random) to 8 (nearly perfect).
Classifier draw_classifier(const World& world, uint64_t seed, int64_t index, int64_t count);

// Rows (n, n) that are distributions: (1 - strength) I + strength R, with R's entries uniform draws, scaled.
Transition random_stochastic(int64_t n, double strength, const RandomKey& key);

// U (C, C), exact: Pr[h(X) = c, label = c~], for label_weights.
Tensor joint(const Tensor& logits, const Tensor& weights);

// U^-T (C, C), as the gradient of log|det U| gives it.
Tensor inverse_transposed(const Tensor& u);

enum Measure { kDmi, kInformation, kCrossEntropy, kAccuracy, kMeasures };
inline constexpr std::array<std::string_view, kMeasures> kMeasureNames = {"DMI", "mutual information", "cross entropy",
                                                                          "accuracy"};
inline constexpr std::array<std::string_view, kMeasures> kMeasureKeys = {"dmi", "mutual_information", "cross_entropy",
                                                                         "accuracy"};

// What a classifier is worth against labels: DMI = |det U|, Shannon's mutual information of U and the cross entropy in
// nats, the accuracy in [0, 1].
struct Measures {
  double loss = 0.0;  // L_DMI = -log DMI
  std::array<double, kMeasures> values{};
};
Measures measure(const Tensor& logits, const Tensor& weights);

// Whether two values are equal up to rounding: 1e-9 of the larger.
bool is_tie(double a, double b);

// The mean and the standard deviation (of a sample) of some values; the deviation of fewer than two is 0.
struct Spread {
  double mean = 0.0, deviation = 0.0;
  int64_t count = 0;

  double standard_error() const;
};
Spread spread_of(const std::vector<double>& values);

}  // namespace cofactor::theorem
