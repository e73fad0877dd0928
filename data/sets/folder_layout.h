// Which folders of a person's data set hold the classes, and which validate and test.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/images/image_list.h"

namespace cofactor {

// Names are relative to the data set's folder; empty: there is none.
struct FolderLayout {
  std::string train;             // holds the classes' folders: "train", or "", the data set's folder itself
  std::string validation, test;  // hold folders of the same names
  std::vector<std::string> classes;
  FileAccount account;  // what lies beside these folders, and what is to be said of them
};

// "train" (in capitals or not) holds the classes where it holds folders, and else the data set's folder does. Beside
// them "val", "valid" or "validation" validates and "test" tests, where they hold a folder for each class; where none
// of their folders is a class's they are left out, with a note, as are other folders beside "train". `images.base` is
// the data set's folder. Reads names only. Throws Error as find_class_folders, for fewer than two classes, where such a
// folder has some classes but not all or others beside them, where there are several of them, and where the classes
// look like the parts of a data set.
FolderLayout find_layout(const ImageSearch& images);

// The folder in `directory`, or itself, that holds a folder for each class: a data set's test folder.
std::filesystem::path test_folder_in(const std::filesystem::path& directory, const std::vector<std::string>& classes);

}  // namespace cofactor
