// The latent labels of the training samples, on the host, and how often each occurs with each noisy label.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/noise/transition.h"
#include "engine/named_tensor.h"
#include "engine/state_reader.h"

namespace cofactor {

class LatentLabels {
 public:
  explicit LatentLabels(int64_t classes = 0);

  // Gives sample `index` (its place in the data set: any number from 0 up, in any order) its noisy label and this
  // latent label, in place of an earlier latent label. Throws Error for labels outside [0, classes), for a sample that
  // had another noisy label, and for an index above 2^31 - 1, since the state holds i32.
  void set(int64_t index, int32_t noisy, int32_t latent);

  int64_t samples() const { return static_cast<int64_t>(samples_.size()); }
  // How many samples have the latent label c and the noisy label y.
  int64_t count(int64_t c, int64_t y) const { return counts_[static_cast<size_t>(c * classes_ + y)]; }
  // The counts plus alpha > 0, each row divided by its sum.
  Transition transition(double alpha) const;

  // "indices", "noisy_labels" and "latent_labels", each (samples) in i32.
  std::vector<NamedTensor> state() const;
  static LatentLabels from_state(int64_t classes, StateReader& reader);

 private:
  struct Sample {
    int32_t index, noisy, latent;
  };

  int64_t classes_;
  std::vector<Sample> samples_;  // in the order of their first set()
  std::unordered_map<int64_t, size_t> places_;
  std::vector<int64_t> counts_;  // (classes, classes): latent, noisy
};

}  // namespace cofactor
