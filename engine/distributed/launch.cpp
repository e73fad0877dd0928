#include "engine/distributed/launch.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "engine/error.h"

namespace cofactor {

namespace {

using Variable = std::function<const char*(const char*)>;

constexpr std::string_view kTorchrun = "WORLD_SIZE", kSrun = "SLURM_STEP_NUM_TASKS";

struct LauncherVariables {
  const char* size;
  const char* rank;
};

constexpr LauncherVariables kTorchrunVariables = {"WORLD_SIZE", "RANK"};
constexpr LauncherVariables kMpiLaunchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"},
    {"PMI_SIZE", "PMI_RANK"},
    {"SLURM_STEP_NUM_TASKS", "SLURM_PROCID"},
};

template <class T>
T number_in(const char* name, const char* text, const char* expected) {
  T value{};
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  check(error == std::errc() && stop == end, "ranks: the environment variable {} is '{}', expected {}", name, text,
        expected);
  return value;
}

int whole_number(const char* name, const char* text) {
  return number_in<int>(name, text, "a whole number");
}

// The rank and the size, in the first two fields of the result; none where the variables are not set.
std::optional<Launch> read_ranks(const Variable& variable, const LauncherVariables& names) {
  const char* size = variable(names.size);
  const char* rank = variable(names.rank);
  // Batch jobs of SLURM have SLURM_PROCID alone.
  if (!size && (!rank || std::strcmp(names.rank, "SLURM_PROCID") == 0)) return {};
  check(size && rank, "ranks: the environment variable {} is set and {} is not: a launcher such as {} sets both",
        size ? names.size : names.rank, size ? names.rank : names.size,
        names.size == kTorchrun ? "torchrun" : "mpirun");
  Launch launch;
  launch.launcher = names.size;
  launch.rank = whole_number(names.rank, rank);
  launch.size = whole_number(names.size, size);
  check(launch.size >= 1, "ranks: the environment variable {} is {}, expected at least 1", names.size, launch.size);
  check(launch.rank >= 0 && launch.rank < launch.size,
        "ranks: the environment variable {} is {}, expected 0 to {} ({} is {})", names.rank, launch.rank,
        launch.size - 1, names.size, launch.size);
  return launch;
}

Launch read_first(const Variable& variable, bool mpi_forced) {
  const bool torchrun =
      variable("RANK") && variable("WORLD_SIZE") && variable("MASTER_ADDR") && variable("MASTER_PORT");
  if (torchrun && !mpi_forced) return *read_ranks(variable, kTorchrunVariables);
  for (const LauncherVariables& names : kMpiLaunchers) {
    if (const auto launch = read_ranks(variable, names)) return *launch;
  }
  return read_ranks(variable, kTorchrunVariables).value_or(Launch{});
}

std::optional<MeetingPoint> read_meeting(const Variable& variable) {
  const char* address = variable("MASTER_ADDR");
  if (!address) return {};
  check(*address != '\0', "ranks: the environment variable MASTER_ADDR is empty, expected the address of rank 0");
  MeetingPoint meeting{address};
  if (const char* port = variable("MASTER_PORT")) {
    meeting.port = whole_number("MASTER_PORT", port);
    check(meeting.port >= 1 && meeting.port <= 65535,
          "ranks: the environment variable MASTER_PORT is {}, expected 1 to 65535", meeting.port);
    // Then torchrun's own process listens at MASTER_PORT.
    const char* agent = variable("TORCHELASTIC_USE_AGENT_STORE");
    if (agent && std::strcmp(agent, "True") == 0) meeting.port = meeting.port < 65535 ? meeting.port + 1 : 65534;
  }
  return meeting;
}

std::optional<LocalPlace> read_local(const Variable& variable) {
  const char* rank = variable("LOCAL_RANK");
  const char* size = variable("LOCAL_WORLD_SIZE");
  if (!rank || !size) return {};
  const LocalPlace local{whole_number("LOCAL_RANK", rank), whole_number("LOCAL_WORLD_SIZE", size)};
  check(local.rank >= 0 && local.rank < local.size,
        "ranks: the environment variable LOCAL_RANK is {}, expected 0 to {} (LOCAL_WORLD_SIZE is {})", local.rank,
        local.size - 1, local.size);
  return local;
}

std::optional<TransportKind> read_forced(const Variable& variable) {
  const char* text = variable("COFACTOR_TRANSPORT");
  if (!text) return {};
  if (std::strcmp(text, "mpi") == 0) return TransportKind::mpi;
  if (std::strcmp(text, "tcp") == 0) return TransportKind::tcp;
  fail("ranks: the environment variable COFACTOR_TRANSPORT is '{}', expected mpi or tcp", text);
}

}  // namespace

Launch read_launch(const std::function<const char*(const char*)>& variable) {
  const auto forced = read_forced(variable);
  Launch launch = read_first(variable, forced == TransportKind::mpi);
  launch.forced = forced;
  if (launch.size == 1) return launch;  // alone: nothing else matters
  launch.meeting = read_meeting(variable);
  // Those of torchrun, beside its rank; an MPI library finds out by itself.
  launch.local = read_local(variable);
  check(!launch.local || launch.local->size <= launch.size,
        "ranks: the environment variable LOCAL_WORLD_SIZE is {}, more than the {} ranks of the run",
        launch.local ? launch.local->size : 0, launch.size);
  for (const char* name : {"TORCHELASTIC_RUN_ID", "COFACTOR_RUN_TOKEN"}) {
    if (const char* run = variable(name)) launch.run = run;
  }
  check(launch.run.size() <= 256, "ranks: the run's token has {} characters, expected at most 256", launch.run.size());
  if (const char* text = variable("COFACTOR_START_TIMEOUT")) {
    const auto seconds = number_in<double>("COFACTOR_START_TIMEOUT", text, "a number of seconds");
    check(std::isfinite(seconds) && seconds > 0.0 && seconds <= 1e6,
          "ranks: the environment variable COFACTOR_START_TIMEOUT is {}, expected a number of seconds above 0 and at "
          "most 1000000",
          seconds);
    launch.start_timeout = std::chrono::duration<double>(seconds);
  }
  return launch;
}

TransportKind transport_of(const Launch& launch, bool has_mpi) {
  const bool torchrun = launch.launcher == kTorchrun, srun = launch.launcher == kSrun;
  const std::string who = fmt::format("ranks: this process was started as rank {} of {} ({} is set)", launch.rank,
                                      launch.size, launch.launcher);
  TransportKind kind = TransportKind::mpi;
  if (launch.forced) {
    kind = *launch.forced;
  } else if (torchrun || (launch.meeting && (srun || !has_mpi))) {
    kind = TransportKind::tcp;
  }
  if (kind == TransportKind::tcp) {
    check(launch.meeting.has_value(), "{}, but MASTER_ADDR is not: over TCP it is the address of rank 0", who);
    check(launch.meeting->port != 0, "{}, and so is MASTER_ADDR, but not MASTER_PORT: a free port of rank 0's machine",
          who);
    return kind;
  }
  check(has_mpi,
        "{}, but this build has no MPI: install Open MPI (libopenmpi-dev, openmpi-bin) and configure again, or set "
        "MASTER_ADDR and MASTER_PORT for ranks that talk over TCP",
        who);
  check(!torchrun, "{} by no launcher of MPI programs, but COFACTOR_TRANSPORT is mpi", who);
  return kind;
}

}  // namespace cofactor
