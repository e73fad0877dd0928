// A data set of image files that are read and decoded each time they are used.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/image_array.h"
#include "data/images/image_list.h"
#include "data/images/image_transform.h"

namespace cofactor {

// The N images of a list, (H, W, 3) in f32. Nothing is kept in memory, so that the set can have any size; a loader with
// several workers decodes on as many threads. The index of an image is its position in the list.
class ImageFileDataset : public Dataset {
 public:
  // Throws Error if the list is empty or a label is out of range, and as transformed_shape does.
  ImageFileDataset(std::shared_ptr<const ImageList> list, const ImageTransform& transform);
  int64_t size() const override { return list_->size(); }
  Shape sample_shape() const override { return shape_; }
  const std::vector<int32_t>& labels() const override { return list_->labels; }
  int64_t classes() const override { return static_cast<int64_t>(list_->classes.size()); }
  // Throws Error, with the file, if it cannot be read or decoded (decode.h), and if it was written to after contents()
  // scanned it: otherwise one part of a run would learn from the old image and the other from the new one.
  void read(int64_t index, const RandomKey& augmentation, void* out) const override;
  std::vector<PixelScale> pixel_scales() const override;
  void read_bytes(int64_t index, const RandomKey& augmentation, uint8_t* out) const override;
  // Scans the files (scan.h). Must not be called while another thread reads.
  SampleContents contents(const std::vector<int64_t>& indices, int threads) const override;
  std::string sample_name(int64_t index) const override { return list_->names.at(static_cast<size_t>(index)); }

  // The same files read with another transform: for a training split beside a validation split. Both share the list and
  // the results of contents().
  std::shared_ptr<const ImageFileDataset> with_transform(const ImageTransform& transform) const;
  const ImageList& list() const { return *list_; }

 private:
  RgbImage decode(int64_t index) const;

  std::shared_ptr<const ImageList> list_;
  ImageTransform transform_;
  Shape shape_;
  std::shared_ptr<std::vector<uint64_t>> stamps_;  // one per image, set by contents(); 0: not scanned
};

// Loads all images of a list into memory, for small sets of images of one size, which is that of the first. `mean` and
// `std` have one value per channel, and the files are read on `threads` threads. Throws Error, with the file, if the
// list is empty, or an image cannot be read or has another size.
std::shared_ptr<const ImageArray> load_image_array(const ImageList& list, const std::vector<float>& mean,
                                                   const std::vector<float>& std, int threads = 1);

}  // namespace cofactor
