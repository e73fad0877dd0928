// What lies in folders that people, their systems and this program write to.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/file_account.h"

namespace cofactor {

// Whether a system or a tool, not a person, gives this name to a file or folder: hidden ones (".git", "._cat.jpg"),
// "__MACOSX", "Thumbs.db", "@eaDir" and their like.
bool is_system_name(std::string_view name);

// What a folder holds, by names sorted by their bytes; links are what they lead to.
struct FolderEntries {
  std::vector<std::string> folders, files;  // files: all that are no folders
};
// Throws Error where the folder cannot be read.
FolderEntries entries_of(const std::filesystem::path& folder);

// Whether this program wrote the folder, so that no data lies below it: it has a results.jsonl of the project's, or the
// lock, metrics or weights of a run and no file named as an image, or nothing but such folders.
bool is_run_folder(const std::filesystem::path& folder);
// Whether the folder is `out` or one that this program wrote.
bool is_own_output(const std::filesystem::path& folder, const std::filesystem::path& out);

struct ImageSearch {
  std::filesystem::path base;   // names are relative to it
  std::filesystem::path out{};  // a folder that is never looked into: where this start writes; empty: none
  int threads = 1;              // that look at files
};

// The images below base/folder ("": base), at any depth, by their paths from `base`, sorted by their bytes. An image is
// a file that begins as JPEG, PNG or BMP files do, whatever its name, and one that is named as they are and holds no
// other kind: it is a damaged one. Links are followed, and no folder is read twice. All other files are counted in
// `account`. Throws Error where a folder cannot be read.
std::vector<std::string> find_images(const ImageSearch& search, const std::string& folder, FileAccount& account);

// All files there, whatever they hold, but for the system's and this program's, which `account` counts.
std::vector<std::string> files_below(const ImageSearch& search, const std::string& folder, FileAccount& account);

// Counts what lies in `search.base` beside the folders `used`, without a look into it.
void count_beside(const ImageSearch& search, const std::vector<std::string>& used, FileAccount& account);

// Whether a name ends as those of JPEG, PNG or BMP files do: .jpg, .jpeg, .jpe, .jfif, .png, .bmp or .dib, in capitals
// or not.
bool has_image_extension(const std::filesystem::path& name);

}  // namespace cofactor
