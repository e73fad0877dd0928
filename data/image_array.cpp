#include "data/image_array.h"

#include <span>
#include <utility>

#include "data/checksum.h"

namespace cofactor {

ImageArray::ImageArray(std::vector<uint8_t> pixels, const Shape& image_shape, std::vector<int32_t> labels,
                       int64_t classes, const std::vector<float>& mean, const std::vector<float>& std)
    : sample_shape_(image_shape), labels_(std::move(labels)), classes_(classes) {
  check(image_shape.rank() == 3 && image_shape.numel() > 0, "images: an image has shape {}, expected (H, W, C)",
        image_shape);
  int64_t bytes = 0;
  check(!__builtin_mul_overflow(size(), image_shape.numel(), &bytes) && static_cast<size_t>(bytes) == pixels.size(),
        "images: {} bytes, expected {} images (one per label) of shape {}", pixels.size(), size(), image_shape);
  check_labels("images", labels_, classes);
  const auto channels = static_cast<size_t>(image_shape[2]);
  check(mean.size() == channels && std.size() == channels, "images: {} means and {} stds for {} channels", mean.size(),
        std.size(), channels);
  std::vector<float> scales, shifts;
  for (size_t c = 0; c < channels; ++c) {
    const auto [scale, shift] = pixel_scale("images", c, mean[c], std[c]);
    scales.push_back(scale);
    shifts.push_back(shift);
  }
  bytes_ = std::make_shared<const ImageBytes>(std::move(pixels), image_shape, scales, shifts);
}

std::shared_ptr<const ImageArray> ImageArray::augmented(const ImageAugmentation& augmentation) const {
  const Shape& image = bytes_->image_shape();
  const auto [pad, crop_h, crop_w, flip] = augmentation;
  check(pad >= 0 && crop_h >= 0 && crop_w >= 0,
        "images: a pad of {} and a crop to {} x {}, expected sizes of at least 0", pad, crop_h, crop_w);
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
  check(index >= 0 && index < size(), "images: sample {} of a data set of {}", index, size());
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

void ImageArray::read_bytes(int64_t index, const RandomKey& augmentation, uint8_t* out) const {
  bytes_->read(window(index, augmentation), sample_shape_[0], sample_shape_[1], out);
}

SampleContents ImageArray::contents(const std::vector<int64_t>& indices, int /*threads*/) const {
  SampleContents found;
  for (const int64_t index : indices) {
    check(index >= 0 && index < size(), "images: sample {} of a data set of {}", index, size());
    const std::span<const uint8_t> image = bytes_->image(index);
    found.checksums.push_back(checksum_of(image.data(), image.size()));
  }
  return found;
}

}  // namespace cofactor
