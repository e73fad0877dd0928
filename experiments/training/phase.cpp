#include "experiments/training/phase.h"

#include <algorithm>

namespace cofactor {

size_t best_epoch(const std::vector<EpochMetrics>& history, Selection selection) {
  // Accuracies tie, even over all epochs, where the noisy majority is the best prediction for every sample.
  const auto better = [selection](const EpochMetrics& a, const EpochMetrics& b) {
    if (selection == Selection::validation_accuracy && a.valid_accuracy != b.valid_accuracy)
      return a.valid_accuracy > b.valid_accuracy;
    return a.valid_loss < b.valid_loss;
  };
  return static_cast<size_t>(std::ranges::min_element(history, better) - history.begin());
}

int64_t PhaseState::updates() const {
  int64_t count = partial.batches - partial.skipped_batches;
  for (const EpochMetrics& epoch : history) count += epoch.batches - epoch.skipped_batches;
  return count;
}

}  // namespace cofactor
