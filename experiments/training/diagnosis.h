// What is wrong with a run that cannot go on, and what helps: words for its error. What is not certain is called
// likely.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "data/sampler.h"
#include "engine/batch.h"
#include "engine/named_tensor.h"

namespace cofactor {

// Where a phase stands.
struct Standing {
  bool finetuning = false;
  std::string_view loss;  // its name
  double lr = 0.0;        // of this epoch
  int64_t updates = 0;    // of the weights since the phase began
};

// "lower --lr (it is 0.1)", or --pretrain-lr where that is the phase's.
std::string lower_rate(const Standing& at);

// Why a training loss is not finite, as far as the batch and the network's outputs tell.
std::string cause_of_loss(const Standing& at, const Batch& batch, const Tensor& logits);
// Why outputs for samples that were not trained on are not finite.
std::string cause_of_outputs(const Standing& at);
// Why the validation loss is infinite after every epoch.
std::string cause_of_infinite_validation(const Standing& at);

// What is wrong with weights before the first step: "'fc.weight' holds nan at element 3", where they come from, and
// what helps. Empty where all are finite.
std::string wrong_with_initial_weights(const Standing& at, const std::vector<NamedTensor>& weights);

// How to train so that every batch has a sample of each class: what of --sampler and --batch-size makes it certain.
std::string cure_for_skipped_batches(const Split& train, SamplerKind sampler, int64_t batch_size);

}  // namespace cofactor
