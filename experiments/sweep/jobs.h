// Several cells of a sweep at once (--jobs), each in a process of its own: oneDNN, OpenMP and CUDA do not survive a
// fork, so the same executable is started with the same flags and --worker, which names the cell. A worker trains and
// reports on its standard output, one line of JSON per message; the process that started it writes the results.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "experiments/report/results.h"
#include "experiments/sweep/experiment.h"
#include "experiments/sweep/options.h"
#include "experiments/sweep/run.h"
#include "experiments/training/progress.h"

namespace cofactor {

// The kernels' threads of each of --jobs: an equal share, at least 1. It does not depend on how many cells remain, so
// that a sweep that is resumed adds in the same order.
int threads_per_job(const RunOptions& options);

// Runs each cell in a process, options.jobs of them at once, and passes their results to `finished` as they arrive. A
// process that fails or dies does not stop the others. `inputs` are compared with those that each process finds.
// `command` is this program's command line. The processes hold `lock` too, so that the folder stays locked until the
// last has ended, and end when this one does, however it ends. A signal that asks this process to end (stop.h) is
// passed on, and each writes a checkpoint. Returns how many runs failed, after saying why. Throws Error where no
// process can be started, and Interrupted after a signal.
int run_jobs(const RunOptions& options, std::span<const CellRuns> cells, const DataInputs& inputs,
             const std::vector<std::string>& command, const DirectoryLock& lock, ConsoleProgress& progress,
             const std::function<void(const Result&)>& finished);

// The worker's side: trains the cell that options.worker names. Returns the exit code.
int run_worker(const Experiment& experiment, RunOptions options, const ExperimentData& data);

// The device that options.worker names: the one of the process that started this one, where "auto" may be another.
std::string worker_device(const RunOptions& options);

// Makes this process, a worker, end with the one that started it. Exits where that one has already ended.
void end_with_parent(const RunOptions& options);

}  // namespace cofactor
