// What decides how training runs on a machine. Of these the device and the sampler also decide the result, and the
// number of threads its last digits.
#pragma once

#include "data/sampler.h"
#include "engine/device.h"

namespace cofactor {

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
};

}  // namespace cofactor
