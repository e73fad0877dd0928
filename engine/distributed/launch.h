// What the environment says of the run that a process belongs to.
#pragma once

#include <functional>
#include <string>

namespace cofactor {

struct Launch {
  std::string launcher;  // the variable that says so, as "OMPI_COMM_WORLD_SIZE"; empty: no launcher
  int rank = 0;
  int size = 1;
};

// Reads the variables of the launchers of MPI programs, the first that are set: OMPI_COMM_WORLD_SIZE and _RANK (Open
// MPI's mpirun), PMI_SIZE and PMI_RANK (MPICH's and Intel's), SLURM_STEP_NUM_TASKS and SLURM_PROCID (srun). An sbatch
// or salloc job outside of srun has no step, and so is one process. `variable` looks up a variable; null where it is
// not set. Throws Error where only one of a pair is set, for what is not a number, and unless 0 <= rank < size.
Launch read_launch(const std::function<const char*(const char* name)>& variable);

}  // namespace cofactor
