// What the networks of cross-fitting (--folds) predict.
#pragma once

#include <cstdint>
#include <vector>

namespace cofactor {

// Each training and validation sample is predicted by the network that was neither trained nor selected with it, and
// samples that no network has seen by the mean of all. Probabilities are row-major, (samples, classes).
struct CrossFitted {
  std::vector<int32_t> train_fold, validation_fold;  // of each sample, from 1
  std::vector<float> train, validation;
  std::vector<float> test, unlabelled;
};

}  // namespace cofactor
