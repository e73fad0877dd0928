// Images of one size in memory, as a data set with random crops and flips.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "data/dataset.h"
#include "data/image_bytes.h"

namespace cofactor {

// The random steps of each reading of an image: torchvision's RandomCrop with padding, then its RandomHorizontalFlip.
struct ImageAugmentation {
  int pad = 0;                 // rows and columns of byte 0 on every side, before normalisation
  int crop_h = 0, crop_w = 0;  // size of the window, at a random position in the padded image; 0: the size of the image
  bool flip = false;           // exchange left and right with probability 1/2
};

// N images (H, W, C) of bytes. A pixel's value is (byte / 255 - mean) / std, with a mean and a std per channel.
class ImageArray : public Dataset {
 public:
  // `pixels` has N * H * W * C bytes, N being the number of labels; `mean` and `std` have C values. Throws Error if the
  // sizes do not agree, a label is not in [0, classes), a mean is not finite, or a std is not positive.
  ImageArray(std::vector<uint8_t> pixels, const Shape& image_shape, std::vector<int32_t> labels, int64_t classes,
             const std::vector<float>& mean, const std::vector<float>& std);
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  // (H, W, C) after augmentation.
  Shape sample_shape() const override { return sample_shape_; }
  const std::vector<int32_t>& labels() const override { return labels_; }
  int64_t classes() const override { return classes_; }
  void read(int64_t index, const RandomKey& augmentation, void* out) const override;
  std::vector<PixelScale> pixel_scales() const override { return bytes_->scales(); }
  void read_bytes(int64_t index, const RandomKey& augmentation, uint8_t* out) const override;
  // The checksums are those of the images' bytes.
  SampleContents contents(const std::vector<int64_t>& indices, int threads) const override;
  const ImageArray* images() const override { return this; }

  // The same images and labels read with `augmentation`, in place of any earlier one: for a training split beside a
  // validation split. Both share the bytes, also those on devices. Throws Error if a size is negative or the crop is
  // larger than the padded image.
  std::shared_ptr<const ImageArray> augmented(const ImageAugmentation& augmentation) const;

  // The window of its image that sample `index` shows; its size is that of sample_shape(). The row is drawn at position
  // 0 of the stream, the column at 1 and the flip at 2. Throws Error if the index is out of range.
  ImageWindow window(int64_t index, const RandomKey& augmentation) const;
  const ImageBytes& bytes() const { return *bytes_; }

 private:
  std::shared_ptr<const ImageBytes> bytes_;
  Shape sample_shape_;
  std::vector<int32_t> labels_;
  int64_t classes_;
  std::optional<ImageAugmentation> augmentation_;
};

}  // namespace cofactor
