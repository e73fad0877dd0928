#include "engine/distributed/launch.h"

#include <charconv>
#include <cstring>

#include "engine/error.h"

namespace cofactor {

namespace {

struct LauncherVariables {
  const char* size;
  const char* rank;
};

constexpr LauncherVariables kLaunchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
    {"PMI_SIZE", "PMI_RANK"},
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},
};

int whole_number(const char* name, const char* text) {
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  check(error == std::errc() && stop == end, "ranks: the environment variable {} is '{}', expected a whole number",
        name, text);
  return value;
}

}  // namespace

Launch read_launch(const std::function<const char*(const char*)>& variable) {
  for (const auto& [size_name, rank_name] : kLaunchers) {
    const char* size = variable(size_name);
    const char* rank = variable(rank_name);
    // Batch jobs of SLURM have SLURM_PROCID alone.
    if (!size && (!rank || std::strcmp(rank_name, "SLURM_PROCID") == 0)) continue;
    check(size && rank, "ranks: the environment variable {} is set and {} is not: a launcher such as mpirun sets both",
          size ? size_name : rank_name, size ? rank_name : size_name);
    Launch launch{.launcher = size_name, .rank = whole_number(rank_name, rank), .size = whole_number(size_name, size)};
    check(launch.size >= 1, "ranks: the environment variable {} is {}, expected at least 1", size_name, launch.size);
    check(launch.rank >= 0 && launch.rank < launch.size,
          "ranks: the environment variable {} is {}, expected 0 to {} ({} is {})", rank_name, launch.rank,
          launch.size - 1, size_name, launch.size);
    return launch;
  }
  return {};
}

}  // namespace cofactor
