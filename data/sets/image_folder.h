// A person's own images, in one folder per class, split into training, validation and test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/images/image_file_dataset.h"

namespace cofactor {

struct ImageFolderOptions {
  ImageTransform training{}, evaluation{};  // evaluation: for validation and test
  // A folder of test images with correct labels, with class folders of the same names; empty: there is none.
  std::filesystem::path test{};
  std::filesystem::path split{};  // a table that splits the images (split_file.h); empty: none
  std::filesystem::path out{};    // where the caller writes, which is never searched for images
  uint64_t split_seed = 0;        // of the split into parts
  bool skip_broken = false;       // leave out images that cannot be decoded; otherwise reading one throws Error
  int threads = 1;                // that look for broken images
};

// Samples are (H, W, 3), as the transforms give them.
struct ImageFolder {
  std::vector<std::string> classes;
  std::shared_ptr<const ImageFileDataset> images;             // with the training images, read with `evaluation`
  std::shared_ptr<const ImageFileDataset> validation_images;  // with the validation images: the same or another set
  Split train, validation;
  Split test;                        // of another data set if there is a test folder
  bool clean_test = false;           // whether all of it comes from a test folder
  std::vector<BrokenSample> broken;  // left out by skip_broken: those of `images`, then those of other data sets
  FileAccount account;               // of all files
};

// The classes of `directory`, in the order of their names (folder_layout.h). `out` is never one. Throws Error as
// find_layout does.
std::vector<std::string> image_folder_classes(const std::filesystem::path& directory,
                                              const std::filesystem::path& out = {});

// Lists the images of `directory` (folder_layout.h) and splits them:
// - With options.split, according to the table. Images that it does not list are for test if they are in a test folder,
//   and ignored otherwise.
// - Otherwise the folder "val" beside "train" is for validation; if there is none, the first fifth (at least one) of
//   each class is, in the order of random_permutation({split_seed, Purpose::split}, n) of all images. A test folder,
//   options.test or "test" beside "train", is for test; if there is none, the next tenth (at least one) of each class
//   is, with the given labels. All other images are for training.
// Throws Error as find_layout, list_class_images and split_images do; if a class has fewer images than there are parts;
// if a test folder has other classes; and if broken images leave no image of a class for training or validation.
ImageFolder load_image_folder(const std::filesystem::path& directory, const ImageFolderOptions& options);

}  // namespace cofactor
