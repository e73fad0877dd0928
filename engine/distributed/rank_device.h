// Which device each rank uses.
#pragma once

#include <vector>

#include "engine/distributed/communicator.h"

namespace cofactor {

// The device of the kind of `any` that this rank uses: with the index local_rank(), or the only one that it sees, as
// where SLURM gives each rank its own GPU in CUDA_VISIBLE_DEVICES. Ranks share the host's kinds. All ranks call it.
// Throws Error, on all ranks, where a machine has fewer of them than ranks, where two ranks would share one, and where
// one cannot be used.
Device device_of_rank(Communicator& ranks, Device any);

// Which of `devices` of one kind a rank uses, in the order of their indices. Throws Error where there are several, but
// fewer than ranks on the machine.
Device choose_device(const std::vector<Device>& devices, int local_rank, int local_size);

}  // namespace cofactor
