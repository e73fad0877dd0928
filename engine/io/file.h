// Reading files, and writing them whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

// The bytes of a file or pipe. Throws Error, with the path and the system's message, where it cannot be read, is a
// device, or has more bytes than there is memory.
std::string read_file(const std::filesystem::path& path);

// Writes `contents` to a temporary file beside `path`, flushes it to the disk and renames it over `path`: a reader, or
// a run after a crash, sees the old file or the new one. Throws Error (unwritable folder, full disk) and then leaves no
// temporary file and the old file unchanged.
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

// A file written piece by piece, and put in place whole or not at all, as write_file_atomically does. Functions throw
// Error as that does.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  // Removes the temporary file, unless commit() has put it in place.
  ~AtomicFile();

  void append(std::string_view bytes);
  // Flushes the file and puts it in place. Nothing may be appended afterwards.
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int fd_ = -1;
};

// The bytes of a file, mapped into memory: pages are read when they are used, and are not this process's own memory. A
// pipe is read whole.
class MappedFile {
 public:
  // Throws Error, with the path and the system's message, where the file cannot be opened or mapped, or is a device.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::string_view bytes() const { return bytes_; }
  const std::filesystem::path& path() const { return path_; }
  // Throws Error if the file was written to, or made shorter, since it was mapped. To use bytes that are no longer in
  // the file ends the process with SIGBUS, so call this before each use in a long run.
  void check_unchanged() const;

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  int64_t seconds_ = 0, nanoseconds_ = 0;  // when the file was last written to
  std::string read_;                       // of a pipe
  std::string_view bytes_;
};

// Creates a folder and its parents. Throws Error where it cannot, or where it cannot be written to.
void ensure_writable_directory(const std::filesystem::path& path);

}  // namespace cofactor
