// What decides how training runs on a machine. Of these the device and the sampler also decide the result, and the
// number of threads its last digits.
#pragma once

#include "data/sampler.h"
#include "engine/device.h"

namespace cofactor {

class Communicator;
class StepProfile;

struct TrainerOptions {
  Device device = Device::cpu;
  SamplerKind sampler = SamplerKind::shuffled;
  int threads = 1;                  // of the host's kernels
  int workers = 1;                  // threads that read batches ahead
  bool cuda_graph = true;           // records a training step once and replays it, where the device can
  double checkpoint_every = 300.0;  // seconds between checkpoints within an epoch; 0: none
  StepProfile* profile = nullptr;   // of the next run's steps; null: none
  bool may_skip_broken = false;     // --skip-broken would leave out images that cannot be read
  // The processes that share every batch (docs/distributed.md); null: this one is alone. It outlives the training.
  Communicator* ranks = nullptr;
  bool synchronise_batch_norm = false;  // over the ranks; decides the result
  bool bf16_sums = false;               // of gradients over the ranks
};

// Whether this process writes the files of a run: the only one, or rank 0.
bool writes_files(const TrainerOptions& options);
// For LoaderOptions::rank and ranks.
int rank_of(const TrainerOptions& options);
int ranks_of(const TrainerOptions& options);

}  // namespace cofactor
