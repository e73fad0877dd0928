// A person's own images, in a folder a class: dealt to training, validation and test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/image_files.h"

namespace cofactor {

struct ImageFolderOptions {
  ImageTransform training{}, evaluation{};  // evaluation: of validation and test
  // A folder of test images whose labels are right, class folders of the same names; empty: there is none.
  std::filesystem::path test{};
  uint64_t split_seed = 0;   // of the permutation that deals images to the parts
  bool skip_broken = false;  // leave out what cannot be decoded, instead of an Error when it is read
  int threads = 1;           // that look for it
};

struct ImageFolder {
  std::shared_ptr<const ImageFiles> images;  // all below `root`, as evaluation reads them
  Split train, validation;
  Split test;                       // of another data set where there is a test folder
  bool clean_test = false;          // whether there is
  std::vector<BrokenImage> broken;  // that skip_broken left out, those of a test folder (by its own indices) last
};

// The folder that holds the class folders: `directory`, or "train" in it where that holds folders.
std::filesystem::path class_folders_of(const std::filesystem::path& directory);

// The classes of `directory`, in the order of their names. Throws Error for fewer than two, and as list_class_folders.
std::vector<std::string> image_folder_classes(const std::filesystem::path& directory);

// Of each class's images, in the order of random_permutation({split_seed, Purpose::split}, n) of all, the first fifth
// (at least one) validates. Where there is a test folder, options.test or "test" beside "train", it is the test;
// otherwise the next tenth (at least one) of each class is, with the labels as they are given. All others train. Throws
// Error as list_class_folders, for fewer than two classes, for a class with fewer images than parts, and for a test
// folder with other classes.
ImageFolder load_image_folder(const std::filesystem::path& directory, const ImageFolderOptions& options);

}  // namespace cofactor
