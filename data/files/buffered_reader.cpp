#include "data/files/buffered_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "engine/error.h"

namespace cofactor {

namespace {

// The size of the buffer: two pieces, or all of a smaller file.
size_t room_for(const std::filesystem::path& path) {
  constexpr size_t kMax = 2 * BufferedReader::kPiece;
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  return error || size >= kMax ? kMax : static_cast<size_t>(size) + 1;
}

}  // namespace

BufferedReader::BufferedReader(const std::filesystem::path& path, std::string_view what)
    : path_(path.string()), what_(what), file_(std::fopen(path_.c_str(), "rb"), &std::fclose), buffer_(room_for(path)) {
  if (!file_) fail("{}: cannot open '{}': {}", what_, path_, std::generic_category().message(errno));
}

std::string_view BufferedReader::peek(size_t size) {
  while (end_ - begin_ < size && refill()) continue;
  return {buffer_.data() + begin_, std::min(size, end_ - begin_)};
}

void BufferedReader::skip(size_t size) {
  begin_ += size;
  offset_ += size;
}

std::string_view BufferedReader::take(size_t size) {
  const auto bytes = peek(size);
  skip(bytes.size());
  return bytes;
}

std::optional<std::string_view> BufferedReader::take_until(char mark, size_t limit, bool may_end) {
  size_t searched = 0;
  for (;;) {
    const size_t buffered = std::min(end_ - begin_, limit + 1);
    const void* found = std::memchr(buffer_.data() + begin_ + searched, mark, buffered - searched);
    if (found != nullptr) {
      const auto length = static_cast<size_t>(static_cast<const char*>(found) - (buffer_.data() + begin_));
      return take(length + 1).substr(0, length);
    }
    if (buffered > limit) return std::nullopt;
    searched = buffered;
    if (!refill()) return may_end ? std::optional(take(end_ - begin_)) : std::nullopt;
  }
}

bool BufferedReader::refill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  const size_t got = std::fread(buffer_.data() + end_, 1, std::min(kPiece, buffer_.size() - end_), file_.get());
  if (std::ferror(file_.get()))
    fail("{}: cannot read '{}' at byte {}: {}", what_, path_, offset_ + end_, std::generic_category().message(errno));
  end_ += got;
  return got > 0;
}

}  // namespace cofactor
