#include "data/sets/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>

namespace cofactor {

namespace {

constexpr uint8_t kUnsignedByte = 0x08;
constexpr uint64_t kMaxUnpacked = 1032;             // bytes that a byte of deflate's can stand for
constexpr uint64_t kMaxValues = uint64_t{1} << 30;  // no set of this format has as many
constexpr size_t kFirstChunk = size_t{1} << 20;     // bytes; what is allocated before the file has shown as many

// The bytes of a file in order.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Reads `size` bytes to out, fewer only where the data end; returns how many.
  virtual size_t read(uint8_t* out, size_t size) = 0;
  // How many bytes there can be in all, by the size of the file.
  virtual uint64_t most_bytes() const = 0;
};

// A file as it stands.
class FileSource : public ByteSource {
 public:
  explicit FileSource(const std::filesystem::path& path)
      : path_(path.string()), file_(std::fopen(path_.c_str(), "rb"), &std::fclose) {
    if (!file_) fail("idx: cannot open '{}': {}", path_, std::generic_category().message(errno));
  }

  size_t read(uint8_t* out, size_t size) override {
    const size_t got = std::fread(out, 1, size, file_.get());
    offset_ += got;
    if (std::ferror(file_.get()))
      fail("idx: '{}': reading fails at byte {}: {}", path_, offset_, std::generic_category().message(errno));
    return got;
  }

  uint64_t most_bytes() const override {
    std::error_code error;
    const uint64_t size = std::filesystem::file_size(path_, error);
    return error ? UINT64_MAX : size;  // a pipe's end shows when it comes
  }

  void rewind() {
    std::rewind(file_.get());
    offset_ = 0;
  }
  const std::string& path() const { return path_; }
  size_t offset() const { return offset_; }  // of the next byte

 private:
  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  size_t offset_ = 0;
};

// What gunzip makes of a file. A file may hold several gzip members in a row; whatever else follows is an error.
class GzipSource : public ByteSource {
 public:
  explicit GzipSource(std::unique_ptr<FileSource> file) : file_(std::move(file)) {
    constexpr int kGzipWindow = 15 + 16;  // the largest window; + 16 asks for gzip's header and checksum
    const int status = inflateInit2(&stream_, kGzipWindow);
    check(status == Z_OK, "idx: '{}': zlib does not start: {}", file_->path(), zError(status));
  }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;
  ~GzipSource() override { inflateEnd(&stream_); }

  size_t read(uint8_t* out, size_t size) override {
    size_t done = 0;
    while (done < size && !finished_) {
      if (stream_.avail_in == 0 && !refill())
        fail("idx: '{}': the gzip data is cut short at byte {} of the file, after {} unpacked bytes", file_->path(),
             file_->offset(), unpacked_ + done);
      const size_t room = std::min(size - done, kFirstChunk);
      stream_.next_out = out + done;
      stream_.avail_out = static_cast<uInt>(room);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      done += room - stream_.avail_out;
      if (status == Z_STREAM_END) {
        start_next_member();
      } else {
        check(status == Z_OK || status == Z_BUF_ERROR,
              "idx: '{}': gunzip rejects the data at byte {} of the file, after {} unpacked bytes: {}", file_->path(),
              file_->offset() - stream_.avail_in, unpacked_ + done, stream_.msg ? stream_.msg : zError(status));
      }
    }
    unpacked_ += done;
    return done;
  }

  uint64_t most_bytes() const override {
    uint64_t most = 0;
    return __builtin_mul_overflow(file_->most_bytes(), kMaxUnpacked, &most) ? UINT64_MAX : most;
  }

 private:
  // False at the end of the file.
  bool refill() {
    stream_.next_in = input_.data();
    stream_.avail_in = static_cast<uInt>(file_->read(input_.data(), input_.size()));
    return stream_.avail_in > 0;
  }

  void start_next_member() {
    finished_ = stream_.avail_in == 0 && !refill();
    if (finished_) return;
    const int status = inflateReset(&stream_);
    check(status == Z_OK, "idx: '{}': zlib does not start again: {}", file_->path(), zError(status));
  }

