// Files in memory, for parsers that take a path.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>

#include "engine/error.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

class MemoryFile {
 public:
  MemoryFile() : file_(::memfd_create("fuzzed", MFD_CLOEXEC)) {
    check(file_ >= 0, "memfd_create failed");
    path_ = "/proc/self/fd/" + std::to_string(file_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(file_); }

  // Replaces the contents, and returns the path.
  const std::filesystem::path& holding(std::string_view bytes) {
    check(::ftruncate(file_, 0) == 0, "ftruncate failed");
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t written = ::pwrite(file_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
      check(written > 0, "pwrite failed");
      done += static_cast<size_t>(written);
    }
    return path_;
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  int file_;
  std::filesystem::path path_;
};

// A folder in which all files are links to one file in memory.
class MemoryFolder {
 public:
  explicit MemoryFolder(std::initializer_list<const char*> names) {
    for (const char* name : names) std::filesystem::create_symlink(file_.path(), folder_ / name);
  }
  // Replaces the contents of all files, and returns the path of the folder.
  const std::filesystem::path& holding(std::string_view bytes) {
    file_.holding(bytes);
    return folder_.path();
  }

 private:
  MemoryFile file_;
  TemporaryFolder folder_;
};

}  // namespace cofactor::testing
