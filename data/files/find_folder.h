// The folder that a data set's files lie in: the one that was named, or one within it, as archives unpack.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

// `root` where `holds` says yes of it; else the folder within it, at most `levels` down and on the highest level that
// has one, of which `holds` does; empty where there is none. Hidden folders and those that cannot be read are
// passed over. Throws Error, with `what` before it, where several on one level hold the files.
std::filesystem::path find_folder(const std::filesystem::path& root, std::string_view what,
                                  const std::function<bool(const std::filesystem::path&)>& holds, int levels = 3);

// The folder as a message names it: "'mr'", or "'mr', which does not exist,".
std::string quoted_folder(const std::filesystem::path& folder);

// Whether there is something other than a folder; also where the system refuses to say, since opening says why.
bool may_be_file(const std::filesystem::path& path);

}  // namespace cofactor
