#include "experiments/own_data/readable_samples.h"

#include <cstring>

#include "engine/error.h"

namespace cofactor {

template <class Read>
void ReadableSamples::try_to(const Read& read, int64_t index, void* out, size_t bytes) const {
  try {
    read();
  } catch (const OutOfMemory&) {
    throw;
  } catch (const Error& error) {
    std::memset(out, 0, bytes);
    const std::scoped_lock lock(mutex_);
    reasons_[index] = error.what();
  }
}

void ReadableSamples::read(int64_t index, const RandomKey& augmentation, void* out) const {
  const size_t bytes = static_cast<size_t>(sample_shape().numel()) * size_of(dtype());
  try_to([&] { data_->read(index, augmentation, out); }, index, out, bytes);
}

void ReadableSamples::read_bytes(int64_t index, const RandomKey& augmentation, uint8_t* out) const {
  const auto bytes = static_cast<size_t>(sample_shape().numel());
  try_to([&] { data_->read_bytes(index, augmentation, out); }, index, out, bytes);
}

std::optional<std::string> ReadableSamples::take_reason(int64_t index) const {
  const std::scoped_lock lock(mutex_);
  const auto found = reasons_.extract(index);
  if (found.empty()) return std::nullopt;
  return found.mapped();
}

}  // namespace cofactor
