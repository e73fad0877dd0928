#include "data/images/find_images.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <set>
#include <system_error>
#include <utility>

#include "data/files/look_alikes.h"
#include "data/images/image_kind.h"
#include "data/parallel_for.h"
#include "engine/error.h"

namespace cofactor {

namespace {

namespace fs = std::filesystem;

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return lower;
}

bool contains_name(const std::vector<std::string>& sorted, std::string_view name) {
  return std::ranges::binary_search(sorted, name);
}

// A results file of the project's begins with the experiment's name; another program's file of that name does not.
bool begins_as_results(const fs::path& path) {
  constexpr std::string_view kBeginning = "{\"experiment\":";
  std::ifstream file(path, std::ios::binary);
  std::array<char, kBeginning.size()> bytes{};
  file.read(bytes.data(), bytes.size());
  return std::string_view(bytes.data(), static_cast<size_t>(file.gcount())) == kBeginning;
}

// What tells a folder from all others, by whichever path it is reached.
using FolderId = std::pair<dev_t, ino_t>;
FolderId id_of(const fs::path& folder) {
  struct stat found {};
  check(::stat(folder.c_str(), &found) == 0, "images: the folder '{}' cannot be read: {}", folder.string(),
        std::generic_category().message(errno));
  return {found.st_dev, found.st_ino};
}

// Collects the names of all files below a folder.
class Walk {
 public:
  Walk(const ImageSearch& search, FileAccount& account) : search_(search), account_(account) {
    // A link up to one of these would bring the whole data set into one folder of it.
    for (fs::path above = fs::absolute(search.base).lexically_normal();; above = above.parent_path()) {
      std::error_code ignored;
      if (fs::exists(above, ignored)) seen_.insert(id_of(above));
      if (above == above.parent_path()) break;
    }
  }

  void into(const std::string& name) {
    const fs::path folder = name.empty() ? search_.base : search_.base / name;
    if (!name.empty() && !seen_.insert(id_of(folder)).second) {
      account_.ignore("folder that is linked again", "folders that are linked again", name);
      return;
    }
    const std::string prefix = name.empty() ? "" : name + '/';
    FolderEntries entries = entries_of(folder);
    for (const std::string& file : entries.files) {
      if (is_system_name(file)) {
        account_.ignore("hidden or system file", "hidden or system files", prefix + file);
      } else {
        files_.push_back(prefix + file);
      }
    }
    for (const std::string& below : entries.folders) {
      if (is_system_name(below)) {
        account_.ignore("hidden or system folder", "hidden or system folders", prefix + below);
      } else if (is_own_output(folder / below, search_.out)) {
        account_.ignore("folder of results", "folders of results", prefix + below);
      } else {
        into(prefix + below);
      }
    }
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

// What a look at a file's first bytes found.
enum class Look : uint8_t { image, other_kind, no_image, unreadable, special };
struct LookedAtFile {
  Look look = Look::image;
  ImageKind kind = ImageKind::none;
};

LookedAtFile look_at_file(const fs::path& path) {
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  if (type != fs::file_type::regular && type != fs::file_type::not_found && type != fs::file_type::none)
    return {.look = Look::special};
  const bool named = has_image_extension(path);
  try {
    const ImageKind kind = image_kind_of(path);
    if (is_decoded(kind)) return {.look = Look::image, .kind = kind};
    if (kind != ImageKind::none) return {.look = Look::other_kind, .kind = kind};
    return {.look = named ? Look::image : Look::no_image};
  } catch (const Error&) {
    return {.look = named ? Look::image : Look::unreadable};  // decoding it says why
  }
}

void count_ignored(const LookedAtFile& file, const std::string& name, FileAccount& account) {
  switch (file.look) {
    case Look::image: break;
    case Look::other_kind:
      account.ignore(fmt::format("{} image", name_of(file.kind)), fmt::format("{} images", name_of(file.kind)), name);
      break;
    case Look::no_image: account.ignore("other file", "other files", name); break;
    case Look::unreadable: account.ignore("file that cannot be read", "files that cannot be read", name); break;
    case Look::special: account.ignore("pipe, socket or device", "pipes, sockets or devices", name); break;
  }
}

}  // namespace

bool has_image_extension(const fs::path& name) {
  constexpr std::array<std::string_view, 7> kExtensions = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib"};
  return std::ranges::find(kExtensions, in_lower_case(name.extension().string())) != kExtensions.end();
}

bool is_system_name(std::string_view name) {
  constexpr std::array<std::string_view, 12> kNames = {
      "__macosx",     "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db",         "desktop.ini", "icon\r", "lost+found",
      "$recycle.bin", "#recycle",  "@recycle",    "system volume information", "__pycache__"};
  return name.starts_with('.') || name.starts_with("@ea") || name.starts_with("@Recycle") ||
         std::ranges::find(kNames, in_lower_case(name)) != kNames.end();
}

FolderEntries entries_of(const fs::path& folder) {
  FolderEntries entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;  // an entry that is there but cannot be looked at is a file: opening it says why
    auto& names = entry->is_directory(ignored) ? entries.folders : entries.files;
    names.push_back(entry->path().filename().string());
  }
  check(!error, "images: the folder '{}' cannot be read: {}", folder.string(), error.message());
  std::ranges::sort(entries.folders);
  std::ranges::sort(entries.files);
  return entries;
}

bool is_run_folder(const fs::path& folder) {
  FolderEntries entries;
  try {
    entries = entries_of(folder);
  } catch (const Error&) {
    return false;  // who reads it says why it cannot be
  }
  if (contains_name(entries.files, "results.jsonl") && begins_as_results(folder / "results.jsonl")) return true;
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

std::vector<std::string> files_below(const ImageSearch& search, const std::string& folder, FileAccount& account) {
  Walk walk(search, account);
  walk.into(folder);
  return std::move(walk).sorted_files();
}

std::vector<std::string> find_images(const ImageSearch& search, const std::string& folder, FileAccount& account) {
  const std::vector<std::string> names = files_below(search, folder, account);
  std::vector<LookedAtFile> looks(names.size());
  parallel_for(static_cast<int64_t>(names.size()), search.threads, [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    looks[at] = look_at_file(search.base / names[at]);
  });
  std::vector<std::string> images;
  for (size_t i = 0; i < names.size(); ++i) {
    if (looks[i].look == Look::image) {
      images.push_back(names[i]);
    } else {
      count_ignored(looks[i], names[i], account);
    }
  }
  return images;
}

void count_beside(const ImageSearch& search, const std::vector<std::string>& used, FileAccount& account) {
  const FolderEntries entries = entries_of(search.base);
  for (const std::string& name : entries.files) {
    if (is_system_name(name)) {
      account.ignore("hidden or system file", "hidden or system files", name);
    } else {
      account.ignore("file beside the images' folders", "files beside the images' folders", name);
    }
  }
  for (const std::string& name : entries.folders) {
    if (std::ranges::find(used, name) != used.end()) continue;
    if (is_system_name(name)) {
      account.ignore("hidden or system folder", "hidden or system folders", name);
    } else if (is_own_output(search.base / name, search.out)) {
      account.ignore("folder of results", "folders of results", name);
    } else {
      account.ignore("folder that is not looked into", "folders that are not looked into", name);
    }
  }
}

}  // namespace cofactor
