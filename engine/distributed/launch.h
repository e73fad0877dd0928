// What the environment says of the run that a process belongs to.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace cofactor {

// Where the ranks of a run over TCP meet: rank 0 listens there.
struct MeetingPoint {
  std::string address;  // MASTER_ADDR: a name, or an IPv4 or IPv6 address
  int port = 0;         // MASTER_PORT; the next one where TORCHELASTIC_USE_AGENT_STORE says that torchrun listens there
};

// A rank among those on its machine.
struct LocalPlace {
  int rank = 0, size = 1;
};

enum class TransportKind { mpi, tcp };

struct Launch {
  std::string launcher;  // the variable that says so, as "OMPI_COMM_WORLD_SIZE"; empty: no launcher
  int rank = 0;
  int size = 1;
  std::optional<MeetingPoint> meeting;                                     // where MASTER_ADDR is set
  std::optional<LocalPlace> local;                                         // where LOCAL_RANK and LOCAL_WORLD_SIZE are
  std::optional<TransportKind> forced;                                     // COFACTOR_TRANSPORT
  std::string run;                                                         // ranks of one run have the same: see below
  std::chrono::duration<double> start_timeout = std::chrono::seconds(30);  // COFACTOR_START_TIMEOUT, in seconds
};

// Reads the variables of launchers. The first of these that is set says rank and size:
//   RANK and WORLD_SIZE, if MASTER_ADDR and MASTER_PORT are set too (torchrun): before all others, since torchrun is
//     itself often started by one of them, once per machine; after all others where COFACTOR_TRANSPORT is mpi,
//   OMPI_COMM_WORLD_RANK and _SIZE (Open MPI's mpirun),
//   PMI_RANK and PMI_SIZE (MPICH's and Intel's),
//   SLURM_PROCID and SLURM_STEP_NUM_TASKS (srun); an sbatch or salloc job outside of srun has no step, and so is one
//     process,
//   RANK and WORLD_SIZE without the other two.
// `run` is COFACTOR_RUN_TOKEN, else TORCHELASTIC_RUN_ID, else empty. `variable` looks up a variable; null where it is
// not set. Throws Error where only one of a pair is set, for what is not a number, unless 0 <= rank < size, for a port
// outside of 1 to 65535, and for a COFACTOR_TRANSPORT that is neither mpi nor tcp.
Launch read_launch(const std::function<const char*(const char* name)>& variable);

// What carries the messages of a launch of several ranks: what COFACTOR_TRANSPORT says; else TCP for torchrun's
// variables, and for srun's where MASTER_ADDR is set; else MPI, or TCP where this build has no MPI and MASTER_ADDR is
// set. Throws Error where that needs MPI and there is none, or MASTER_ADDR or MASTER_PORT and it is not set.
TransportKind transport_of(const Launch& launch, bool has_mpi);

}  // namespace cofactor
