#include "data/sets/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "data/files/buffered_reader.h"
#include "data/files/deflate.h"
#include "data/files/find_folder.h"
#include "engine/error.h"

namespace cofactor {

namespace {

constexpr uint8_t kUnsignedByte = 0x08;
constexpr uint64_t kMaxValues = uint64_t{1} << 30;  // more than any set of this format has
constexpr size_t kFirstChunk = size_t{1} << 20;     // bytes that are allocated before the file has delivered as many

// The bytes of a file, in order.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Reads `size` bytes to `out`, or fewer if the data end; returns how many.
  virtual size_t read(uint8_t* out, size_t size) = 0;
  // The largest number of bytes that there can be, given the size of the file.
  virtual uint64_t max_bytes() const = 0;
};

// The size of the file, which bounds what it can hold; the largest number if it has none, as a pipe.
uint64_t size_of_file(const std::string& path) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  return error ? UINT64_MAX : size;
}

// An uncompressed file.
class PlainSource : public ByteSource {
 public:
  explicit PlainSource(BufferedReader file) : file_(std::move(file)) {}

  size_t read(uint8_t* out, size_t size) override {
    size_t done = 0;
    while (done < size) {
      const std::string_view bytes = file_.take(std::min(size - done, BufferedReader::kPiece));
      if (bytes.empty()) break;
      std::ranges::copy(bytes, out + done);
      done += bytes.size();
    }
    return done;
  }

  uint64_t max_bytes() const override { return size_of_file(file_.path()); }

 private:
  BufferedReader file_;
};

// A gzipped file, which may consist of several gzip members. Anything else after a member is an error.
class GzipSource : public ByteSource {
 public:
  explicit GzipSource(BufferedReader file) : file_(std::move(file)) {
    constexpr int kGzipWindow = 15 + 16;  // the largest window; + 16 asks for gzip's header and checksum
    const int status = inflateInit2(&stream_, kGzipWindow);
    check(status == Z_OK, "idx: '{}': zlib cannot start: {}", file_.path(), zError(status));
  }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;
  ~GzipSource() override { inflateEnd(&stream_); }

  size_t read(uint8_t* out, size_t size) override {
    size_t done = 0;
    while (done < size && !finished_) {
      if (stream_.avail_in == 0 && !refill())
        fail("idx: '{}': the gzip data is cut short at byte {} of the file, after {} unpacked bytes", file_.path(),
             file_.offset(), unpacked_ + done);
      const size_t room = std::min(size - done, kFirstChunk);
      stream_.next_out = out + done;
      stream_.avail_out = static_cast<uInt>(room);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      done += room - stream_.avail_out;
      if (status == Z_STREAM_END) {
        start_next_member();
      } else {
        check(status == Z_OK || status == Z_BUF_ERROR,
              "idx: '{}': the gzip data is damaged at byte {} of the file, after {} unpacked bytes: {}", file_.path(),
              file_.offset() - stream_.avail_in, unpacked_ + done, stream_.msg ? stream_.msg : zError(status));
      }
    }
    unpacked_ += done;
    return done;
  }

  uint64_t max_bytes() const override {
    uint64_t bytes = 0;
    return __builtin_mul_overflow(size_of_file(file_.path()), kMaxInflation, &bytes) ? UINT64_MAX : bytes;
  }

 private:
  // False at the end of the file.
  bool refill() {
    const std::string_view bytes = file_.take(BufferedReader::kPiece);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    return stream_.avail_in > 0;
  }

  void start_next_member() {
    finished_ = stream_.avail_in == 0 && !refill();
    if (finished_) return;
    const int status = inflateReset(&stream_);
    check(status == Z_OK, "idx: '{}': zlib cannot start again: {}", file_.path(), zError(status));
  }

  BufferedReader file_;
  z_stream stream_{};
  size_t unpacked_ = 0;
  bool finished_ = false;
};

