// CIFAR-10 (Krizhevsky 2009, Learning multiple layers of features from tiny images) as the paper uses it (section 5.2).
#pragma once

#include <array>
#include <filesystem>
#include <string_view>

#include "data/dataset.h"
#include "data/files/file_account.h"

namespace cofactor {

// The classes, by label; also in the order of their names.
inline constexpr std::array<std::string_view, 10> kCifar10Classes = {
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};

// Of the 50,000 training images' pixels by channel, of values in [0, 1], as they are commonly given, rounded to four
// digits. (The deviations 0.2023, 0.1994, 0.2010 that are found as well are means of each image's own.)
inline constexpr std::array<float, 3> kCifar10Mean = {0.4914f, 0.4822f, 0.4465f};
inline constexpr std::array<float, 3> kCifar10Std = {0.2470f, 0.2435f, 0.2616f};

struct Cifar10Options {
  bool augment = true;      // the training images: pad 4, crop 32, flip (paper, section 5.2)
  uint64_t split_seed = 0;  // of the permutation that parts training from validation where the official order is lost
  std::filesystem::path split{};  // of class folders: a table of which images are which (split_file.h); empty: none
  int threads = 1;                // that decode class folders
};

// Images are (32, 32, 3). train and validation are parts of one data set, so an image's index, and with it the draw of
// its noisy label, depends neither on the split's seed nor on augmentation.
struct Cifar10 {
  Split train;            // 40,000
  Split validation;       // 10,000
  Split test;             // 10,000
  FileAccount account{};  // of all files of class folders
};

// Reads one of the two forms, whichever is there:
// - The official binary version, in the folder or in one within it (cifar-10-batches-bin), up to three levels
//   down, or one where there is a folder train: data_batch_1.bin to
//   data_batch_5.bin and test_batch.bin, records of a label byte and 3,072 pixel bytes (32 rows of 32, plane by plane:
//   R, G, B). Batches 1 to 4 are training, 5 is validation.
// - Class folders, train/<class>/ and test/<class>/, of images of 32 x 32. The order of the batches is lost there: the
//   data set is in the order of the names, and random_permutation({split_seed, Purpose::split}, n) gives its first four
//   fifths to training and the rest to validation. Where options.split gives each file's index, the data set is in that
//   order, the official one, and so are batches 1 to 4 and 5; the test's images are the last of the same data set.
// Throws Error, with the path and the byte offset, where a file is missing, empty or no whole number of records, where
// a label is above 9, where class folders are not the ten classes, for images of another size, and as split_images
// does; the binary version takes no split.
Cifar10 load_cifar10(const std::filesystem::path& directory, const Cifar10Options& options = {});

}  // namespace cofactor
