#include "experiments/own_data/line_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/error.h"
#include "engine/io/utf8.h"
#include "experiments/training/stop.h"

namespace cofactor {

namespace {

constexpr size_t kBytesAtOnce = size_t{1} << 16;

}  // namespace

LineReader::LineReader(const std::filesystem::path& file)
    : name_(file == "-" ? "standard input" : fmt::format("'{}'", printable(file.string()))),
      fd_(file == "-" ? STDIN_FILENO : open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
  check(fd_ >= 0, "{} cannot be opened: {}", name_, std::strerror(errno));
}

LineReader::~LineReader() {
  if (fd_ != STDIN_FILENO) close(fd_);
}

// Reads what there is. Waits in poll, which a signal ends, while read would go on waiting.
bool LineReader::fill() {
  if (ended_) return false;
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t before = buffer_.size();
  check(before < kMaxLineBytes, "{}, line {}: more than {} bytes without a line end", name_, number_ + 1,
        kMaxLineBytes);
  buffer_.resize(before + kBytesAtOnce);
  while (true) {
    StopSignals::check();
    pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, -1) < 0 && errno == EINTR) continue;
    const ssize_t count = read(fd_, buffer_.data() + before, kBytesAtOnce);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    const int reason = errno;
    buffer_.resize(before + static_cast<size_t>(std::max<ssize_t>(count, 0)));
    check(count >= 0, "{} cannot be read: {}", name_, std::strerror(reason));
    ended_ = count == 0;
    return !ended_;
  }
}

std::optional<std::string> LineReader::next() {
  size_t end = 0, searched = 0;  // bytes of the line without a line end
  while ((end = buffer_.find('\n', at_ + searched)) == std::string::npos) {
    searched = buffer_.size() - at_;
    if (!fill()) break;
  }
  if (end == std::string::npos && at_ == buffer_.size()) return std::nullopt;
  std::string line = buffer_.substr(at_, end == std::string::npos ? end : end - at_);
  at_ = end == std::string::npos ? buffer_.size() : end + 1;
  ++number_;
  if (line.ends_with('\r')) line.pop_back();
  if (number_ == 1 && line.starts_with(kUtf8Mark)) line.erase(0, kUtf8Mark.size());
  check(number_ > 1 || !has_utf16_mark(line), "{} is UTF-16, expected UTF-8 (iconv -f UTF-16 -t UTF-8 converts it)",
        name_);
  check(line.find('\0') == std::string::npos, "{}, line {}: a zero byte, which text does not contain", name_, number_);
  return line;
}

}  // namespace cofactor
