// What a network answers over a whole split, and how good that is.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "data/loader.h"
#include "engine/batch.h"
#include "layers/module.h"

namespace cofactor {

// The network's outputs for every sample of a split, as one batch that a loss can be called on.
struct Predictions {
  Tensor logits;  // (N, classes) f32, on the loader's device
  Batch batch;    // the labels and indices of all N; no inputs
};

// Runs the network in evaluation mode over the loader's epoch 0 (make it sequential), without gradients; training mode
// is as before afterwards. `what` names the split in errors. Throws NotFinite where an output is not finite, and
// Interrupted where a signal asks for the end (stop.h).
Predictions predict(Module& model, Loader& loader, std::string_view what);

// How often class p was answered (the largest logit, the first among equals) where the label is t: counts[p * C + t].
struct Confusion {
  int64_t classes = 0;
  std::vector<int64_t> counts;

  int64_t at(int64_t predicted, int64_t label) const {
    return counts[static_cast<size_t>(predicted * classes + label)];
  }
  int64_t total() const;
  // Percent of answers that are the label.
  double accuracy() const;
  // The accuracy that remains best when the answers' classes are renamed: the assignment of answers to labels that
  // agrees most, by dynamic programming over subsets. Up to 16 classes; above, the accuracy as it is.
  double best_permutation_accuracy() const;
  // The accuracy of answering `answer` always.
  double constant_accuracy(int64_t answer) const;
};
Confusion confusion(const Predictions& predictions);

// Whether a classifier is a good one with its classes exchanged, as DMI, blind to class order, can end: some renaming
// gains 10 points and beats every constant answer by 2.
bool looks_permuted(const Confusion& confusion);

}  // namespace cofactor
