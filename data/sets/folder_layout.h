// Finds out which folders of a person's data set are classes, and which are for training, validation and test.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/images/image_list.h"

namespace cofactor {

// Names are relative to the data set's folder.
struct FolderLayout {
  std::string train;             // contains the class folders: "train", or empty for the data set's folder itself
  std::string validation, test;  // contain folders of the same names; empty: there is none
  std::vector<std::string> classes;
  FileAccount account;  // of everything beside these folders, with notes about them
};

// The class folders are in "train" (in any case) if it contains folders, otherwise in the data set's folder,
// `images.base`. Beside them, "val", "valid" or "validation" is for validation and "test" for test, if it contains a
// folder for each class. If none of its folders is a class it is ignored, with a note, as are other folders beside
// "train". Only names are read.
//
// Throws Error as find_class_folders does; if there are fewer than two classes; if a folder for validation or test has
// some of the classes but not all, or others too; if there are several folders for the same part; and if the class
// folders look like the parts of a data set.
FolderLayout find_layout(const ImageSearch& images);

// The folder that contains a folder for each class: `directory`, or "test" or "train" in it; `directory` if none does.
std::filesystem::path test_folder_in(const std::filesystem::path& directory, const std::vector<std::string>& classes);

// The test images in `search.base`, or in the folder of it that test_folder_in finds, with labels that are indices of
// `classes`. `training` is where the classes come from, in messages. Throws Error as list_class_images does, and unless
// there is a folder for each class and no other.
ImageList list_test_images(ImageSearch search, const std::vector<std::string>& classes,
                           const std::filesystem::path& training, FileAccount& account);

}  // namespace cofactor
