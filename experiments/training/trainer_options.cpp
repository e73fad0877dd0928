#include "experiments/training/trainer_options.h"

#include "engine/distributed/communicator.h"

namespace cofactor {

bool writes_files(const TrainerOptions& options) {
  return rank_of(options) == 0;
}

int rank_of(const TrainerOptions& options) {
  return options.ranks ? options.ranks->rank() : 0;
}

int ranks_of(const TrainerOptions& options) {
  return options.ranks ? options.ranks->size() : 1;
}

}  // namespace cofactor
