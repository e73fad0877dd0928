// Reads the lines of a pipe, a terminal or a file as they come.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace cofactor {

inline constexpr size_t kMaxLineBytes = size_t{64} << 20;

class LineReader {
 public:
  // "-": standard input. Throws Error, with the system's message, if the file cannot be opened.
  explicit LineReader(const std::filesystem::path& file);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line, without LF or CR LF at its end; nothing at the end. A byte order mark at the beginning is left out.
  // Waits for it. Throws Error, with the line, if it has a zero byte or more than kMaxLineBytes bytes, or reading
  // fails; and Interrupted where a signal asks the process to end (stop.h).
  std::optional<std::string> next();
  // Of the line that next() returned, from 1.
  int64_t number() const { return number_; }
  // "standard input", or the file in quotes.
  const std::string& name() const { return name_; }

 private:
  bool fill();

  std::string name_, buffer_;
  int fd_;
  bool ended_ = false;
  size_t at_ = 0;  // of the first byte of the buffer that no line has had
  int64_t number_ = 0;
};

}  // namespace cofactor
