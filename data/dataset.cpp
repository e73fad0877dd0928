#include "data/dataset.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cofactor {

namespace {

constexpr size_t kRepeats = 64;  // of the channels' scales and shifts

}  // namespace

ImageArray::ImageArray(std::vector<uint8_t> pixels, const Shape& sample_shape, std::vector<int32_t> labels,
                       int64_t classes, std::vector<float> mean, std::vector<float> std)
    : pixels_(std::move(pixels)), sample_shape_(sample_shape), labels_(std::move(labels)), classes_(classes) {
  check(sample_shape.rank() == 3 && sample_shape.numel() > 0, "images: {} is not the shape (H, W, C) of an image",
        sample_shape);
  int64_t bytes = 0;
  check(!__builtin_mul_overflow(size(), sample_shape.numel(), &bytes) && static_cast<size_t>(bytes) == pixels_.size(),
        "images: {} bytes are not {} images (one a label) of shape {}", pixels_.size(), size(), sample_shape);
  check(classes >= 1, "images: {} is not a number of classes", classes);
  for (size_t i = 0; i < labels_.size(); ++i)
    check(labels_[i] >= 0 && labels_[i] < classes, "images: label {} of sample {} does not lie in [0, {})", labels_[i],
          i, classes);
  const auto channels = static_cast<size_t>(sample_shape[2]);
  check(mean.size() == channels && std.size() == channels, "images: {} means and {} stds for {} channels", mean.size(),
        std.size(), channels);
  for (size_t c = 0; c < channels; ++c) {
    check(std::isfinite(mean[c]), "images: the mean of channel {} is {}", c, mean[c]);
    check(std::isfinite(std[c]) && std[c] > 0, "images: the std of channel {} is {}, not a positive number", c, std[c]);
  }
  for (size_t i = 0; i < channels * kRepeats; ++i) {
    const size_t c = i % channels;
    scale_.push_back(static_cast<float>(1.0 / (255.0 * double{std[c]})));
    shift_.push_back(static_cast<float>(-double{mean[c]} / double{std[c]}));
  }
}

void ImageArray::read(int64_t index, const RandomKey& /*augmentation*/, void* out) const {
  check(index >= 0 && index < size(), "images: sample {} does not exist among {}", index, size());
  const auto count = static_cast<size_t>(sample_shape_.numel());
  const uint8_t* pixels = pixels_.data() + static_cast<size_t>(index) * count;
  // In blocks of whole pixels, long enough for vector registers whatever the number of channels.
  const size_t block = scale_.size();
  for (size_t begin = 0; begin < count; begin += block) {
    const uint8_t* __restrict from = pixels + begin;
    float* __restrict to = static_cast<float*>(out) + begin;
    const size_t length = std::min(block, count - begin);
    for (size_t i = 0; i < length; ++i) to[i] = static_cast<float>(from[i]) * scale_[i] + shift_[i];
  }
}

std::vector<int64_t> Split::class_counts() const {
  check(data != nullptr, "split: there is no data set");
  std::vector<int64_t> counts(static_cast<size_t>(data->classes()));
  for (int32_t label : labels) {
    check(label >= 0 && label < data->classes(), "split: label {} does not lie in [0, {})", label, data->classes());
    ++counts[static_cast<size_t>(label)];
  }
  return counts;
}

Split make_split(std::shared_ptr<const Dataset> data, int64_t first, int64_t count) {
  check(data != nullptr, "split: there is no data set");
  const int64_t size = data->size();
  check(first >= 0 && count >= 0 && first <= size && count <= size - first,
        "split: {} samples from sample {} on do not exist in a data set of {}", count, first, size);
  Split split;
  split.indices.resize(static_cast<size_t>(count));
  std::iota(split.indices.begin(), split.indices.end(), first);
  split.labels.assign(data->labels().begin() + first, data->labels().begin() + first + count);
  split.data = std::move(data);
  return split;
}

}  // namespace cofactor
