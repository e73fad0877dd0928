// What files hold, remembered from one start to the next, so that a set of files is read and decoded once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cofactor {

// What a file's size, times and inode say, in numbers that cannot be 0. Another `value` means that the file has to be
// read again; another `contents`, of the size and the time of the last change alone, that it was written to since (and
// not merely linked, say). `settled` is false for a file that was touched within the last two seconds: it may change
// again without a change of its times.
struct FileStamp {
  uint64_t value = 0, contents = 0;
  bool settled = false;
};
// Nothing where there is no such file, or where it is no regular one.
std::optional<FileStamp> stamp_of(const std::filesystem::path& path);

// For the whole process; set before the first scan. Without folders nothing is remembered on the disk.
struct ScanSetup {
  std::vector<std::filesystem::path> folders{};  // the first of them that can be written to holds the cache
  std::string reader{};                          // what decodes the files: another one looks at each of them anew
  // Told now and then, on the calling thread, how many files have been looked at, of how many.
  std::function<void(int64_t done, int64_t all)> progress{};
};
void set_up_scans(ScanSetup setup);
const ScanSetup& scan_setup();

// $XDG_CACHE_HOME/cofactor, or ~/.cache/cofactor; empty where neither is known.
std::filesystem::path user_cache_folder();

// Checksums of the whole files below one folder that were found good. Kept in one file a folder, which is replaced as a
// whole: several processes may use it at once (what one of them found may then be lost). One that is damaged, or was
// written for another folder or reader, counts as empty; one that cannot be written is left. Thread-safe.
class ContentCache {
 public:
  explicit ContentCache(const std::filesystem::path& root);

  // The checksum of the file `name`, where it is known under this stamp.
  std::optional<uint64_t> find(std::string_view name, const FileStamp& stamp);
  // One that is not settled is not remembered.
  void store(std::string_view name, const FileStamp& stamp, uint64_t checksum);
  // Writes what is new.
  void save();

 private:
  struct Entry {
    uint64_t stamp = 0, checksum = 0;
    bool used = false;
  };
  void load(const std::filesystem::path& path);
  std::string to_bytes() const;

  std::string root_, file_name_;
  std::mutex mutex_;                             // guards what follows
  std::unordered_map<uint64_t, Entry> entries_;  // by the name's checksum
  bool changed_ = false;
};

// The process's cache of a folder: made at the first call.
ContentCache& content_cache_of(const std::filesystem::path& root);
// Gives the memory of all of them back.
void forget_content_caches();

}  // namespace cofactor
