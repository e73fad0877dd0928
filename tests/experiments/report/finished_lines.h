// Lines of files of runs.
#pragma once

#include <string>

#include "experiments/report/results.h"
#include "tests/experiments/report/example_runs.h"

namespace cofactor::testing {

// The line of a run with U, T and two epochs.
inline std::string recorded_line(const Result& run) {
  std::string line = to_json(run);
  line.pop_back();
  return line +
         R"(,"joint_matrix":[[0.1,0.18],[0,0.72]],"transition":[[1,0],[0.2,0.8]],)"
         R"("metrics":[{"epoch":0,"lr":0.0001,"batches":391,"skipped_batches":0,"seconds":2,"train_loss":3.5,"valid_loss":3.5,"valid_accuracy":70},)"
         R"({"epoch":1,"lr":0.0001,"batches":391,"skipped_batches":0,"seconds":2,"train_loss":2.5,"valid_loss":2.25,"valid_accuracy":80.5}]})";
}

}  // namespace cofactor::testing
