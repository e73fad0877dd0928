#include "experiments/report/watch.h"

#include <chrono>
#include <thread>

#include "engine/error.h"
#include "experiments/report/shards.h"
#include "experiments/training/console.h"
#include "experiments/training/stop.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

std::string stamp(const fs::path& file) {
  std::error_code absent;
  const auto size = fs::file_size(file, absent);
  if (absent) return "absent";
  const auto time = fs::last_write_time(file, absent).time_since_epoch().count();
  return absent ? "absent" : fmt::format("{} {}", size, time);
}

void pause_for(double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    StopSignals::check();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  StopSignals::check();
}

}  // namespace

std::string state_of(const std::vector<fs::path>& paths) {
  std::string state;
  for (const fs::path& path : with_shards(paths)) {
    std::error_code error;
    const bool is_folder = fs::is_directory(path, error);
    state += stamp(is_folder ? path / "results.jsonl" : path) + "\n";
    if (is_folder) state += stamp(path / "progress.json") + "\n";
  }
  for (const std::string& run : runs_underway(paths)) state += run + "\n";
  return state;
}

void watch(const std::vector<fs::path>& paths, double seconds, const std::function<void()>& write) {
  const StopSignals signals;
  std::string written;
  while (true) {
    const std::string state = state_of(paths);  // before the files are read: what changes meanwhile is written again
    if (state != written) {
      try {
        write();
        written = state;
      } catch (const Error& error) {
        print_error(fmt::format("report: {}", error.what()));
      }
    }
    pause_for(seconds);
  }
}

}  // namespace cofactor
