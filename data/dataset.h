// Data sets, and views of them with (noisy) labels.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/image_bytes.h"
#include "engine/dtype.h"
#include "engine/random.h"
#include "engine/shape.h"

namespace cofactor {

class ImageArray;

// A sample that cannot be read, and the message of the Error that reading it throws.
struct BrokenSample {
  int64_t index = 0;
  std::string reason;
};

// What a look at samples found.
struct SampleContents {
  std::vector<uint64_t> checksums;   // of what each holds; 0 where it is broken
  std::vector<BrokenSample> broken;  // in the order in which they were asked for
};

// A fixed collection of samples with integer labels. Reading is thread-safe.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  // The shape of one sample as the network takes it, (H, W, C) for images, (length) for text.
  virtual Shape sample_shape() const = 0;
  // The type of a sample's values: f32, or i32 for indices.
  virtual DType dtype() const { return DType::f32; }
  // One label a sample, each in [0, classes()).
  virtual const std::vector<int32_t>& labels() const = 0;
  virtual int64_t classes() const = 0;
  // Writes sample `index`, normalised, to out: sample_shape().numel() values of dtype(), for which out is aligned.
  // `augmentation` is a stream of its own for each sample and epoch; a data set that augments draws from it at
  // positions 0, 1, ... Throws Error where there is no such sample.
  virtual void read(int64_t index, const RandomKey& augmentation, void* out) const = 0;
  // Looks at samples before anything is learned from them: a checksum of what each holds, whatever the augmentation. A
  // set in memory has no broken ones; files are read and decoded, on `threads` threads.
  virtual SampleContents contents(const std::vector<int64_t>& indices, int threads) const;
  // What a person knows the sample by: a file's path below the set's folder; empty where samples have no names.
  virtual std::string sample_name(int64_t /*index*/) const { return {}; }
  // This data set as images that are held as bytes, where it is that: a loader may then make its batches on the device.
  virtual const ImageArray* images() const { return nullptr; }
};

// What each reading of an image draws anew: torchvision's RandomCrop with padding, then its RandomHorizontalFlip.
struct ImageAugmentation {
  int pad = 0;                 // rows and columns of byte 0 on every side, before normalisation
  int crop_h = 0, crop_w = 0;  // the size of the window, anywhere in the padded image; 0: the image's own
  bool flip = false;           // left and right exchanged, with probability 1/2
};

// Images of one size, held as bytes: value = (byte / 255 - mean) / std, by channel.
class ImageArray : public Dataset {
 public:
  // pixels: N * H * W * C bytes. Throws Error where the sizes do not fit, a label lies outside [0, classes), or a std
  // is not positive.
  ImageArray(std::vector<uint8_t> pixels, const Shape& sample_shape, std::vector<int32_t> labels, int64_t classes,
             std::vector<float> mean, std::vector<float> std);
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  Shape sample_shape() const override { return sample_shape_; }
  const std::vector<int32_t>& labels() const override { return labels_; }
  int64_t classes() const override { return classes_; }
  void read(int64_t index, const RandomKey& augmentation, void* out) const override;
  // Of the bytes.
  SampleContents contents(const std::vector<int64_t>& indices, int threads) const override;
  const ImageArray* images() const override { return this; }

  // The same images and labels, read with `augmentation`: a training split's data set beside a validation split's. They
  // share the bytes, those on devices too. Throws Error for negative sizes and a crop that the padded image does not
  // hold.
  std::shared_ptr<const ImageArray> augmented(const ImageAugmentation& augmentation) const;

  // Which window of its image sample `index` is; sample_shape() has its size. Draws the row at position 0, the column
  // at 1 and the flip at 2. Throws Error where there is no such sample.
  ImageWindow window(int64_t index, const RandomKey& augmentation) const;
  const ImageBytes& bytes() const { return *bytes_; }

 private:
  std::shared_ptr<const ImageBytes> bytes_;
  Shape sample_shape_;
  std::vector<int32_t> labels_;
  int64_t classes_;
  std::optional<ImageAugmentation> augmentation_;
};

// Part of a data set, with labels of its own (noisy ones, say).
struct Split {
  std::shared_ptr<const Dataset> data;
  std::vector<int64_t> indices;  // into data
  std::vector<int32_t> labels;   // one an index

  int64_t size() const { return static_cast<int64_t>(indices.size()); }
  // How many samples carry each label.
  std::vector<int64_t> class_counts() const;
};

// Samples first .. first + count - 1 with the data set's own labels. Throws Error where there are not as many.
Split make_split(std::shared_ptr<const Dataset> data, int64_t first, int64_t count);
// The samples at order[first] .. order[first + count - 1], likewise. Throws Error where order has not as many, and
// where one of them is no sample of the data set.
Split make_split(std::shared_ptr<const Dataset> data, const std::vector<int64_t>& order, int64_t first, int64_t count);

}  // namespace cofactor
