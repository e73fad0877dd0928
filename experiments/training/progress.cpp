#include "experiments/training/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "experiments/training/console.h"
#include "experiments/training/duration.h"

namespace cofactor {
namespace {

constexpr auto kShowEvery = std::chrono::milliseconds(100);

// Columns of the terminal, so that the line does not wrap and pile up.
size_t terminal_width(std::FILE* out) {
  winsize size{};
  return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

ConsoleProgress::ConsoleProgress(std::FILE* out, bool terminal, int64_t total_samples)
    : out_(out), terminal_(terminal), total_(total_samples) {}

ConsoleProgress::ConsoleProgress(int64_t total_samples)
    : ConsoleProgress(stdout, isatty(STDOUT_FILENO) == 1, total_samples) {}

ConsoleProgress::~ConsoleProgress() {
  clear();
}

void ConsoleProgress::start(std::string label) {
  label_ = std::move(label);
  epoch_.clear();
  if (!terminal_) note(label_);
}

void ConsoleProgress::advance(int64_t samples) {
  done_ += samples;
  if (terminal_ && Clock::now() - shown_ >= kShowEvery) show();
}

void ConsoleProgress::skip(int64_t samples) {
  total_ -= samples;
}

void ConsoleProgress::note(std::string_view line) {
  clear();
  write(fmt::format("{}\n", line));
}

void ConsoleProgress::epoch(std::string_view line) {
  epoch_ = line;
  if (terminal_) {
    show();
  } else {
    note(fmt::format("  {}", line));
  }
}

void ConsoleProgress::epoch_of(std::string_view label, std::string_view line) {
  if (!terminal_) return note(fmt::format("{}: {}", label, line));
  label_ = label;
  epoch(line);
}

void ConsoleProgress::failure(std::string_view line) {
  clear();
  print_error(line);
}

void ConsoleProgress::write(std::string_view text) {
  if (silent_ || write_text(out_, text)) return;
  silent_ = true;
  print_error(fmt::format("the progress cannot be written to standard output: {}; training continues without it",
                          std::strerror(errno)));
}

void ConsoleProgress::show() {
  shown_ = Clock::now();
  const double seconds = std::chrono::duration<double>(shown_ - began_).count();
  const double rate = seconds > 0.0 ? static_cast<double>(done_) / seconds : 0.0;
  std::string line =
      fmt::format("[{:.0f} samples/s, {} left] {}", rate,
                  rate > 0.0 ? format_duration(static_cast<double>(total_ - done_) / rate) : "?", label_);
  if (!epoch_.empty()) line += "; " + epoch_;
  line.resize(std::min(line.size(), terminal_width(out_) - 1));
  write(fmt::format("\r\x1b[K{}", line));
  visible_ = true;
}

void ConsoleProgress::clear() {
  if (std::exchange(visible_, false)) write("\r\x1b[K");
}

}  // namespace cofactor
