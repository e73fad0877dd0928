// Why a run cannot go on, and the remedy, in words for its error message. A cause that is not certain is called likely.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "data/sampler.h"
#include "engine/batch.h"
#include "engine/distributed/communicator.h"
#include "engine/named_tensor.h"
#include "losses/loss.h"

namespace cofactor {

// The phase in which something went wrong.
struct Standing {
  bool finetuning = false;
  const Loss& loss;
  double lr = 0.0;      // of the phase's first epoch
  int64_t updates = 0;  // of the weights since the phase began
};

// "lower --lr (it is 0.1)"; in pre-training --pretrain-lr.
std::string lower_rate(const Standing& at);

// Why a training loss is not finite, as far as the batch and the network's outputs tell.
std::string cause_of_loss(const Standing& at, const Batch& batch, const Tensor& logits);
// The same where ranks share the batch, each with its own part of it and the outputs for that: what the first rank
// finds whose own inputs or outputs are not finite, or else rank 0. All ranks call it. Throws Error as Communicator
// does.
std::string cause_of_loss(const Standing& at, const Batch& batch, const Tensor& logits, Communicator& ranks);
// Why outputs in evaluation mode are not finite.
std::string cause_of_outputs(const Standing& at);
// Why the validation loss is infinite after every epoch.
std::string cause_of_infinite_validation(const Standing& at);

// What is wrong with the weights before the first step: "'fc.weight' holds nan at element 3", where they come from, and
// the remedy. Empty where all are finite.
std::string wrong_with_initial_weights(const Standing& at, const std::vector<NamedTensor>& weights);

// The values of --sampler and of `flag`, --batch-size or that of Loss::logical_batch, that give every batch a sample of
// each class.
std::string remedy_for_skipped_batches(const Split& train, SamplerKind sampler, int64_t batch_size,
                                       std::string_view flag = "--batch-size");

}  // namespace cofactor
