// Data sets, and splits of them with labels of their own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/image_bytes.h"
#include "engine/dtype.h"
#include "engine/random.h"
#include "engine/shape.h"

namespace cofactor {

class ImageArray;

// A sample that cannot be read, with the message of the Error that reading it throws.
struct BrokenSample {
  int64_t index = 0;
  std::string reason;
};

// The result of Dataset::contents.
struct SampleContents {
  std::vector<uint64_t> checksums;   // one per sample asked for; 0 if it is broken
  std::vector<BrokenSample> broken;  // in the order in which they were asked for
};

// A fixed collection of N samples with integer labels. All functions may be called by several threads at once unless
// they say otherwise.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  // The shape of one sample as the network takes it: (H, W, C) for images, (L) for sentences of L words.
  virtual Shape sample_shape() const = 0;
  // The type of a sample's values: f32, or i32 for word indices.
  virtual DType dtype() const { return DType::f32; }
  // One label per sample, each in [0, classes()).
  virtual const std::vector<int32_t>& labels() const = 0;
  virtual int64_t classes() const = 0;
  // Writes sample `index`, normalised, to `out`, which must have room for sample_shape().numel() values of dtype() and
  // be aligned for them. `augmentation` is the random stream of this sample in this epoch; a data set that augments
  // draws from it at positions 0, 1, ... Throws Error if the index is out of range or the sample cannot be read.
  virtual void read(int64_t index, const RandomKey& augmentation, void* out) const = 0;
  // How each channel's bytes become values, where samples are images (H, W, C) of bytes that are normalised last; empty
  // for other samples.
  virtual std::vector<PixelScale> pixel_scales() const { return {}; }
  // The sample_shape().numel() bytes that read() normalises, where pixel_scales() is not empty; otherwise an Error.
  // Errors and draws are those of read().
  virtual void read_bytes(int64_t index, const RandomKey& augmentation, uint8_t* out) const;
  // Checks samples before training: computes a checksum of each sample's contents before augmentation, and finds the
  // broken ones. Files are read and decoded on `threads` threads; a data set in memory has no broken samples.
  virtual SampleContents contents(const std::vector<int64_t>& indices, int threads) const;
  // A name for the sample, such as its path relative to the data set's folder; empty if samples have no names.
  virtual std::string sample_name(int64_t /*index*/) const { return {}; }
  // The text of a sample that is one, as it was given, for reports; empty for other samples.
  virtual std::string sample_text(int64_t /*index*/) const { return {}; }
  // This data set as an array of image bytes, which lets a loader make its batches on the device; null for others.
  virtual const ImageArray* images() const { return nullptr; }
};

// Throws Error, prefixed with `what`, unless there is at least one class and every label is in [0, classes).
void check_labels(std::string_view what, const std::vector<int32_t>& labels, int64_t classes);

// A subset of a data set, with labels of its own (noisy ones, for example).
struct Split {
  std::shared_ptr<const Dataset> data;
  std::vector<int64_t> indices;  // of samples of `data`
  std::vector<int32_t> labels;   // one per index

  int64_t size() const { return static_cast<int64_t>(indices.size()); }
  // The number of samples with each label. Throws Error if there is no data set or a label is out of range.
  std::vector<int64_t> class_counts() const;
};

// Samples first .. first + count - 1 with the data set's own labels. Throws Error if they are out of range.
Split make_split(std::shared_ptr<const Dataset> data, int64_t first, int64_t count);
// Samples order[first] .. order[first + count - 1] with the data set's own labels. Throws Error if these positions, or
// one of the samples, are out of range.
Split make_split(std::shared_ptr<const Dataset> data, const std::vector<int64_t>& order, int64_t first, int64_t count);
// All samples of `order`, likewise.
Split make_split(std::shared_ptr<const Dataset> data, const std::vector<int64_t>& order);

}  // namespace cofactor
