// A file of any size, read in pieces.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

// Hands out views that hold until the next call. Throws Error, with the path and `what` before it, where the file
// cannot be opened or read.
class BufferedReader {
 public:
  static constexpr size_t kPiece = size_t{1} << 20;  // bytes read at once

  BufferedReader(const std::filesystem::path& path, std::string_view what);

  const std::string& path() const { return path_; }
  size_t offset() const { return offset_; }  // of the next byte
  bool at_end() { return begin_ == end_ && !refill(); }

  // The next bytes without passing over them: `size`, or as many as are left. size <= kPiece.
  std::string_view peek(size_t size);
  void skip(size_t size);
  // The next `size` bytes, fewer only where the file ends.
  std::string_view take(size_t size);

  // The bytes before the next `mark`, which is passed over too; nothing where none comes within `limit` bytes (at most
  // kPiece). The file's end stands for the mark where may_end says so.
  std::optional<std::string_view> take_until(char mark, size_t limit, bool may_end);

 private:
  // Buffers more of the file; false at its end.
  bool refill();

  std::string path_, what_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0;  // of what is buffered and not yet passed over
  size_t offset_ = 0;
};

}  // namespace cofactor
