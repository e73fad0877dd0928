// Progress of a sweep: one line that is rewritten in place on a terminal, plain lines in a pipe.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

namespace cofactor {

// Where a run reports its progress.
class Progress {
 public:
  virtual ~Progress() = default;

  // Names what is running now: "clothes-to-bags, rate 0.8, seed 1, dmi".
  virtual void start(std::string label) = 0;
  // Training samples that were visited, and (skip) those that need not be: the estimate of the time left ignores them.
  virtual void advance(int64_t samples) = 0;
  virtual void skip(int64_t samples) = 0;
  // A line to keep, and one for each epoch, which a pipe keeps and a terminal shows in the progress line only.
  virtual void note(std::string_view line) = 0;
  virtual void epoch(std::string_view line) = 0;
  // A run has failed: a line for standard error.
  virtual void failure(std::string_view line) = 0;
};

// Where its file can no longer be written to, it says so once on standard error and is silent afterwards.
class ConsoleProgress : public Progress {
 public:
  // `total_samples`: training samples that the whole sweep will visit, over all epochs and methods.
  ConsoleProgress(std::FILE* out, bool terminal, int64_t total_samples);
  // To standard output, a terminal or not.
  explicit ConsoleProgress(int64_t total_samples);
  ~ConsoleProgress() override;
  ConsoleProgress(const ConsoleProgress&) = delete;
  ConsoleProgress& operator=(const ConsoleProgress&) = delete;

  void start(std::string label) override;
  void advance(int64_t samples) override;
  void skip(int64_t samples) override;
  void note(std::string_view line) override;
  void epoch(std::string_view line) override;
  void failure(std::string_view line) override;
  // The cells of the sweep: those that are done at the start, all, and how many are trained at once. `changed` is
  // called now and whenever a cell is done, with the seconds left, which are negative where nothing is known yet.
  using CellsChanged = std::function<void(size_t done, size_t all, double seconds_left)>;
  void expect_cells(size_t done, size_t all, int at_once, CellsChanged changed = {});
  // A cell has ended well, after this time and so many samples in it: a line with the cells that are done and the time
  // left. From then on that time is estimated from what finished cells took, with their tests.
  void cell_done(double seconds, int64_t samples);
  // Those that were visited so far.
  int64_t samples() const { return done_; }
  // An epoch of one of several simultaneous runs.
  void epoch_of(std::string_view label, std::string_view line);

 private:
  using Clock = std::chrono::steady_clock;
  void show();
  double seconds() const;  // since the beginning
  double seconds_left() const;
  std::string time_left() const;
  void clear();
  void write(std::string_view text);

  std::FILE* out_;
  bool terminal_;
  int64_t total_, done_ = 0;
  size_t cells_done_ = 0, cells_ = 0;
  int at_once_ = 1;
  CellsChanged cells_changed_;
  double cell_seconds_ = 0.0;  // of the cells that were finished here
  int64_t cell_samples_ = 0;   // likewise
  Clock::time_point began_ = Clock::now(), shown_{};
  std::string label_, epoch_;
  bool visible_ = false, silent_ = false;
};

}  // namespace cofactor
