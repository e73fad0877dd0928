// Finds the image files in folders, among files of the system, of other programs and of this one.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/file_account.h"

namespace cofactor {

// Whether a file or folder of this name belongs to a system or a tool rather than a person: hidden ones (".git",
// "._cat.jpg"), "__MACOSX", "Thumbs.db", "@eaDir" and so on.
bool is_system_name(std::string_view name);

// The names in a folder, sorted by their bytes. A link counts as what it points to.
struct FolderEntries {
  std::vector<std::string> folders, files;  // files: everything that is not a folder
};
// Throws Error if the folder cannot be read.
FolderEntries entries_of(const std::filesystem::path& folder);

// Whether this program wrote the folder, so that nothing below it is data: it has a results.jsonl of this project, or
// the lock, metrics or weights of a run and no file named like an image, or contains only such folders.
bool is_run_folder(const std::filesystem::path& folder);
// Whether the folder is `out` or a folder that this program wrote.
bool is_own_output(const std::filesystem::path& folder, const std::filesystem::path& out);

struct ImageSearch {
  std::filesystem::path base;   // names are relative to it
  std::filesystem::path out{};  // a folder that is never searched: where the caller writes; empty: none
  int threads = 1;              // that read the first bytes of files
};

// Whether the file, given by its path relative to the base of a search, belongs to the system. If so, it is counted in
// `account` as ignored.
bool ignore_system_file(const std::string& path, FileAccount& account);
// Likewise, whether the folder belongs to the system or to this program.
bool ignore_unused_folder(const ImageSearch& search, const std::string& path, FileAccount& account);

// The images below base/folder (base itself if `folder` is empty), at any depth, as paths relative to `base`, sorted by
// their bytes. An image is a file with the first bytes of a JPEG, PNG or BMP, whatever its name, or a damaged one: a
// file that is named like one and does not have the first bytes of another format. Links are followed, but no folder is
// searched twice. All other files are counted in `account`. Throws Error if a folder cannot be read.
std::vector<std::string> find_images(const ImageSearch& search, const std::string& folder, FileAccount& account);

// All files there, whatever their contents, except those of the system and of this program, which are counted in
// `account`. Throws Error likewise.
std::vector<std::string> files_below(const ImageSearch& search, const std::string& folder, FileAccount& account);

// Counts the files and folders in `search.base` other than the folders `used` as ignored. Throws Error likewise.
void count_beside(const ImageSearch& search, const std::vector<std::string>& used, FileAccount& account);

// Whether the name has an extension of JPEG, PNG or BMP files, in any case: .jpg, .jpeg, .jpe, .jfif, .png, .bmp, .dib.
bool has_image_extension(const std::filesystem::path& name);

}  // namespace cofactor
