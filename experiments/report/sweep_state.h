// How far a sweep has come, kept in its folder for the report's page.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace cofactor {

struct SweepState {
  size_t cells_done = 0, cells = 0;
  double seconds_left = 0.0;  // estimated; negative where nothing is known yet
  std::string time;           // of this state, local: "2026-05-01 13:40"
};

// OUT/progress.json, written whole or not at all. Throws Error where the folder cannot be written to.
void write_sweep_state(const std::filesystem::path& out, const SweepState& state);
// None where the folder has no such file. Throws Error for a file that is none.
std::optional<SweepState> read_sweep_state(const std::filesystem::path& out);

// "12 of 60 cells done, about 34 min left (2026-05-01 13:40)"
std::string to_text(const SweepState& state);

// The local time of day now, as above.
std::string time_of_day();

}  // namespace cofactor
