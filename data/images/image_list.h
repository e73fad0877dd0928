// Which image files a data set has, and their labels.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/file_account.h"
#include "data/images/find_images.h"

namespace cofactor {

// Nothing of the files themselves is read. Clothing1M's million takes about 100 MB.
struct ImageList {
  std::filesystem::path root;
  std::vector<std::string> classes;  // their names; a label is a place in here
  std::vector<std::string> names;    // of the files, relative to root
  std::vector<int32_t> labels;       // one a file

  int64_t size() const { return static_cast<int64_t>(names.size()); }
  std::filesystem::path path(int64_t index) const { return root / names[static_cast<size_t>(index)]; }
};

// The folders of a data set that are classes: those in a folder, without the system's and the program's own.
struct ClassFolders {
  std::vector<std::string> classes;  // sorted by their bytes
  FileAccount account;               // what else lies beside them
};
struct ClassSearch {
  // The folder that holds the classes' folders is base/folder ("": base). Names are relative to base.
  ImageSearch images{};
  std::string folder{};
  std::vector<std::string> no_classes{};  // folders beside the classes' that are none
};
// Reads names only; files beside the folders are not told apart. Throws Error where the folder cannot be read, and for
// a class whose name is not UTF-8.
ClassFolders find_class_folders(const ClassSearch& search);

// base/folder/<class>/.../<image>: the classes in the order of their names, then the images of each, found at any depth
// (find_images), in the order of their paths. What else lies there is counted in `account`. Throws Error where a folder
// cannot be read, where there is no class, and where a class has no image, with what it has instead.
ImageList list_class_images(const ClassSearch& search, FileAccount& account);
// The same of one folder, without the account.
ImageList list_class_folders(const std::filesystem::path& root);

// The lines of a text file, each a path relative to root, a blank and a label: "images/3/45/NAME.jpg 7". Whether the
// images exist shows when they are read. Throws Error, with the file and the line, where the file cannot be read or has
// no line, and where a line is blank, lacks one of the two, or has a label that is no number in [0, classes).
ImageList read_image_list(const std::filesystem::path& file, const std::filesystem::path& root,
                          std::vector<std::string> classes);

}  // namespace cofactor
