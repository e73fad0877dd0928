#include "data/noise/label_quality.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "engine/error.h"

namespace cofactor {

namespace {

constexpr size_t kMostCandidates = 32;
constexpr int kSolverSteps = 30;

struct QualityName {
  QualityScore score;
  std::string_view name;
};
constexpr std::array<QualityName, 3> kQualityNames{{{QualityScore::self_confidence, "self-confidence"},
                                                    {QualityScore::normalized_margin, "normalized-margin"},
                                                    {QualityScore::posterior, "posterior"}}};

float normalized_margin(std::span<const float> row, size_t label) {
  if (row.size() == 1) return 1.0f;
  float other = 0.0f;
  for (size_t c = 0; c < row.size(); ++c)
    if (c != label) other = std::max(other, row[c]);
  return (row[label] - other + 1.0f) / 2.0f;
}

}  // namespace

std::string_view name_of(QualityScore score) {
  return std::ranges::find(kQualityNames, score, &QualityName::score)->name;
}

std::optional<QualityScore> parse_quality_score(std::string_view name) {
  const auto* const found = std::ranges::find(kQualityNames, name, &QualityName::name);
  if (found == kQualityNames.end()) return std::nullopt;
  return found->score;
}

std::vector<float> label_quality(const LabelledPredictions& predictions, QualityScore score) {
  check(score != QualityScore::posterior, "label quality: the posterior needs a transition matrix");
  check_predictions("label quality", predictions);
  std::vector<float> quality(static_cast<size_t>(predictions.samples()), kNoQuality);
  for (int64_t i = 0; i < predictions.samples(); ++i) {
    if (!predictions.has_label(i)) continue;
    const std::span<const float> row = predictions.row(i);
    const auto label = static_cast<size_t>(predictions.label(i));
    quality[static_cast<size_t>(i)] =
        score == QualityScore::self_confidence ? row[label] : normalized_margin(row, label);
  }
  return quality;
}

TrueClassPosterior::TrueClassPosterior(const Transition& transition, Outputs outputs)
    : transition_(transition), outputs_(outputs) {
  if (static_cast<size_t>(transition.classes()) > kMostCandidates) return;  // then each sample has its own candidates
  classes_.resize(static_cast<size_t>(transition.classes()));
  std::iota(classes_.begin(), classes_.end(), 0);
  gather_transition();
}

void TrueClassPosterior::choose_classes(std::span<const float> probabilities, int32_t label) {
  classes_.resize(probabilities.size());
  std::iota(classes_.begin(), classes_.end(), 0);
  const auto more_probable = [&](int32_t a, int32_t b) {
    const float pa = probabilities[static_cast<size_t>(a)], pb = probabilities[static_cast<size_t>(b)];
    return pa != pb ? pa > pb : a < b;
  };
  std::ranges::nth_element(classes_, classes_.begin() + kMostCandidates, more_probable);
  classes_.resize(kMostCandidates);
  if (std::ranges::find(classes_, label) == classes_.end()) classes_.push_back(label);
}

void TrueClassPosterior::gather_transition() {
  const size_t count = classes_.size();
  sub_.resize(count * count);
  row_sums_.assign(count, 0.0);
  for (size_t c = 0; c < count; ++c)
    for (size_t k = 0; k < count; ++k) row_sums_[c] += sub_[c * count + k] = transition_.at(classes_[c], classes_[k]);
}

void TrueClassPosterior::solve_for_true_class() {
  const size_t count = classes_.size();
  mixed_.resize(count);
  for (int step = 0; step < kSolverSteps; ++step) {
    std::ranges::fill(mixed_, 0.0);
    for (size_t c = 0; c < count; ++c)
      for (size_t k = 0; k < count; ++k) mixed_[k] += r_[c] * sub_[c * count + k];
    for (size_t k = 0; k < count; ++k) mixed_[k] = mixed_[k] > 0.0 ? p_[k] / mixed_[k] : 0.0;
    for (size_t c = 0; c < count; ++c) {
      double sum = 0.0;
      for (size_t k = 0; k < count; ++k) sum += sub_[c * count + k] * mixed_[k];
      r_[c] *= row_sums_[c] > 0.0 ? sum / row_sums_[c] : 0.0;
    }
  }
}

void TrueClassPosterior::compute(std::span<const float> probabilities, int32_t label) {
  if (probabilities.size() > kMostCandidates) {
    choose_classes(probabilities, label);
    gather_transition();
  }
  const size_t count = classes_.size();
  p_.resize(count);
  for (size_t c = 0; c < count; ++c) p_[c] = static_cast<double>(probabilities[static_cast<size_t>(classes_[c])]);
  r_ = p_;
  if (outputs_ == Outputs::given_label) solve_for_true_class();

  const auto at_label = static_cast<size_t>(std::ranges::find(classes_, label) - classes_.begin());
  posterior_.resize(count);
  double sum = 0.0;
  for (size_t c = 0; c < count; ++c) sum += posterior_[c] = r_[c] * sub_[c * count + at_label];
  if (sum > 0.0)
    for (double& value : posterior_) value /= sum;
  of_label_ = std::min(posterior_[at_label], 1.0);
}

LabelJudgement judge_labels(const LabelledPredictions& predictions, const Transition& transition, Outputs outputs) {
  check_predictions("label judgement", predictions);
  check(transition.classes() == predictions.classes,
        "label judgement: the transition matrix has {} classes, the predictions have {}", transition.classes(),
        predictions.classes);
  const auto classes = static_cast<size_t>(predictions.classes);
  TrueClassPosterior posterior(transition, outputs);
  std::vector<float> quality(static_cast<size_t>(predictions.samples()), kNoQuality);
  std::vector<double> joint(classes * classes);
  for (int64_t i = 0; i < predictions.samples(); ++i) {
    if (!predictions.has_label(i)) continue;
    const int32_t label = predictions.label(i);
    posterior.compute(predictions.row(i), label);
    quality[static_cast<size_t>(i)] = static_cast<float>(posterior.of_label());
    double* row = joint.data() + static_cast<size_t>(label) * classes;
    for (size_t c = 0; c < posterior.classes().size(); ++c) row[posterior.classes()[c]] += posterior.probabilities()[c];
  }
  return {std::move(quality), {predictions.classes, std::move(joint)}};
}

}  // namespace cofactor
