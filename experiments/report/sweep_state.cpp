#include "experiments/report/sweep_state.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <ctime>

#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "experiments/training/duration.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

fs::path state_file(const fs::path& out) {
  return out / "progress.json";
}

}  // namespace

void write_sweep_state(const fs::path& out, const SweepState& state) {
  const Json json = {{"cells_done", state.cells_done},
                     {"cells", state.cells},
                     {"seconds_left", std::round(state.seconds_left)},
                     {"time", state.time}};
  write_file_atomically(state_file(out), write_json(json) + "\n");
}

std::optional<SweepState> read_sweep_state(const fs::path& out) {
  const fs::path path = state_file(out);
  if (!fs::exists(path)) return std::nullopt;
  try {
    const Json json = parse_json(read_file(path));
    SweepState state{.cells_done = field<size_t>(json, "cells_done"),
                     .cells = field<size_t>(json, "cells"),
                     .seconds_left = field<double>(json, "seconds_left"),
                     .time = field<std::string>(json, "time")};
    check(state.cells_done <= state.cells, "{} of {} cells are done", state.cells_done, state.cells);
    return state;
  } catch (const Error& error) {
    fail("{}: {}", path.string(), error.what());
  }
}

std::string to_text(const SweepState& state) {
  const bool is_done = state.cells_done == state.cells;
  const std::string left = is_done || !(state.seconds_left >= 0.0)
                               ? std::string()
                               : fmt::format(", about {} left", format_duration(state.seconds_left));
  return fmt::format("{} of {} cells done{} ({})", state.cells_done, state.cells, left, state.time);
}

std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M", &local);
  return text.data();
}

}  // namespace cofactor
