// Which image files a data set has, and their labels.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

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

// Whether a name ends in .jpg, .jpeg, .png or .bmp, in capitals or not.
bool has_image_extension(const std::filesystem::path& name);

// The names of what a folder holds, sorted by their bytes: its folders, or its other entries. Those that begin with a
// dot are left out. Throws Error where the folder cannot be read.
enum class EntryKind { folder, file };
std::vector<std::string> sorted_entries(const std::filesystem::path& folder, EntryKind kind);

// root/<class>/<image>: each folder in root is a class, the classes in the order of their names, then the images of
// each in the order of theirs. Other files, and folders within the classes, do not count. Throws Error where root
// cannot be read or holds no folder, and where a class has no image.
ImageList list_class_folders(const std::filesystem::path& root);

// The lines of a text file, each a path relative to root, a blank and a label: "images/3/45/NAME.jpg 7". Whether the
// images exist shows when they are read. Throws Error, with the file and the line, where the file cannot be read or has
// no line, and where a line is blank, lacks one of the two, or has a label that is no number in [0, classes).
ImageList read_image_list(const std::filesystem::path& file, const std::filesystem::path& root,
                          std::vector<std::string> classes);

}  // namespace cofactor
