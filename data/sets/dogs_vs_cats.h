// Dogs vs. Cats (the Kaggle competition of 2013, 25,000 labelled images) as the paper uses it (section 5.2).
#pragma once

#include <array>
#include <filesystem>
#include <vector>

#include "data/images/image_set.h"

namespace cofactor {

// Of all pixels of the 25,000 images, each resized to 128 x 128, by channel, of values in [0, 1].
inline constexpr std::array<float, 3> kDogsVsCatsMean = {0.4882f, 0.4550f, 0.4169f};
inline constexpr std::array<float, 3> kDogsVsCatsStd = {0.2581f, 0.2520f, 0.2541f};

// How images are read. The paper and its published code differ.
enum class DogsVsCatsInput {
  paper,           // as CIFAR-10: 32 x 32; to train on, padded by 4, cropped to the same size, flipped (section 5.2)
  published_code,  // 150 x 150; to train on, flipped and turned by up to 45 degrees
};
struct DogsVsCatsTransforms {
  ImageTransform training;
  ImageTransform evaluation;  // of validation and test
};
// size: pixels of a side; 0: as above.
DogsVsCatsTransforms dogs_vs_cats_transforms(DogsVsCatsInput input, int size = 0);

struct DogsVsCatsOptions {
  DogsVsCatsTransforms transforms = dogs_vs_cats_transforms(DogsVsCatsInput::paper);
  uint64_t split_seed = 0;   // of the permutation that deals images to the three parts
  bool skip_broken = false;  // leave out what cannot be decoded, instead of an Error when it is read
  int threads = 1;           // that look for it
};

// Class 0 is cat, class 1 dog. The parts are of one list, the cats first, each class by its numbers: an image's index,
// and with it the draw of its noisy label, does not depend on the split's seed. Of n images,
// random_permutation({split_seed, Purpose::split}, n) gives the last n / 4 to the test, as many before them to the
// validation, and those at its front to training.
struct DogsVsCats {
  Split train;                      // 12,500 of 25,000
  Split validation;                 // 6,250
  Split test;                       // 6,250
  std::vector<BrokenImage> broken;  // that skip_broken left out of them
  FileAccount account;              // of all files
};

// Lists the images cat.<number>.<extension> and dog.<number>.<extension> below the folder "train" of `directory`, as
// Kaggle's archive has it, or where there is none below `directory`. Other files are counted. Throws Error where a
// folder cannot be read, where a class is missing, for fewer than 4 images, and where broken ones leave nothing of a
// class in a part.
DogsVsCats load_dogs_vs_cats(const std::filesystem::path& directory, const DogsVsCatsOptions& options = {});

}  // namespace cofactor
