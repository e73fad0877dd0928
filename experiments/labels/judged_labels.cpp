#include "experiments/labels/judged_labels.h"

#include <algorithm>

#include "engine/error.h"
#include "experiments/training/evaluate.h"

namespace cofactor {

namespace {

void check_sizes(const JudgedLabels& labels) {
  const auto samples = static_cast<size_t>(labels.samples());
  check(labels.ids.size() == samples && labels.fold.size() == samples && labels.part.size() == samples &&
            labels.kept.size() == samples,
        "judged labels: {} labels, {} ids, {} folds, {} parts and {} marks of confirmed labels, expected as many of "
        "each",
        samples, labels.ids.size(), labels.fold.size(), labels.part.size(), labels.kept.size());
  check_predictions("judged labels", labels.predictions());
}

bool is_confirmed(const JudgedLabels& labels, size_t i) {
  return labels.kept[i] != 0 && labels.given[i] != kMissingLabel;
}

// The labels with those that are confirmed taken out.
std::vector<int32_t> open_labels(const JudgedLabels& labels) {
  std::vector<int32_t> open = labels.given;
  for (size_t i = 0; i < open.size(); ++i)
    if (is_confirmed(labels, i)) open[i] = kMissingLabel;
  return open;
}

// What is known where all labels are confirmed.
LabelErrors no_errors(const JudgedLabels& labels) {
  const auto classes = static_cast<int64_t>(labels.classes.size());
  std::vector<double> diagonal(static_cast<size_t>(classes * classes));
  for (int64_t c = 0; c < classes; ++c) diagonal[static_cast<size_t>(c * classes + c)] = 1.0;
  return {Transition::identity(classes),
          {std::vector<float>(labels.given.size(), kNoQuality), LabelJoint(classes, std::move(diagonal))},
          {},
          std::vector<uint8_t>(labels.given.size(), 0)};
}

// The joint of all labels: that of the open ones, and the confirmed ones on the diagonal.
LabelJoint with_confirmed(const JudgedLabels& labels, const LabelJoint& joint, int64_t open) {
  std::vector<double> weights = joint.values();
  for (double& weight : weights) weight *= static_cast<double>(open);
  const size_t classes = labels.classes.size();
  for (size_t i = 0; i < labels.given.size(); ++i)
    if (is_confirmed(labels, i)) weights[static_cast<size_t>(labels.given[i]) * (classes + 1)] += 1.0;
  return {joint.classes(), std::move(weights)};
}

void confirm(const JudgedLabels& labels, std::vector<float>& quality) {
  for (size_t i = 0; i < quality.size(); ++i)
    if (is_confirmed(labels, i)) quality[i] = 1.0f;
}

std::vector<int32_t> most_probable(const LabelledPredictions& predictions) {
  std::vector<int32_t> classes;
  classes.reserve(predictions.labels.size());
  for (int64_t i = 0; i < predictions.samples(); ++i) {
    const std::span<const float> row = predictions.row(i);
    classes.push_back(static_cast<int32_t>(std::ranges::max_element(row) - row.begin()));
  }
  return classes;
}

std::vector<int32_t> likely_true_classes(const JudgedLabels& labels, const Verdict& verdict) {
  const LabelledPredictions predictions = labels.predictions();
  TrueClassPosterior posterior(verdict.errors.transition, labels.outputs);
  std::vector<int32_t> suggested(labels.given.size(), kMissingLabel);
  for (size_t i = 0; i < suggested.size(); ++i) {
    if (verdict.suspect[i] == 0) continue;
    posterior.compute(predictions.row(static_cast<int64_t>(i)), labels.given[i]);
    const std::span<const double> probabilities = posterior.probabilities();
    double highest = -1.0;
    for (size_t c = 0; c < probabilities.size(); ++c) {
      if (static_cast<int32_t>(c) == labels.given[i] || probabilities[c] <= highest) continue;
      highest = probabilities[c];
      suggested[i] = static_cast<int32_t>(c);
    }
  }
  return suggested;
}

// Of the samples that the networks were not trained on, if there are any.
Confusion held_out_confusion(const JudgedLabels& labels, const std::vector<int32_t>& predicted) {
  const auto classes = static_cast<int64_t>(labels.classes.size());
  Confusion all{classes, std::vector<int64_t>(static_cast<size_t>(classes * classes))}, held_out = all;
  for (size_t i = 0; i < predicted.size(); ++i) {
    if (labels.given[i] == kMissingLabel) continue;
    const auto entry = static_cast<size_t>(predicted[i] * classes + labels.given[i]);
    ++all.counts[entry];
    if (labels.out_of_sample || labels.part[i] != SamplePart::training) ++held_out.counts[entry];
  }
  return held_out.total() > 0 ? held_out : all;
}

// The share of labels that would be predicted if predictions did not depend on them (Cohen 1960).
double chance_agreement(const Confusion& confusion) {
  double sum = 0.0;
  for (int64_t c = 0; c < confusion.classes; ++c) {
    int64_t predicted = 0;
    for (int64_t label = 0; label < confusion.classes; ++label) predicted += confusion.at(c, label);
    sum += static_cast<double>(predicted) * confusion.constant_accuracy(c) / 100.0;
  }
  return sum / static_cast<double>(confusion.total());
}

}  // namespace

std::string_view name_of(SamplePart part) {
  switch (part) {
    case SamplePart::training: return "training";
    case SamplePart::validation: return "validation";
    case SamplePart::test: return "test";
    case SamplePart::unlabelled: break;
  }
  return "unlabelled";
}

int64_t JudgedLabels::labelled() const {
  return samples() - std::ranges::count(given, kMissingLabel);
}

Verdict judge(const JudgedLabels& labels) {
  check_sizes(labels);
  const LabelledPredictions all = labels.predictions();
  const std::vector<int32_t> open_given = open_labels(labels);
  const LabelledPredictions open{all.probabilities, open_given, all.classes};
  const int64_t open_count = open.samples() - std::ranges::count(open_given, kMissingLabel);

  Verdict verdict{.errors = open_count > 0 ? find_label_errors(open, {.outputs = labels.outputs}) : no_errors(labels),
                  .quality = {},
                  .suspect = {},
                  .predicted = most_probable(all),
                  .suggested = {}};
  LabelErrors& errors = verdict.errors;
  const bool by_posterior = labels.score == QualityScore::posterior || open_count == 0;
  verdict.quality = by_posterior ? errors.judgement.quality : label_quality(open, labels.score);
  verdict.suspect = by_posterior ? errors.suspect
                                 : suspect_labels(open, errors.judgement.joint, verdict.quality, SuspectRule::by_class);
  verdict.suspects = std::ranges::count(verdict.suspect, uint8_t{1});
  confirm(labels, verdict.quality);
  confirm(labels, errors.judgement.quality);
  errors.judgement.joint = with_confirmed(labels, errors.judgement.joint, open_count);
  verdict.suggested = likely_true_classes(labels, verdict);

  const auto count = static_cast<double>(labels.labelled());
  verdict.confident_learning = count * confident_joint(all).wrong_share();
  verdict.dmi = count * joint_of_perfect_outputs(all).wrong_share();
  const Confusion held_out = held_out_confusion(labels, verdict.predicted);
  verdict.agreement = held_out.accuracy() / 100.0;
  verdict.chance_agreement = chance_agreement(held_out);
  verdict.permuted = looks_permuted(held_out);
  return verdict;
}

}  // namespace cofactor
