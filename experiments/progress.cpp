#include "experiments/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace cofactor {
namespace {

constexpr auto kShowEvery = std::chrono::milliseconds(100);

// Columns of the terminal, so that the line does not wrap and pile up.
size_t terminal_width(std::FILE* out) {
  winsize size{};
  return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::max(seconds, 0.0) + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole % 3600 / 60);
}

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
  fmt::print(out_, "{}\n", line);
  std::fflush(out_);
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
  fmt::print(stderr, "{}\n", line);
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
  fmt::print(out_, "\r\x1b[K{}", line);
  std::fflush(out_);
  visible_ = true;
}

void ConsoleProgress::clear() {
  if (std::exchange(visible_, false)) {
    fmt::print(out_, "\r\x1b[K");
    std::fflush(out_);
  }
}

}  // namespace cofactor
