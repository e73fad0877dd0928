// Several cells of a sweep at once (--jobs), each in a process of its own: oneDNN, OpenMP and CUDA do not survive a
// fork, so the same executable is started anew with the same flags and --worker, which names the cell. A worker trains
// and says how it goes on its standard output, a line of JSON each; the results are written by the one process that
// started it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/report/results.h"
#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"
#include "experiments/sweep/settings.h"
#include "experiments/training/progress.h"

namespace cofactor {

// What a cell has no result of so far.
struct CellTodo {
  Cell cell;
  std::vector<std::string> methods;  // in the experiment's order, ce first
  std::string inputs{};              // checksums of the data, which a process finds too (inputs_text)
};

// The kernels' threads of each of --jobs: an equal share, at least 1. It does not depend on how many cells are left, so
// that a sweep that is taken up again goes on with the same sums.
int threads_per_job(const RunOptions& options);

// Runs each cell in a process, options.jobs of them at once, and hands over their results as they come. A process that
// fails, or dies, does not stop the others. `command` is this program's command line; the processes hold `lock` too, so
// that the folder stays locked until the last has ended, and end when this one does, however it ends. A signal that
// asks for the end (stop.h) is passed on: each writes a checkpoint. Returns how many runs failed, after saying why.
// Throws Error where no process can be started, and Interrupted after a signal.
int run_jobs(const RunOptions& options, const std::vector<CellTodo>& todo, const std::vector<std::string>& command,
             const DirectoryLock& lock, ConsoleProgress& progress, const std::function<void(const Result&)>& finished);

// The worker's side: the cell that options.worker names. Returns its exit code.
int run_worker(const Experiment& experiment, RunOptions options, const ExperimentData& data);

// Makes this process, a worker, end with the one that started it; exits where that one has ended already.
void end_with_parent(const RunOptions& options);

}  // namespace cofactor
