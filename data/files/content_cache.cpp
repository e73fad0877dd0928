#include "data/files/content_cache.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

#include "data/checksum.h"
#include "engine/error.h"
#include "engine/io/file.h"

namespace cofactor {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCacheHead = "cofactor content cache 1\n";
constexpr std::string_view kCacheEnding = ".cache";
constexpr size_t kEntryBytes = 3 * sizeof(uint64_t);
constexpr size_t kMaxEntries = size_t{1} << 22;  // of one cache: 96 MiB; beyond it only those in use are kept
constexpr size_t kMaxCaches = 64;                // in the folder of caches; the oldest are removed
constexpr int64_t kSecond = 1'000'000'000;       // in nanoseconds
constexpr int64_t kSettlingTime = 2 * kSecond;   // the resolution of the coarsest file system times (FAT)

ScanSetup& setup_of_process() {
  static ScanSetup setup;
  return setup;
}

struct Caches {
  std::mutex mutex;  // guards by_root
  std::map<fs::path, std::unique_ptr<ContentCache>> by_root;
};

Caches& caches_of_process() {
  static Caches caches;
  return caches;
}

int64_t nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * kSecond + int64_t{time.tv_nsec};
}

fs::path absolute_environment(const char* name) {
  const char* value = std::getenv(name);
  fs::path path = value == nullptr ? "" : value;
  return path.is_absolute() ? path : fs::path();
}

// The canonical path of the folder, so that different spellings of it share a cache.
std::string canonical_text(const fs::path& root) {
  std::error_code error;
  const fs::path canonical = fs::canonical(root, error);
  return error ? fs::absolute(root, error).string() : canonical.string();
}

void remove_oldest_caches(const fs::path& folder) {
  std::error_code ignored;
  std::vector<std::pair<fs::file_time_type, fs::path>> caches;
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
    if (entry->path().extension() == kCacheEnding) caches.emplace_back(entry->last_write_time(ignored), entry->path());
  }
  std::ranges::sort(caches);
  for (size_t i = 0; i + kMaxCaches < caches.size(); ++i) fs::remove(caches[i].second, ignored);
}

void append_word(std::string& bytes, uint64_t word) {
  bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
}

uint64_t word_at(std::string_view bytes, size_t at) {
  uint64_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

}  // namespace

std::optional<FileStamp> stamp_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const int64_t modified = nanoseconds(status.st_mtim), changed = nanoseconds(status.st_ctim);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const int64_t age = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count() - std::max(modified, changed);
  // Size and modification time come first: FileStamp::contents covers these two.
  const uint64_t words[] = {static_cast<uint64_t>(status.st_size), static_cast<uint64_t>(modified),
                            static_cast<uint64_t>(changed), static_cast<uint64_t>(status.st_ino)};
  return FileStamp{.value = checksum_of(words, sizeof words) | 1,
                   .contents = checksum_of(words, 2 * sizeof words[0]) | 1,
                   .settled = age > kSettlingTime};
}

void set_up_scans(ScanSetup setup) {
  setup_of_process() = std::move(setup);
}

const ScanSetup& scan_setup() {
  return setup_of_process();
}

fs::path user_cache_folder() {
  if (const fs::path folder = absolute_environment("XDG_CACHE_HOME"); !folder.empty()) return folder / "cofactor";
  const fs::path home = absolute_environment("HOME");
  return home.empty() ? fs::path() : home / ".cache" / "cofactor";
}

ContentCache::ContentCache(const fs::path& root)
    : root_(canonical_text(root)), file_name_(checksum_text(checksum_of(root_)) + std::string(kCacheEnding)) {
  for (const fs::path& folder : scan_setup().folders) {
    load(folder / file_name_);
    if (!entries_.empty()) return;
  }
}

std::optional<uint64_t> ContentCache::find(std::string_view name, const FileStamp& stamp) {
  const std::scoped_lock lock(mutex_);
  const auto found = entries_.find(checksum_of(name));
  if (found == entries_.end() || found->second.stamp != stamp.value) return std::nullopt;
  found->second.used = true;
  return found->second.checksum;
}

void ContentCache::store(std::string_view name, const FileStamp& stamp, uint64_t checksum) {
  if (!stamp.settled) return;
  const std::scoped_lock lock(mutex_);
  entries_[checksum_of(name)] = {.stamp = stamp.value, .checksum = checksum, .used = true};
  changed_ = true;
}

void ContentCache::save() {
  const std::scoped_lock lock(mutex_);
  if (!std::exchange(changed_, false)) return;
  for (const fs::path& folder : scan_setup().folders) {
    load(folder / file_name_);  // entries that other processes have added
    if (entries_.size() > kMaxEntries) std::erase_if(entries_, [](const auto& entry) { return !entry.second.used; });
    try {
      ensure_writable_directory(folder);
      write_file_atomically(folder / file_name_, to_bytes());
      remove_oldest_caches(folder);
      return;
    } catch (const Error&) {
      continue;
    }
  }
}

// Adds the entries of a cache file; those already in memory are newer and are kept.
void ContentCache::load(const fs::path& path) {
  std::string bytes;
  try {
    if (!stamp_of(path)) return;
    bytes = read_file(path);
  } catch (const Error&) {
    return;
  }
  std::string head(kCacheHead);
  append_word(head, checksum_of(root_));
  append_word(head, checksum_of(scan_setup().reader));
  const size_t frame = head.size() + sizeof(uint64_t);  // the last word is the checksum of all before it
  if (!bytes.starts_with(head) || bytes.size() < frame || (bytes.size() - frame) % kEntryBytes != 0) return;
  const std::string_view rest = std::string_view(bytes).substr(0, bytes.size() - sizeof(uint64_t));
  if (word_at(bytes, rest.size()) != checksum_of(rest)) return;
  entries_.reserve((bytes.size() - frame) / kEntryBytes);
  for (size_t at = head.size(); at < rest.size(); at += kEntryBytes) {
    entries_.try_emplace(word_at(rest, at), Entry{.stamp = word_at(rest, at + sizeof(uint64_t)),
                                                  .checksum = word_at(rest, at + 2 * sizeof(uint64_t))});
  }
}

std::string ContentCache::to_bytes() const {
  std::string bytes(kCacheHead);
  append_word(bytes, checksum_of(root_));
  append_word(bytes, checksum_of(scan_setup().reader));
  for (const auto& [name, entry] : entries_) {
    for (const uint64_t word : {name, entry.stamp, entry.checksum}) append_word(bytes, word);
  }
  append_word(bytes, checksum_of(bytes));
  return bytes;
}

ContentCache& content_cache_of(const fs::path& root) {
  Caches& caches = caches_of_process();
  const std::scoped_lock lock(caches.mutex);
  auto& cache = caches.by_root[root];
  if (cache == nullptr) cache = std::make_unique<ContentCache>(root);
  return *cache;
}

void forget_content_caches() {
  Caches& caches = caches_of_process();
  const std::scoped_lock lock(caches.mutex);
  caches.by_root.clear();
}

}  // namespace cofactor
