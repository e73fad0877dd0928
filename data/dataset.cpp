#include "data/dataset.h"

#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>

#include "data/checksum.h"

namespace cofactor {

SampleContents Dataset::contents(const std::vector<int64_t>& indices, int /*threads*/) const {
  SampleContents found;
  // As floats, for which all types of values are aligned.
  const size_t bytes = static_cast<size_t>(sample_shape().numel()) * size_of(dtype());
  std::vector<float> values((bytes + sizeof(float) - 1) / sizeof(float));
  for (const int64_t index : indices) {
    read(index, {}, values.data());
    found.checksums.push_back(checksum_of(values.data(), bytes));
  }
  return found;
}

ImageArray::ImageArray(std::vector<uint8_t> pixels, const Shape& sample_shape, std::vector<int32_t> labels,
                       int64_t classes, std::vector<float> mean, std::vector<float> std)
    : sample_shape_(sample_shape), labels_(std::move(labels)), classes_(classes) {
  check(sample_shape.rank() == 3 && sample_shape.numel() > 0, "images: {} is not the shape (H, W, C) of an image",
        sample_shape);
  int64_t bytes = 0;
  check(!__builtin_mul_overflow(size(), sample_shape.numel(), &bytes) && static_cast<size_t>(bytes) == pixels.size(),
        "images: {} bytes are not {} images (one a label) of shape {}", pixels.size(), size(), sample_shape);
  check(classes >= 1, "images: {} is not a number of classes", classes);
  for (size_t i = 0; i < labels_.size(); ++i)
    check(labels_[i] >= 0 && labels_[i] < classes, "images: label {} of sample {} does not lie in [0, {})", labels_[i],
          i, classes);
  const auto channels = static_cast<size_t>(sample_shape[2]);
  check(mean.size() == channels && std.size() == channels, "images: {} means and {} stds for {} channels", mean.size(),
        std.size(), channels);
  std::vector<float> scale, shift;
  for (size_t c = 0; c < channels; ++c) {
    check(std::isfinite(mean[c]), "images: the mean of channel {} is {}", c, mean[c]);
    check(std::isfinite(std[c]) && std[c] > 0, "images: the std of channel {} is {}, not a positive number", c, std[c]);
    scale.push_back(static_cast<float>(1.0 / (255.0 * double{std[c]})));
    shift.push_back(static_cast<float>(-double{mean[c]} / double{std[c]}));
  }
  bytes_ = std::make_shared<const ImageBytes>(std::move(pixels), sample_shape, scale, shift);
}

std::shared_ptr<const ImageArray> ImageArray::augmented(const ImageAugmentation& augmentation) const {
  const Shape& image = bytes_->image_shape();
  const auto [pad, crop_h, crop_w, flip] = augmentation;
  check(pad >= 0 && crop_h >= 0 && crop_w >= 0, "images: a pad of {} and a crop to {} x {} are no sizes", pad, crop_h,
        crop_w);
  const int64_t height = crop_h > 0 ? crop_h : image[0], width = crop_w > 0 ? crop_w : image[1];
  check(height <= image[0] + 2 * int64_t{pad} && width <= image[1] + 2 * int64_t{pad},
        "images: a crop to {} x {} does not fit images of {} x {} padded by {}", height, width, image[0], image[1],
        pad);
  auto copy = std::make_shared<ImageArray>(*this);
  copy->augmentation_ = augmentation;
  copy->sample_shape_ = {height, width, image[2]};
  return copy;
}

ImageWindow ImageArray::window(int64_t index, const RandomKey& augmentation) const {
  check(index >= 0 && index < size(), "images: sample {} does not exist among {}", index, size());
  ImageWindow window{.image = static_cast<int32_t>(index)};
  if (!augmentation_) return window;
  const auto first = [&](uint64_t position, int axis) {
    const int64_t padded = bytes_->image_shape()[axis] + 2 * int64_t{augmentation_->pad};
    const int64_t places = padded - sample_shape_[axis] + 1;
    return static_cast<int32_t>(random_below(augmentation, position, places) - augmentation_->pad);
  };
  window.row = first(0, 0);
  window.column = first(1, 1);
  window.mirrored = augmentation_->flip && random_below(augmentation, 2, 2) == 1;
  return window;
}

void ImageArray::read(int64_t index, const RandomKey& augmentation, void* out) const {
  bytes_->read(window(index, augmentation), sample_shape_[0], sample_shape_[1], static_cast<float*>(out));
}

SampleContents ImageArray::contents(const std::vector<int64_t>& indices, int /*threads*/) const {
  SampleContents found;
  for (const int64_t index : indices) {
    check(index >= 0 && index < size(), "images: sample {} does not exist among {}", index, size());
    const std::span<const uint8_t> image = bytes_->image(index);
    found.checksums.push_back(checksum_of(image.data(), image.size()));
  }
  return found;
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

Split make_split(std::shared_ptr<const Dataset> data, const std::vector<int64_t>& order, int64_t first, int64_t count) {
  check(data != nullptr, "split: there is no data set");
  const auto ordered = static_cast<int64_t>(order.size());
  check(first >= 0 && count >= 0 && first <= ordered && count <= ordered - first,
        "split: {} samples from place {} on do not exist in an order of {}", count, first, ordered);
  Split split;
  split.indices.assign(order.begin() + first, order.begin() + first + count);
  split.labels.reserve(split.indices.size());
  for (const int64_t index : split.indices) {
    check(index >= 0 && index < data->size(), "split: sample {} does not exist in a data set of {}", index,
          data->size());
    split.labels.push_back(data->labels()[static_cast<size_t>(index)]);
  }
  split.data = std::move(data);
  return split;
}

}  // namespace cofactor
