#include "losses/latent_labels.h"

#include <limits>

namespace cofactor {

LatentLabels::LatentLabels(int64_t classes) : classes_(classes), counts_(static_cast<size_t>(classes * classes), 0) {}

void LatentLabels::set(int64_t index, int32_t noisy, int32_t latent) {
  check(index >= 0 && index <= std::numeric_limits<int32_t>::max(), "latent labels: sample {} lies outside [0, 2^31)",
        index);
  check(noisy >= 0 && noisy < classes_ && latent >= 0 && latent < classes_,
        "latent labels: sample {} has the noisy label {} and the latent label {}, expected both in [0, {})", index,
        noisy, latent, classes_);
  const auto [at, is_new] = places_.try_emplace(index, samples_.size());
  if (is_new) {
    samples_.push_back({static_cast<int32_t>(index), noisy, latent});
  } else {
    Sample& sample = samples_[at->second];
    check(sample.noisy == noisy, "latent labels: sample {} has the noisy label {}, but had {} before", index, noisy,
          sample.noisy);
    --counts_[static_cast<size_t>(sample.latent * classes_ + noisy)];
    sample.latent = latent;
  }
  ++counts_[static_cast<size_t>(latent * classes_ + noisy)];
}

Transition LatentLabels::transition(double alpha) const {
  return Transition::from_weights(classes_, {counts_.begin(), counts_.end()}, alpha);
}

std::vector<NamedTensor> LatentLabels::state() const {
  const auto column = [this](int32_t Sample::*field) {
    std::vector<int32_t> values;
    values.reserve(samples_.size());
    for (const Sample& sample : samples_) values.push_back(sample.*field);
    return Tensor::from(values, {samples()}, kHost);
  };
  return {{"indices", column(&Sample::index)},
          {"noisy_labels", column(&Sample::noisy)},
          {"latent_labels", column(&Sample::latent)}};
}

LatentLabels LatentLabels::from_state(int64_t classes, StateReader& reader) {
  const Tensor saved = reader.take("indices");
  const Shape shape{saved.numel()};
  check(saved.shape() == shape && saved.dtype() == DType::i32,
        "latent labels: the saved indices are {} in {}, expected (N) in i32", saved.shape(), saved.dtype());
  const auto indices = saved.to_vector<int32_t>();
  const auto noisy = reader.take("noisy_labels", shape, DType::i32).to_vector<int32_t>();
  const auto latent = reader.take("latent_labels", shape, DType::i32).to_vector<int32_t>();
  LatentLabels result(classes);
  for (size_t i = 0; i < indices.size(); ++i) result.set(indices[i], noisy[i], latent[i]);
  check(result.samples() == saved.numel(), "latent labels: {} saved samples have {} different indices", saved.numel(),
        result.samples());
  return result;
}

}  // namespace cofactor
