// What a network predicts for a whole split, and how accurate that is.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "data/loader.h"
#include "engine/batch.h"
#include "engine/distributed/communicator.h"
#include "layers/module.h"

namespace cofactor {

// The network's outputs for every sample of a split, as one batch that a loss can be called on.
struct Predictions {
  Tensor logits;  // (N, classes) f32, on the loader's device
  Batch batch;    // the labels and indices of all N; no inputs
};

// Runs the network in evaluation mode, without gradients, over epoch 0 of the loader, which should be sequential; the
// mode is restored afterwards. `what` names the split in errors. Throws NotFinite where an output is not finite, and
// Interrupted where a signal asks the process to end (stop.h).
//
// With `ranks` all of them call it, each with a loader of its share (LoaderOptions::ranks), and all get the outputs for
// every sample. A signal is then left to whoever checks for it on all ranks at once. Throws also as Communicator does.
Predictions predict(Module& model, Loader& loader, std::string_view what, Communicator* ranks = nullptr);

// The softmax of the network's outputs for a split, (N, classes) row-major, in the split's order; empty for an empty
// split. Throws as predict does.
std::vector<float> predict_probabilities(Module& model, const Split& split, Device device, int workers,
                                         std::string_view what, Communicator* ranks = nullptr);

// How often class p was predicted (the largest logit, the first among equals) where the label is t: counts[p * C + t].
struct Confusion {
  int64_t classes = 0;
  std::vector<int64_t> counts;

  int64_t at(int64_t predicted, int64_t label) const {
    return counts[static_cast<size_t>(predicted * classes + label)];
  }
  int64_t total() const;
  // Percent of the predictions that are the label.
  double accuracy() const;
  // The highest accuracy that any renaming of the predicted classes reaches.
  double best_permutation_accuracy() const;
  // The accuracy of always predicting `predicted`.
  double constant_accuracy(int64_t predicted) const;
};
Confusion confusion(const Predictions& predictions);

// Whether a classifier is a good one with its classes exchanged, which a loss that does not depend on class order
// (Loss::depends_on_class_order) can lead to: some renaming gains 10 points and beats every constant prediction by 2.
bool looks_permuted(const Confusion& confusion);

}  // namespace cofactor