  std::unique_ptr<FileSource> file_;
  z_stream stream_{};
  std::array<uint8_t, 1 << 16> input_;
  size_t unpacked_ = 0;
  bool finished_ = false;
};

std::unique_ptr<ByteSource> open_source(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  check(status.type() != std::filesystem::file_type::not_found, "idx: '{}' does not exist", path.string());
  check(status.type() != std::filesystem::file_type::directory, "idx: '{}' is a folder, not a file", path.string());
  auto file = std::make_unique<FileSource>(path);
  std::array<uint8_t, 2> magic{};
  const size_t got = file->read(magic.data(), magic.size());
  check(got > 0, "idx: '{}' is empty", path.string());
  file->rewind();
  if (magic == std::array<uint8_t, 2>{0x1f, 0x8b}) return std::make_unique<GzipSource>(std::move(file));
  return file;
}

// Byte offsets in these messages count unpacked bytes.
Shape read_header(ByteSource& source, const std::string& path, int expected_rank) {
  std::array<uint8_t, 4 + 4 * Shape::kMaxRank> bytes{};
  const auto size = 4 + 4 * static_cast<size_t>(expected_rank);
  const size_t magic_bytes = source.read(bytes.data(), 4);
  check(magic_bytes == 4, "idx: '{}': cut short at byte {}, inside the header's first 4 bytes", path, magic_bytes);
  check(bytes[0] == 0 && bytes[1] == 0,
        "idx: '{}': bytes {:#04x} {:#04x} at byte 0, where an IDX file has two zeros: this is no IDX file", path,
        bytes[0], bytes[1]);
  check(bytes[2] == kUnsignedByte, "idx: '{}': type {:#04x} at byte 2, where {:#04x} (unsigned byte) was expected",
        path, bytes[2], kUnsignedByte);
  check(bytes[3] == expected_rank, "idx: '{}': rank {} at byte 3, where {} was expected", path, bytes[3],
        expected_rank);
  const size_t got = 4 + source.read(bytes.data() + 4, size - 4);
  check(got == size, "idx: '{}': cut short at byte {}, inside the header of {} bytes", path, got, size);
  Shape shape;
  for (size_t at = 4; at < size; at += 4)
    shape.push_back(int64_t{bytes[at]} << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3]);
  return shape;
}

// Memory grows with what the source delivers, not with what the header says.
std::vector<uint8_t> read_values(ByteSource& source, const std::string& path, const Shape& shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    check(!__builtin_mul_overflow(count, extent, &count),
          "idx: '{}': the extents at byte 4, {}, have more elements than 64 bits count", path, shape);
  const auto total = static_cast<size_t>(count);
  const auto header = 4 + 4 * static_cast<size_t>(shape.rank());
  check(total <= kMaxValues, "idx: '{}': the extents at byte 4, {}, ask for {} bytes; at most {} are read", path, shape,
        total, kMaxValues);
  check(total <= source.most_bytes(),
        "idx: '{}': the extents at byte 4, {}, ask for {} bytes, and the file can hold {}: it is cut short, or the "
        "header lies",
        path, shape, total, source.most_bytes());
  std::vector<uint8_t> values;
  while (values.size() < total) {
    const size_t have = values.size();
    const size_t wanted = std::min(total, std::max(2 * have, kFirstChunk));
    values.resize(wanted);
    const size_t got = have + source.read(values.data() + have, wanted - have);
    check(got == wanted, "idx: '{}': cut short at byte {}, the shape {} asks for {} bytes after the {} of the header",
          path, header + got, shape, total, header);
  }
  uint8_t extra = 0;
  check(source.read(&extra, 1) == 0, "idx: '{}': data goes on at byte {}, where the shape {} says the file ends", path,
        header + total, shape);
  return values;
}

}  // namespace

IdxFile read_idx(const std::filesystem::path& path, int expected_rank) {
  check(expected_rank >= 1 && expected_rank <= Shape::kMaxRank, "idx: the expected rank {} does not lie in [1, {}]",
        expected_rank, Shape::kMaxRank);
  const auto source = open_source(path);
  IdxFile file;
  file.shape = read_header(*source, path.string(), expected_rank);
  file.values = read_values(*source, path.string(), file.shape);
  return file;
}

}  // namespace cofactor
