// Data sets of image files: read when they are asked for, or all at once into memory.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "data/images/image_list.h"
#include "data/images/image_transform.h"

namespace cofactor {

// Images that are read and decoded anew each time, so that a set of any size takes no memory: a loader with several
// workers decodes on as many threads. An image's index is its place in the list.
class ImageFileDataset : public Dataset {
 public:
  // Throws Error for a list of no image, and for a transform that makes no sense (see transformed_shape).
  ImageFileDataset(std::shared_ptr<const ImageList> list, const ImageTransform& transform);
  int64_t size() const override { return list_->size(); }
  Shape sample_shape() const override { return shape_; }
  const std::vector<int32_t>& labels() const override { return list_->labels; }
  int64_t classes() const override { return static_cast<int64_t>(list_->classes.size()); }
  // Throws Error, naming the file, where it is missing or no image (see decode_image), and where it was written to
  // since contents() looked at it: half of a run would learn from the old image, half from the new.
  void read(int64_t index, const RandomKey& augmentation, void* out) const override;
  // Of the files' bytes; see scan_images. Not while others read.
  SampleContents contents(const std::vector<int64_t>& indices, int threads) const override;
  std::string sample_name(int64_t index) const override { return list_->names.at(static_cast<size_t>(index)); }

  // The same files, which the two share, read with another transform: a training split's beside a validation split's.
  std::shared_ptr<const ImageFileDataset> with(const ImageTransform& transform) const;
  const ImageList& list() const { return *list_; }

 private:
  std::shared_ptr<const ImageList> list_;
  ImageTransform transform_;
  Shape shape_;
  std::shared_ptr<std::vector<uint64_t>> stamps_;  // by image, as contents() found it; 0 where it has not looked
};

// All images of a list as one array of bytes: for small sets of images of one size, that of the first. Read on
// `threads` threads. Throws Error, naming the file, where one is missing, no image, or of another size.
std::shared_ptr<const ImageArray> load_image_array(const ImageList& list, const std::vector<float>& mean,
                                                   const std::vector<float>& std, int threads = 1);

// ---- Broken images, which real collections have. Reading one is an Error. Where they are to be skipped, they are
// found before training and left out of the splits. The data set keeps its indices, so that the other samples' noisy
// labels and parts stay as they are, and batches are the same whatever the number of workers. Nothing is put in a
// broken image's place.

using BrokenSample = BrokenSample;  // its index is the place in the list

// In the order of the list; the same for any number of threads. See scan_images.
std::vector<BrokenSample> find_broken_images(const ImageList& list, int threads = 1);

// The split without the broken images; indices are those of the list. Throws Error where none would be left.
Split without_broken(const Split& split, const std::vector<BrokenSample>& broken);

// Throws Error where `split`, what without_broken left of `whole`, has no sample of a class that `whole` has, naming
// the class, the part ("training") and what is wrong with the first of its images.
void check_classes_left(const Split& split, const Split& whole, const std::vector<std::string>& classes,
                        std::string_view part, const std::vector<BrokenSample>& broken);

}  // namespace cofactor
