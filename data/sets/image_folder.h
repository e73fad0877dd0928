// A person's own images, in a folder a class: dealt to training, validation and test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/images/image_file_dataset.h"

namespace cofactor {

struct ImageFolderOptions {
  ImageTransform training{}, evaluation{};  // evaluation: of validation and test
  // A folder of test images whose labels are right, class folders of the same names; empty: there is none.
  std::filesystem::path test{};
  std::filesystem::path split{};  // a table of which images train, validate and test (split_file.h); empty: none
  std::filesystem::path out{};    // never data: where the caller writes
  uint64_t split_seed = 0;        // of the permutation that deals images to the parts
  bool skip_broken = false;       // leave out what cannot be decoded, instead of an Error when it is read
  int threads = 1;                // that look for it
};

struct ImageFolder {
  std::vector<std::string> classes;
  std::shared_ptr<const ImageFileDataset> images;             // those that train, as evaluation reads them, and maybe others
  std::shared_ptr<const ImageFileDataset> validation_images;  // of the validation: the same, or a folder of its own
  Split train, validation;
  Split test;                       // of another data set where there is a test folder
  bool clean_test = false;          // whether all of it comes from a test folder
  std::vector<BrokenSample> broken;  // that skip_broken left out, those of other data sets (by their own indices) last
  FileAccount account;              // of all files
};

// The classes of `directory`, in the order of their names (find_layout). `out` is never one.
std::vector<std::string> image_folder_classes(const std::filesystem::path& directory,
                                              const std::filesystem::path& out = {});

// The images of `directory` (folder_layout.h), and what they are for:
// - With options.split, what the table says; images that it does not list test where they lie in a test folder.
// - Else the folder "val" beside "train" validates, where there is one, and otherwise, of each class's images, in the
//   order of random_permutation({split_seed, Purpose::split}, n) of all, the first fifth (at least one). A test folder,
//   options.test or "test" beside "train", tests; where there is none the next tenth (at least one) of each class does,
//   with the labels as they are given. All others train.
// Throws Error as find_layout, list_class_images and split_images do, for a class with fewer images than parts, for a
// test folder with other classes, and where broken images leave nothing of a class to train or to validate on.
ImageFolder load_image_folder(const std::filesystem::path& directory, const ImageFolderOptions& options);

}  // namespace cofactor
