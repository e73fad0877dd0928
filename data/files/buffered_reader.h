// Reads a file of any size through a buffer.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

// The views that it returns are valid until the next call. Throws Error, with the path and prefixed with `what`, if the
// file cannot be opened or read.
class BufferedReader {
 public:
  static constexpr size_t kPiece = size_t{1} << 20;  // bytes read at once

  BufferedReader(const std::filesystem::path& path, std::string_view what);

  const std::string& path() const { return path_; }
  size_t offset() const { return offset_; }  // of the next byte, from the beginning of the file
  bool at_end() { return begin_ == end_ && !refill(); }

  // The next `size` bytes, or fewer at the end of the file, without consuming them. size <= kPiece.
  std::string_view peek(size_t size);
  // Consumes `size` bytes that were peeked at.
  void skip(size_t size);
  // Consumes and returns the next `size` bytes, or fewer at the end of the file. size <= kPiece.
  std::string_view take(size_t size);

  // Consumes the bytes up to and including the next `mark`, and returns those before it; returns nothing, and consumes
  // nothing, if no mark follows within `limit` bytes (at most kPiece). If may_end is true, the end of the file counts
  // as a mark.
  std::optional<std::string_view> take_until(char mark, size_t limit, bool may_end);

 private:
  // Buffers more of the file; false at its end.
  bool refill();

  std::string path_, what_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;  // of the bytes that are buffered and not consumed
  size_t offset_ = 0;
};

}  // namespace cofactor
