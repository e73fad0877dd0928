// Lines of results.jsonl as full runs of the paper's protocol write them.
#pragma once

#include <string>

#include "experiments/report/results.h"

namespace cofactor::testing {

// A run of Fashion-MNIST with all epochs and data.
inline Result full_run(double rate, const std::string& method, uint64_t seed, double accuracy) {
  Result run;
  run.experiment = "fashion_mnist";
  run.noise = "clothes-to-bags";
  run.rate = rate;
  run.method = method;
  run.seed = seed;
  run.test_accuracy = accuracy;
  run.majority_accuracy = 90.0;
  run.epochs = 20;
  run.best_epoch = 19;
  run.seconds = 36.0;
  run.device = "cpu";
  run.precision = "f32";
  run.threads = 1;
  run.version = "0.1.0+abc";
  run.settings = R"({"data":{"train":{"samples":50000}},"pretraining":{"epochs":20}})";
  return run;
}

// The line of a run with U, T and two epochs.
inline std::string recorded_line(const Result& run) {
  std::string line = to_json(run);
  line.pop_back();
  return line + R"(,"joint_matrix":[[0.1,0.18],[0,0.72]],"transition":[[1,0],[0.2,0.8]],)"
                R"("metrics":[{"epoch":0,"train_loss":3.5,"valid_loss":null,"valid_accuracy":70},)"
                R"({"epoch":1,"train_loss":2.5,"valid_loss":2.25,"valid_accuracy":80.5}]})";
}

}  // namespace cofactor::testing
