// A file that lies in memory, for parsers that take a path.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "engine/error.h"

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

  // Replaces what it holds.
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

}  // namespace cofactor::testing
