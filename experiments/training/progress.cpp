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

void ConsoleProgress::expect_cells(size_t done, size_t all, int at_once, CellsChanged changed) {
  cells_done_ = done;
  cells_ = all;
  at_once_ = at_once;
  cells_changed_ = std::move(changed);
  if (cells_changed_) cells_changed_(cells_done_, cells_, seconds_left());
}

void ConsoleProgress::cell_done(double seconds, int64_t samples) {
  cells_done_ = std::min(cells_done_ + 1, cells_);
  if (samples > 0) {
    cell_seconds_ += seconds;
    cell_samples_ += samples;
  }
  const std::string left = cells_done_ < cells_ ? fmt::format(", {} left", time_left()) : std::string();
  note(fmt::format("{} of {} cells done{}", cells_done_, cells_, left));
  if (cells_changed_) cells_changed_(cells_done_, cells_, seconds_left());
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
  const double elapsed = seconds();
  const double rate = elapsed > 0.0 ? static_cast<double>(done_) / elapsed : 0.0;
  const std::string cells = cells_ > 0 ? fmt::format("{} of {} cells, ", cells_done_, cells_) : std::string();
  std::string line = fmt::format("[{}{:.0f} samples/s, {} left] {}", cells, rate, time_left(), label_);
  if (!epoch_.empty()) line += "; " + epoch_;
  line.resize(std::min(line.size(), terminal_width(out_) - 1));
  write(fmt::format("\r\x1b[K{}", line));
  visible_ = true;
}

double ConsoleProgress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - began_).count();
}

double ConsoleProgress::seconds_left() const {
  const auto left = static_cast<double>(std::max<int64_t>(total_ - done_, 0));
  if (cell_samples_ > 0) {
    const size_t cells_left = std::max<size_t>(cells_ - cells_done_, 1);
    const auto at_once = static_cast<double>(std::min(static_cast<size_t>(at_once_), cells_left));
    return left * cell_seconds_ / static_cast<double>(cell_samples_) / at_once;
  }
  return done_ > 0 ? left * seconds() / static_cast<double>(done_) : -1.0;
}

std::string ConsoleProgress::time_left() const {
  const double left = seconds_left();
  return left < 0.0 ? "?" : format_duration(left);
}

void ConsoleProgress::clear() {
  if (std::exchange(visible_, false)) write("\r\x1b[K");
}

}  // namespace cofactor
