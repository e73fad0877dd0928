// CIFAR-10 (Krizhevsky 2009, Learning multiple layers of features from tiny images) as the paper uses it (section 5.2).
#pragma once

#include <array>
#include <filesystem>
#include <string_view>

#include "data/dataset.h"
#include "data/files/file_account.h"

namespace cofactor {

// The names of the classes, by label. They are in alphabetical order.
inline constexpr std::array<std::string_view, 10> kCifar10Classes = {
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};

// Mean and standard deviation per channel of the pixels of the 50,000 training images, for values in [0, 1], as
// commonly given, rounded to four digits. (The deviations 0.2023, 0.1994, 0.2010, also found, are means over the images
// of each image's own deviation.)
inline constexpr std::array<float, 3> kCifar10Mean = {0.4914f, 0.4822f, 0.4465f};
inline constexpr std::array<float, 3> kCifar10Std = {0.2470f, 0.2435f, 0.2616f};

struct Cifar10Options {
  bool augment = true;            // pad by 4, crop to 32 and flip the training images (paper, section 5.2)
  uint64_t split_seed = 0;        // of the split of class folders into training and validation
  std::filesystem::path split{};  // a table that splits class folders (split_file.h); empty: none
  int threads = 1;                // that decode class folders
};

// Images are (32, 32, 3). train and validation are parts of one data set, in which the index of an image, and with it
// the draw of its noisy label, depends neither on split_seed nor on augmentation.
struct Cifar10 {
  Split train;            // 40,000
  Split validation;       // 10,000
  Split test;             // 10,000
  FileAccount account{};  // of the files in class folders
};

// Reads the data set from a folder in one of two forms:
// - The official binary version: data_batch_1.bin to data_batch_5.bin and test_batch.bin, which are records of a label
//   byte and 3,072 pixel bytes (a 32 x 32 plane each of R, G and B). The files may be in the folder or up to three
//   levels inside it, as in cifar-10-batches-bin (one level if there is a folder train). Batches 1 to 4 are for
//   training, batch 5 is for validation.
// - Class folders train/<class>/ and test/<class>/ of images of 32 x 32 pixels. The official order is lost there:
//   images are in the order of their names, and the first four fifths of random_permutation({split_seed,
//   Purpose::split}, n) are for training, the others for validation. If options.split gives the index of each file,
//   the official order and split are restored, and the test images are the last images of the same data set.
// Throws Error, with the path and the byte offset, if a file is missing, empty or not a whole number of records, a
// label is above 9, the class folders are not the ten classes, an image has another size, options.split is given for
// the binary version, and as split_images does.
Cifar10 load_cifar10(const std::filesystem::path& directory, const Cifar10Options& options = {});

}  // namespace cofactor
