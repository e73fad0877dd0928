// Remembers the checksums of files between runs, so that a set of files is read and decoded only once.
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

// A fingerprint of a file's metadata. The numbers are never 0.
struct FileStamp {
  uint64_t value = 0;     // of size, times and inode: if it differs, the file must be read again
  uint64_t contents = 0;  // of size and modification time: if it differs, the file was written to, not merely linked
  bool settled = false;   // false within two seconds of a change, when the next change may leave the times the same
};
// The stamp of a file; nothing if it does not exist or is not a regular file.
std::optional<FileStamp> stamp_of(const std::filesystem::path& path);

// How files are scanned, for the whole process.
struct ScanSetup {
  std::vector<std::filesystem::path> folders{};  // the first one that is writable holds the caches; empty: no caches
  std::string reader{};  // identifies the program that decodes the files; a cache of another one is not used
  // Called from time to time, on the thread that scans, with the number of files scanned and the number of all files.
  std::function<void(int64_t done, int64_t all)> progress{};
};
// Must be called before the first scan.
void set_up_scans(ScanSetup setup);
const ScanSetup& scan_setup();

// $XDG_CACHE_HOME/cofactor, or ~/.cache/cofactor; empty if neither variable is set.
std::filesystem::path user_cache_folder();

// The checksums of the files below one folder that were decoded without error. They are stored in one cache file per
// folder, which is replaced as a whole: several processes may use it at once, though entries of one of them may be
// lost. A cache file that is damaged, or was written for another folder or reader, counts as empty. A cache that cannot
// be written is no error: only time is lost. Thread-safe.
class ContentCache {
 public:
  explicit ContentCache(const std::filesystem::path& root);

  // The checksum of the file `name`, if it is known and the stamp is the same.
  std::optional<uint64_t> find(std::string_view name, const FileStamp& stamp);
  // Remembers a checksum, unless the stamp is not settled.
  void store(std::string_view name, const FileStamp& stamp, uint64_t checksum);
  // Writes the cache file if there are new entries.
  void save();

 private:
  struct Entry {
    uint64_t stamp = 0, checksum = 0;
    bool used = false;
  };
  void load(const std::filesystem::path& path);
  std::string to_bytes() const;

  std::string root_, file_name_;
  std::mutex mutex_;                             // guards the members below
  std::unordered_map<uint64_t, Entry> entries_;  // by the checksum of the name
  bool changed_ = false;
};

// The cache of a folder, shared by the whole process and loaded at the first call.
ContentCache& content_cache_of(const std::filesystem::path& root);
// Frees all caches of the process.
void forget_content_caches();

}  // namespace cofactor