std::unique_ptr<ByteSource> open_source(const std::filesystem::path& path) {
  check(!is_missing(path), "idx: '{}' does not exist", path.string());
  check(may_be_file(path), "idx: '{}' is a folder, not a file", path.string());
  BufferedReader file(path, "idx");
  check(!file.at_end(), "idx: '{}' is empty", path.string());
  if (file.peek(2) == "\x1F\x8B") return std::make_unique<GzipSource>(std::move(file));
  return std::make_unique<PlainSource>(std::move(file));
}

// Byte offsets in these messages count unpacked bytes.
Shape read_header(ByteSource& source, const std::string& path, int expected_rank) {
  std::array<uint8_t, 4 + 4 * Shape::kMaxRank> bytes{};
  const auto size = 4 + 4 * static_cast<size_t>(expected_rank);
  const size_t magic_bytes = source.read(bytes.data(), 4);
  check(magic_bytes == 4, "idx: '{}': cut short at byte {}, inside the header's first 4 bytes", path, magic_bytes);
  check(bytes[0] == 0 && bytes[1] == 0,
        "idx: '{}': this is not an IDX file: it begins with the bytes {:#04x} {:#04x}, expected two zeros", path,
        bytes[0], bytes[1]);
  check(bytes[2] == kUnsignedByte, "idx: '{}': type {:#04x} at byte 2, expected {:#04x} (unsigned byte)", path,
        bytes[2], kUnsignedByte);
  check(bytes[3] == expected_rank, "idx: '{}': rank {} at byte 3, expected {}", path, bytes[3], expected_rank);
  const size_t got = 4 + source.read(bytes.data() + 4, size - 4);
  check(got == size, "idx: '{}': cut short at byte {}, inside the header of {} bytes", path, got, size);
  Shape shape;
  for (size_t at = 4; at < size; at += 4)
    shape.push_back(int64_t{bytes[at]} << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3]);
  return shape;
}

// Memory grows with what the source delivers, not with what the header declares.
std::vector<uint8_t> read_values(ByteSource& source, const std::string& path, const Shape& shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    check(!__builtin_mul_overflow(count, extent, &count), "idx: '{}': the extents at byte 4, {}, overflow 64 bits",
          path, shape);
  const auto total = static_cast<size_t>(count);
  const auto header = 4 + 4 * static_cast<size_t>(shape.rank());
  check(total <= kMaxValues, "idx: '{}': the extents at byte 4, {}, need {} bytes, expected at most {}", path, shape,
        total, kMaxValues);
  check(
      total <= source.max_bytes(),
      "idx: '{}': the extents at byte 4, {}, need {} bytes, but the file can hold at most {}: it is cut short, or the "
      "header is wrong",
      path, shape, total, source.max_bytes());
  std::vector<uint8_t> values;
  while (values.size() < total) {
    const size_t have = values.size();
    const size_t wanted = std::min(total, std::max(2 * have, kFirstChunk));
    values.resize(wanted);
    const size_t got = have + source.read(values.data() + have, wanted - have);
    check(got == wanted, "idx: '{}': cut short at byte {}: the shape {} needs {} bytes after the {} of the header",
          path, header + got, shape, total, header);
  }
  uint8_t extra = 0;
  check(source.read(&extra, 1) == 0,
        "idx: '{}': the file continues at byte {}, where it should end according to its shape {}", path, header + total,
        shape);
  return values;
}

}  // namespace

IdxFile read_idx(const std::filesystem::path& path, int expected_rank) {
  check(expected_rank >= 1 && expected_rank <= Shape::kMaxRank,
        "idx: an expected rank of {}, which does not lie in [1, {}]", expected_rank, Shape::kMaxRank);
  const auto source = open_source(path);
  IdxFile file;
  file.shape = read_header(*source, path.string(), expected_rank);
  file.values = read_values(*source, path.string(), file.shape);
  return file;
}

}  // namespace cofactor
