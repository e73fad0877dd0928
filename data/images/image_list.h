// Lists of image files with their labels.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/file_account.h"
#include "data/images/find_images.h"

namespace cofactor {

// N image files. The files themselves are not read. A list of a million (Clothing1M) takes about 100 MB.
struct ImageList {
  std::filesystem::path root;
  std::vector<std::string> classes;  // names of the classes, by label
  std::vector<std::string> names;    // paths of the files, relative to root
  std::vector<int32_t> labels;       // one per file
  // A second folder, to which the names of the marked files are relative; no marks: there are none.
  std::filesystem::path second_root{};
  std::vector<bool> in_second{};

  int64_t size() const { return static_cast<int64_t>(names.size()); }
  std::filesystem::path path(int64_t index) const {
    const auto i = static_cast<size_t>(index);
    return (!in_second.empty() && in_second[i] ? second_root : root) / names[i];
  }
  // Appends the images of a list with the same root and the same classes, of which none is in a second folder.
  void append(const ImageList& other);
};

// The class folders of a data set: the folders in a folder, without those of the system and of this program.
struct ClassFolders {
  std::vector<std::string> classes;  // sorted by their bytes
  FileAccount account;               // the files and folders beside them
};
struct ClassSearch {
  // The class folders are in base/folder, or in base if `folder` is empty. Names are relative to base.
  ImageSearch images{};
  std::string folder{};
  std::vector<std::string> no_classes{};  // folders there that are not classes
};
// Reads names only. Throws Error if the folder cannot be read or the name of a class is not UTF-8.
ClassFolders find_class_folders(const ClassSearch& search);

// Lists base/folder/<class>/.../<image>: classes in the order of their names, and the images of each, at any depth
// (find_images.h), in the order of their paths. Everything else there is counted in `account`. Throws Error if a folder
// cannot be read, there is no class, or a class has no image; the message says what it has instead.
ImageList list_class_images(const ClassSearch& search, FileAccount& account);
// The same for one folder, without an account.
ImageList list_class_folders(const std::filesystem::path& root);

// Reads a list from a text file with one image per line, a path relative to root, a space and a label:
// "images/3/45/NAME.jpg 7". Whether the images exist is not checked. Throws Error, with the file and the line, if the
// file cannot be read or is empty, a line is blank or lacks path or label, or a label is not in [0, classes.size()).
ImageList read_image_list(const std::filesystem::path& file, const std::filesystem::path& root,
                          std::vector<std::string> classes);

}  // namespace cofactor
