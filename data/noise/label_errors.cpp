#include "data/noise/label_errors.h"

#include "data/noise/surest_samples.h"

namespace cofactor {

LabelErrors find_label_errors(const LabelledPredictions& predictions, const LabelErrorOptions& options) {
  const std::vector<double> surest = surest_label_counts(predictions);
  Transition transition = shrunk_transition(predictions.classes, surest);
  LabelJudgement judgement = judge_labels(predictions, transition, options.outputs);
  const WrongLabels wrong =
      count_wrong_labels(predictions, surest, transition, judgement.quality,
                         {.outputs = options.outputs, .draws = options.draws, .seed = options.seed});
  std::vector<uint8_t> suspect = suspect_labels(predictions, judgement.joint, judgement.quality, options.rule);
  return {std::move(transition), std::move(judgement), wrong, std::move(suspect)};
}

}  // namespace cofactor
