#include "data/files/find_folder.h"

#include <algorithm>
#include <system_error>

#include "engine/error.h"

namespace cofactor {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFolders = 1000;  // of a level that are searched

// The folders in all of `parents`, sorted.
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
    check(found.size() <= 1, "{}: '{}' and '{}' both contain such files; give the path of the one to use", what,
          found.empty() ? "" : found.front().string(), found.empty() ? "" : found.back().string());
    if (!found.empty()) return found.front();
    if (depth < levels) level = folders_in(level);
  }
  return {};
}

bool is_missing(const fs::path& path) {
  std::error_code error;
  return fs::status(path, error).type() == fs::file_type::not_found;
}

bool may_be_file(const fs::path& path) {
  std::error_code error;
  return !is_missing(path) && !fs::is_directory(path, error);
}

}  // namespace cofactor
