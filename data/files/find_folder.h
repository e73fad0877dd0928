// Finds the folder that contains a data set's files: the given one, or one inside it, as archives unpack.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

// Returns `root` if `holds(root)` is true; otherwise the folder inside it for which `holds` is true, searching level by
// level, at most `levels` deep. Returns an empty path if there is none. Hidden folders and folders that cannot be read
// are skipped, and of a level at most 1,000 folders are searched. Throws Error, prefixed with `what`, if several
// folders on the same level hold the files.
std::filesystem::path find_folder(const std::filesystem::path& root, std::string_view what,
                                  const std::function<bool(const std::filesystem::path&)>& holds, int levels = 3);

// Whether nothing exists at the path. False if the system refuses to say: opening the file then reports why.
bool is_missing(const std::filesystem::path& path);

// Whether the path exists and is not a folder; also true if the system refuses to say, as above.
bool may_be_file(const std::filesystem::path& path);

}  // namespace cofactor
