#include "data/images/find_images.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <set>
#include <system_error>
#include <utility>

#include "data/images/image_kind.h"
#include "data/parallel_for.h"
#include "engine/error.h"
#include "engine/io/text.h"

namespace cofactor {

namespace {

namespace fs = std::filesystem;

// The last part of a path.
std::string_view name_in(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool contains_name(const std::vector<std::string>& sorted, std::string_view name) {
  return std::ranges::binary_search(sorted, name);
}

// Whether the file is one of this project's: those begin with the name of the experiment.
bool is_results_file(const fs::path& path) {
  constexpr std::string_view kBeginning = "{\"experiment\":";
  std::ifstream file(path, std::ios::binary);
  std::array<char, kBeginning.size()> bytes{};
  file.read(bytes.data(), bytes.size());
  return std::string_view(bytes.data(), static_cast<size_t>(file.gcount())) == kBeginning;
}

// Identifies a folder, by whatever path it is reached.
using FolderId = std::pair<dev_t, ino_t>;
FolderId id_of(const fs::path& folder) {
  struct stat found {};
  check(::stat(folder.c_str(), &found) == 0, "images: cannot read the folder '{}': {}", folder.string(),
        std::generic_category().message(errno));
  return {found.st_dev, found.st_ino};
}

// Collects the names of all files below a folder.
class FolderSearch {
 public:
  FolderSearch(const ImageSearch& search, FileAccount& account) : search_(search), account_(account) {
    // A link to one of the folders above would include the whole data set in one of its own folders.
    for (fs::path above = fs::absolute(search.base).lexically_normal();; above = above.parent_path()) {
      std::error_code ignored;
      if (fs::exists(above, ignored)) seen_.insert(id_of(above));
      if (above == above.parent_path()) break;
    }
  }

  void search(const std::string& name) {
    const fs::path folder = name.empty() ? search_.base : search_.base / name;
    if (!name.empty() && !seen_.insert(id_of(folder)).second) {
      account_.ignore("folder that is linked twice", "folders that are linked twice", name);
      return;
    }
    const std::string prefix = name.empty() ? "" : name + '/';
    FolderEntries entries = entries_of(folder);
    for (const std::string& file : entries.files)
      if (!ignore_system_file(prefix + file, account_)) files_.push_back(prefix + file);
    for (const std::string& below : entries.folders)
      if (!ignore_unused_folder(search_, prefix + below, account_)) search(prefix + below);
  }

  std::vector<std::string> sorted_files() && {
    std::ranges::sort(files_);
    return std::move(files_);
  }

 private:
  const ImageSearch& search_;
  FileAccount& account_;
  std::set<FolderId> seen_;
  std::vector<std::string> files_;
};

// What the first bytes of a file show.
enum class FileType : uint8_t { image, other_image, other_file, unreadable, special };
struct FileContent {
  FileType type = FileType::image;
  ImageKind kind = ImageKind::none;
};

FileContent inspect_file(const fs::path& path) {
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  if (type != fs::file_type::regular && type != fs::file_type::not_found && type != fs::file_type::none)
    return {.type = FileType::special};
  const bool named = has_image_extension(path);
  try {
    const ImageKind kind = image_kind_of(path);
    if (is_decoded(kind)) return {.type = FileType::image, .kind = kind};
    if (kind != ImageKind::none) return {.type = FileType::other_image, .kind = kind};
    return {.type = named ? FileType::image : FileType::other_file};
  } catch (const Error&) {
    return {.type = named ? FileType::image : FileType::unreadable};  // decoding it reports why
  }
}

void count_ignored(const FileContent& file, const std::string& name, FileAccount& account) {
  switch (file.type) {
    case FileType::image: break;
    case FileType::other_image:
      account.ignore(fmt::format("{} image", name_of(file.kind)), fmt::format("{} images", name_of(file.kind)), name);
      break;
    case FileType::other_file: account.ignore("other file", "other files", name); break;
    case FileType::unreadable: account.ignore("file that cannot be read", "files that cannot be read", name); break;
    case FileType::special: account.ignore("pipe, socket or device", "pipes, sockets or devices", name); break;
  }
}

}  // namespace

bool has_image_extension(const fs::path& name) {
  constexpr std::array<std::string_view, 7> kExtensions = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib"};
  return std::ranges::find(kExtensions, lower_case(name.extension().string())) != kExtensions.end();
}

bool is_system_name(std::string_view name) {
  constexpr std::array<std::string_view, 12> kNames = {
      "__macosx",     "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db",         "desktop.ini", "icon\r", "lost+found",
      "$recycle.bin", "#recycle",  "@recycle",    "system volume information", "__pycache__"};
  return name.starts_with('.') || name.starts_with("@ea") || name.starts_with("@Recycle") ||
         std::ranges::find(kNames, lower_case(name)) != kNames.end();
}

FolderEntries entries_of(const fs::path& folder) {
  FolderEntries entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;  // an entry that cannot be examined counts as a file: opening it reports why
    auto& names = entry->is_directory(ignored) ? entries.folders : entries.files;
    names.push_back(entry->path().filename().string());
  }
  check(!error, "images: cannot read the folder '{}': {}", folder.string(), error.message());
  std::ranges::sort(entries.folders);
  std::ranges::sort(entries.files);
  return entries;
}

bool is_run_folder(const fs::path& folder) {
  FolderEntries entries;
  try {
    entries = entries_of(folder);
  } catch (const Error&) {
    return false;  // reading it later reports why
  }
  if (contains_name(entries.files, "results.jsonl") && is_results_file(folder / "results.jsonl")) return true;
  if (std::ranges::any_of(entries.files, [](const std::string& name) { return has_image_extension(name); }))
    return false;
  constexpr std::array<std::string_view, 4> kMarks = {".lock", "metrics.jsonl", "checkpoint.safetensors",
                                                      "weights.safetensors"};
  if (std::ranges::any_of(kMarks, [&](std::string_view mark) { return contains_name(entries.files, mark); }))
    return true;
  return entries.files.empty() && !entries.folders.empty() &&
         std::ranges::all_of(entries.folders, [&](const std::string& below) {
           // A link may lead back here.
           return !fs::is_symlink(folder / below) && is_run_folder(folder / below);
         });
}

bool is_own_output(const fs::path& folder, const fs::path& out) {
  std::error_code ignored;
  return (!out.empty() && fs::equivalent(folder, out, ignored)) || is_run_folder(folder);
}

bool ignore_system_file(const std::string& path, FileAccount& account) {
  if (!is_system_name(name_in(path))) return false;
  account.ignore("hidden or system file", "hidden or system files", path);
  return true;
}

bool ignore_unused_folder(const ImageSearch& search, const std::string& path, FileAccount& account) {
  if (is_system_name(name_in(path))) {
    account.ignore("hidden or system folder", "hidden or system folders", path);
  } else if (is_own_output(search.base / path, search.out)) {
    account.ignore("folder of results", "folders of results", path);
  } else {
    return false;
  }
  return true;
}

std::vector<std::string> files_below(const ImageSearch& search, const std::string& folder, FileAccount& account) {
  FolderSearch files(search, account);
  files.search(folder);
  return std::move(files).sorted_files();
}

std::vector<std::string> find_images(const ImageSearch& search, const std::string& folder, FileAccount& account) {
  const std::vector<std::string> names = files_below(search, folder, account);
  std::vector<FileContent> contents(names.size());
  parallel_for(static_cast<int64_t>(names.size()), search.threads, [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    contents[at] = inspect_file(search.base / names[at]);
  });
  std::vector<std::string> images;
  for (size_t i = 0; i < names.size(); ++i) {
    if (contents[i].type == FileType::image) {
      images.push_back(names[i]);
    } else {
      count_ignored(contents[i], names[i], account);
    }
  }
  return images;
}

void count_beside(const ImageSearch& search, const std::vector<std::string>& used, FileAccount& account) {
  const FolderEntries entries = entries_of(search.base);
  for (const std::string& name : entries.files) {
    if (!ignore_system_file(name, account))
      account.ignore("file outside the folders of images", "files outside the folders of images", name);
  }
  for (const std::string& name : entries.folders) {
    if (std::ranges::find(used, name) != used.end()) continue;
    if (!ignore_unused_folder(search, name, account)) account.ignore("unused folder", "unused folders", name);
  }
}

}  // namespace cofactor
