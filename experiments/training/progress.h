// Progress of a sweep: one line that is rewritten in place on a terminal, plain lines in a pipe.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
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
  // An epoch of one of several simultaneous runs.
  void epoch_of(std::string_view label, std::string_view line);

 private:
  using Clock = std::chrono::steady_clock;
  void show();
  void clear();
  void write(std::string_view text);

  std::FILE* out_;
  bool terminal_;
  int64_t total_, done_ = 0;
  Clock::time_point began_ = Clock::now(), shown_{};
  std::string label_, epoch_;
  bool visible_ = false, silent_ = false;
};

}  // namespace cofactor
