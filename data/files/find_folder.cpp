#include "data/files/find_folder.h"

#include <algorithm>
#include <system_error>

#include "engine/error.h"

namespace cofactor {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFolders = 1000;  // on a level: beyond these nothing is looked for

// The folders in each of `parents`, sorted.
std::vector<fs::path> folders_in(const std::vector<fs::path>& parents) {
  std::vector<fs::path> folders;
  for (const fs::path& parent : parents) {
    std::error_code error;
    fs::directory_iterator entry(parent, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
      std::error_code ignored;
      if (entry->is_directory(ignored) && !entry->path().filename().string().starts_with('.'))
        folders.push_back(entry->path());
      if (folders.size() >= kMaxFolders) break;
    }
  }
  std::ranges::sort(folders);
  return folders;
}

}  // namespace

fs::path find_folder(const fs::path& root, std::string_view what, const std::function<bool(const fs::path&)>& holds,
                     int levels) {
  std::vector<fs::path> level = {root};
  for (int depth = 0; depth <= levels && !level.empty(); ++depth) {
    std::vector<fs::path> found;
    std::ranges::copy_if(level, std::back_inserter(found), holds);
    check(found.size() <= 1, "{}: '{}' and '{}' both hold such files: name the one that is meant", what,
          found.empty() ? "" : found.front().string(), found.empty() ? "" : found.back().string());
    if (!found.empty()) return found.front();
    if (depth < levels) level = folders_in(level);
  }
  return {};
}

std::string quoted_folder(const fs::path& folder) {
  std::error_code error;
  const bool missing = fs::status(folder, error).type() == fs::file_type::not_found;
  return fmt::format("'{}'{}", folder.string(), missing ? ", which does not exist," : "");
}

bool may_be_file(const fs::path& path) {
  std::error_code error;
  const auto type = fs::status(path, error).type();
  return type != fs::file_type::not_found && type != fs::file_type::directory;
}

}  // namespace cofactor
