// Predicts the classes of all inputs with a run's network.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/device.h"
#include "experiments/own_data/predict_inputs.h"
#include "experiments/own_data/predictions_writer.h"
#include "layers/module.h"

namespace cofactor {

struct PredictOptions {
  int64_t batch_size = 64;
  Device device = Device::cpu;
  int workers = 1;  // threads that read batches ahead
};

struct PredictHooks {
  std::function<void(const std::string& reason)> unread{};  // a sample that could not be read, or has no prediction
  std::function<void(int64_t samples)> advance{};
};

struct PredictOutcome {
  int64_t samples = 0, unread = 0;               // all, and those without a prediction
  int64_t labelled = 0, correct = 0, other = 0;  // with a label of the network's classes, those predicted right; with
                                                 // a label that is none of them
};

// Writes the prediction of each sample in the order of the inputs, in batches of the given size; a sample's
// probabilities are the same for every batch size up to rounding. A sample that cannot be read, or for which the
// network's output is not finite, is told to the hook and gets a row without a prediction. Throws Interrupted where a
// signal asks the process to end (stop.h): then, as after any Error, no file is left.
PredictOutcome predict_all(Module& network, PredictionInputs& inputs, PredictionsWriter& writer,
                           const PredictOptions& options, const PredictHooks& hooks = {});

}  // namespace cofactor
