#include "engine/io/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "engine/error.h"

namespace cofactor {

namespace {

std::string system_text(int error) {
  return std::generic_category().message(error);
}

// Fails where a system call did not return 0; `what` could not be done to the file.
void require(int result, const std::filesystem::path& path, std::string_view what) {
  check(result == 0, "write: '{}' cannot be {}: {}", path.string(), what, system_text(errno));
}

// An open file descriptor, closed with its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// Removes a file with its scope.
class RemovedFile {
 public:
  explicit RemovedFile(std::filesystem::path path) : path_(std::move(path)) {}
  RemovedFile(const RemovedFile&) = delete;
  RemovedFile& operator=(const RemovedFile&) = delete;
  ~RemovedFile() { ::unlink(path_.c_str()); }

 private:
  std::filesystem::path path_;
};

std::filesystem::path folder_of(const std::filesystem::path& path) {
  const auto parent = path.parent_path();
  return parent.empty() ? "." : parent;
}

// Creates a new file named after `path` in the same folder: hidden, unique to this process and call. Returns its
// descriptor, or -1 with errno set.
int create_beside(const std::filesystem::path& path, std::filesystem::path& name) {
  static std::atomic<unsigned> counter{0};
  for (;;) {
    name = folder_of(path) / fmt::format(".{}.{}.{}.tmp", path.filename().string(), ::getpid(), counter++);
    const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST) return fd;  // a crashed run with this process id may have left one
  }
}

void write_all(int fd, std::string_view contents, const std::filesystem::path& path) {
  for (size_t done = 0; done < contents.size();) {
    const ssize_t written = ::write(fd, contents.data() + done, contents.size() - done);
    if (written < 0 && errno == EINTR) continue;
    check(written >= 0, "write: '{}' failed after {} of {} bytes: {}", path.string(), done, contents.size(),
          system_text(errno));
    done += static_cast<size_t>(written);
  }
}

// Makes a rename in this folder survive a power cut. Some file systems offer no such call for folders.
void sync_folder(const std::filesystem::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const bool synced = fd.valid() && ::fsync(fd.get()) == 0;
  check(synced || errno == EINVAL || errno == ENOTSUP || errno == EACCES, "write: folder '{}' cannot be flushed: {}",
        folder.string(), system_text(errno));
}

uint64_t physical_memory() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Makes room for `size` bytes, `path` being the file they are of.
void make_room(std::string& contents, uint64_t size, const std::filesystem::path& path) {
  const uint64_t memory = physical_memory();
  check(size <= memory, "read: '{}' has {} bytes or more, this machine has {} of memory", path.string(), size, memory);
  try {
    contents.resize(static_cast<size_t>(size));
  } catch (const std::bad_alloc&) {
    fail("read: '{}' has {} bytes or more, and there is no memory left for them (ulimit -v, or a container's limit?)",
         path.string(), size);
  }
}

// Opens a file or pipe and examines it. Throws Error if it cannot be opened, or is a device.
Descriptor open_to_read(const std::filesystem::path& path, struct stat& status) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  check(fd.valid(), "read: '{}' cannot be opened: {}", path.string(), system_text(errno));
  const int examined = ::fstat(fd.get(), &status);
  check(examined == 0, "read: '{}' cannot be examined: {}", path.string(), system_text(errno));
  check(!S_ISDIR(status.st_mode), "read: '{}' cannot be opened: {}", path.string(), system_text(EISDIR));
  check(!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode), "read: '{}' is a device, not a file", path.string());
  return fd;
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  struct stat status {};
  const Descriptor fd = open_to_read(path, status);
  // A regular file's size is known, a pipe's is not: read until the end in either case.
  constexpr size_t kChunk = size_t{1} << 16;
  std::string contents;
  make_room(contents, static_cast<uint64_t>(std::max<off_t>(status.st_size, 0)) + 1, path);
  for (size_t done = 0;;) {
    if (done == contents.size()) make_room(contents, contents.size() + kChunk, path);
    const ssize_t count = ::read(fd.get(), contents.data() + done, contents.size() - done);
    if (count < 0 && errno == EINTR) continue;
    check(count >= 0, "read: '{}' failed at byte {}: {}", path.string(), done, system_text(errno));
    done += static_cast<size_t>(count);
    if (count == 0) {
      contents.resize(done);
      return contents;
    }
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view contents) {
  AtomicFile file(path);
  file.append(contents);
  file.commit();
}

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(path) {
  check(path.has_filename(), "write: '{}' names no file", path.string());
  fd_ = create_beside(path, temporary_);
  check(fd_ >= 0, "write: '{}' cannot be created: {}", path.string(), system_text(errno));
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::append(std::string_view bytes) {
  check(fd_ >= 0, "write: '{}' is in place already", path_.string());
  write_all(fd_, bytes, path_);
}

void AtomicFile::commit() {
  check(fd_ >= 0, "write: '{}' is in place already", path_.string());
  require(::fsync(fd_), path_, "flushed to the disk");
  require(::close(std::exchange(fd_, -1)), path_, "closed");  // a full disk may show here first
  require(::rename(temporary_.c_str(), path_.c_str()), path_, "put in place");
  temporary_.clear();
  sync_folder(folder_of(path_));
}

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  struct stat status {};
  Descriptor fd = open_to_read(path, status);
  if (!S_ISREG(status.st_mode)) {
    read_ = read_file(path);
    bytes_ = read_;
    return;
  }
  seconds_ = status.st_mtim.tv_sec;
  nanoseconds_ = status.st_mtim.tv_nsec;
  const auto size = static_cast<size_t>(status.st_size);
  if (size > 0) {
    void* start = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
    check(start != MAP_FAILED, "read: '{}' of {} bytes cannot be mapped: {}", path.string(), size, system_text(errno));
    bytes_ = {static_cast<const char*>(start), size};
  }
  fd_ = fd.release();
}

MappedFile::~MappedFile() {
  if (fd_ < 0) return;
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
  ::close(fd_);
}

void MappedFile::check_unchanged() const {
  if (fd_ < 0) return;
  struct stat status {};
  const int examined = ::fstat(fd_, &status);
  check(examined == 0, "read: '{}' cannot be examined: {}", path_.string(), system_text(errno));
  check(static_cast<size_t>(status.st_size) == bytes_.size() && status.st_mtim.tv_sec == seconds_ &&
            status.st_mtim.tv_nsec == nanoseconds_,
        "read: '{}' was written to while it was in use", path_.string());
}

void ensure_writable_directory(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  check(!error, "folder '{}' cannot be created: {}", path.string(), error.message());
  check(std::filesystem::is_directory(path, error), "folder '{}' is a file, expected a folder", path.string());
  // Permissions alone do not tell (root, read-only mounts): make a file and remove it.
  std::filesystem::path name;
  const Descriptor fd(create_beside(path / "probe", name));
  check(fd.valid(), "folder '{}' cannot be written to: {}", path.string(), system_text(errno));
  const RemovedFile removed(name);
}

}  // namespace cofactor
