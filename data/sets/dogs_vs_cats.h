// Dogs vs. Cats (the Kaggle competition of 2013, 25,000 labelled images) as the paper uses it (section 5.2).
#pragma once

#include <array>
#include <filesystem>
#include <vector>

#include "data/images/broken_images.h"
#include "data/images/image_file_dataset.h"

namespace cofactor {

// Mean and standard deviation per channel of the pixels of the 25,000 images, each resized to 128 x 128, for values in
// [0, 1].
inline constexpr std::array<float, 3> kDogsVsCatsMean = {0.4882f, 0.4550f, 0.4169f};
inline constexpr std::array<float, 3> kDogsVsCatsStd = {0.2581f, 0.2520f, 0.2541f};

// How images are transformed. The paper and its published code differ.
enum class DogsVsCatsInput {
  paper,           // as CIFAR-10 (section 5.2): 32 x 32; for training padded by 4, cropped and flipped
  published_code,  // 150 x 150; for training flipped, and rotated by up to 45 degrees
};
struct DogsVsCatsTransforms {
  ImageTransform training;
  ImageTransform evaluation;  // for validation and test
};
// The transforms. `size` is the side of the images in pixels; 0: as above. Throws Error if it is negative.
DogsVsCatsTransforms dogs_vs_cats_transforms(DogsVsCatsInput input, int size = 0);

struct DogsVsCatsOptions {
  DogsVsCatsTransforms transforms = dogs_vs_cats_transforms(DogsVsCatsInput::paper);
  uint64_t split_seed = 0;   // of the split into training, validation and test
  bool skip_broken = false;  // leave out images that cannot be decoded; otherwise reading one throws Error
  int threads = 1;           // that look for broken images
};

// Class 0 is cat, class 1 is dog. Images are (32, 32, 3) by default. The parts are of one data set, cats first, each
// class in the order of its numbers, so that the index of an image, and with it the draw of its noisy label, does not
// depend on split_seed. Of random_permutation({split_seed, Purpose::split}, n), the last n / 4 images are for test, the
// n / 4 before them for validation, and the others for training.
struct DogsVsCats {
  Split train;                       // 12,500 of 25,000
  Split validation;                  // 6,250
  Split test;                        // 6,250
  std::vector<BrokenSample> broken;  // left out by skip_broken
  FileAccount account;               // of all files
};

// Lists the images cat.<number>.<extension> and dog.<number>.<extension> below directory/train, as Kaggle's archive has
// them, or below `directory` if there is no such folder. Other files are counted in the account. Throws Error if a
// folder cannot be read, a class is missing, there are fewer than 4 images, or broken images leave no image of a class
// in a part.
DogsVsCats load_dogs_vs_cats(const std::filesystem::path& directory, const DogsVsCatsOptions& options = {});

}  // namespace cofactor
