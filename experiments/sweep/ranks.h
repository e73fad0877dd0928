// A sweep of several ranks, which share every batch (docs/distributed.md). Rank 0 reads and writes all files, decides
// what is left to do and reports; the others train the cells that it names, with it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/distributed/communicator.h"
#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"
#include "experiments/sweep/run.h"

namespace cofactor {

// The ranks of which this process is one, as the environment says; null where it is alone. Throws Error as
// make_communicator does.
std::unique_ptr<Communicator> join_ranks();

// The threads of a rank's kernels: of the cores that it may use, its share with the other ranks of its machine that may
// use the same; at least 1. All ranks call it. Throws Error as Communicator does.
int threads_of_rank(Communicator& ranks);

// Refuses what several ranks cannot do: --jobs, and batches of fewer samples than there are ranks. Throws UsageError.
void check_for_ranks(const Experiment& experiment, const RunOptions& options);

// Throws Error, naming the rank and what differs, unless all ranks run the same version with the same command line on
// the same data. All ranks call it, and wait as long as any takes to come here.
void check_same_on_all(const RunOptions& options, const ExperimentData& data, const std::vector<std::string>& command);

// Rank 0 has the others train a cell with it, and, at the end, tells them that there is none left. For a process that
// is alone both do nothing.
void order_cell(const RunOptions& options, const CellRuns& cell);
void order_end(const RunOptions& options);
// The other ranks' side: trains what rank 0 orders, until the end. Returns the exit code.
int follow_orders(const Experiment& experiment, const RunOptions& options, const ExperimentData& data);

// Chooses how sums of tensors on the device are made (device_sums.h). All ranks call it. Throws Error as that does.
// Returns a line for a person; empty on a device that uses the host's memory, and for a process that is alone.
std::string choose_device_sums(const RunOptions& options);

// "4 ranks share each batch, 2 of them on this machine"; empty for a process that is alone.
std::string describe_ranks(const RunOptions& options);

}  // namespace cofactor
