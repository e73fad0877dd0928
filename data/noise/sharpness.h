// Probabilities that are surer or less sure than they should be, and the power that corrects them.
#pragma once

#include <vector>

#include "data/noise/label_quality.h"

namespace cofactor {

// p_c^s / sum_k p_k^s, with probabilities below 1e-6 taken as 1e-6: temperature scaling with temperature 1 / s. With
// s = 1 rows are returned as they are.
class Sharpener {
 public:
  // Throws Error where the sharpness is not positive or not finite.
  explicit Sharpener(double sharpness);

  // Valid until the next call.
  std::span<const float> sharpen(std::span<const float> probabilities);

 private:
  float sharpness_;
  std::vector<float> row_;
};

// The sharpness from 1/16 to 4 under which the labels of `samples` are most probable (Guo, Pleiss, Sun, Weinberger: On
// Calibration of Modern Neural Networks, ICML 2017, section 4.2): the labels as given are what Outputs::given_label
// predicts, so no true label is needed. With Outputs::true_class label y has the probability sum_c p_c T(c, y);
// otherwise `transition` is not used. samples: indices of labelled samples, at least one. By golden sections, to 1% of
// the result or better. Time is proportional to the number of samples times C.
double likeliest_sharpness(const LabelledPredictions& predictions, const std::vector<int64_t>& samples,
                           const Transition& transition, Outputs outputs);

}  // namespace cofactor
