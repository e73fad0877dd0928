// What a person sees while a sweep runs: one line rewritten in place on a terminal, plain lines in a pipe.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace cofactor {

class Progress {
 public:
  // `total_samples`: training samples that the whole sweep will visit, epochs and methods added up.
  Progress(std::FILE* out, bool terminal, int64_t total_samples);
  // To standard output, a terminal or not.
  explicit Progress(int64_t total_samples);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Names what is running now: "clothes-to-bags, rate 0.8, seed 1, dmi".
  void start(std::string label);
  // Training samples visited, or (skip) done by an earlier process: the time left does not count on their speed.
  void advance(int64_t samples);
  void skip(int64_t samples);
  // A line to keep. In a pipe epochs are kept, on a terminal they only show in the progress line.
  void note(std::string_view line);
  void epoch(std::string_view line);

 private:
  using Clock = std::chrono::steady_clock;
  void show();
  void clear();

  std::FILE* out_;
  bool terminal_;
  int64_t total_, done_ = 0;
  Clock::time_point began_ = Clock::now(), shown_{};
  std::string label_, epoch_;
  bool visible_ = false;
};

// "3 s", "12 min 05 s", "4 h 07 min"
std::string format_duration(double seconds);

}  // namespace cofactor
