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
  const auto classes = static_cast<size_t>(transition.classes());
  posterior_.resize(classes);
  transposed_.resize(classes * classes);
  for (size_t c = 0; c < classes; ++c)
    for (size_t y = 0; y < classes; ++y) transposed_[y * classes + c] = transition.values()[c * classes + y];
  for (size_t c = 0; c < classes; ++c) kept_.push_back(transposed_[c * classes + c]);
  if (classes > kMostCandidates) return;  // then each sample has its own candidates
  candidates_.resize(classes);
  std::iota(candidates_.begin(), candidates_.end(), 0);
  gather_transition();
}

void TrueClassPosterior::choose_candidates(std::span<const float> probabilities, int32_t label) {
  // A heap with the least probable of those chosen so far on top: most classes are refused by one comparison.
  const auto more_probable = [&](int32_t a, int32_t b) {
    const float pa = probabilities[static_cast<size_t>(a)], pb = probabilities[static_cast<size_t>(b)];
    return pa != pb ? pa > pb : a < b;
  };
  candidates_.resize(kMostCandidates);
  std::iota(candidates_.begin(), candidates_.end(), 0);
  std::ranges::make_heap(candidates_, more_probable);
  for (size_t c = kMostCandidates; c < probabilities.size(); ++c) {
    if (probabilities[c] <= probabilities[static_cast<size_t>(candidates_.front())]) continue;
    std::ranges::pop_heap(candidates_, more_probable);
    candidates_.back() = static_cast<int32_t>(c);
    std::ranges::push_heap(candidates_, more_probable);
  }
  if (std::ranges::find(candidates_, label) == candidates_.end()) candidates_.push_back(label);
  std::ranges::sort(candidates_);
}

void TrueClassPosterior::gather_transition() {
  const size_t count = candidates_.size();
  among_.resize(count * count);
  among_transposed_.resize(count * count);
  row_sums_.assign(count, 0.0);
  for (size_t c = 0; c < count; ++c) {
    for (size_t k = 0; k < count; ++k) {
      const double value = transition_.at(candidates_[c], candidates_[k]);
      among_[c * count + k] = among_transposed_[k * count + c] = value;
      row_sums_[c] += value;
    }
  }
}

// r_ from p_, with the same sum.
void TrueClassPosterior::solve_for_true_class() {
  const size_t count = candidates_.size();
  mixed_.resize(count);
  r_ = p_;
  for (int step = 0; step < kSolverSteps; ++step) {
    std::ranges::fill(mixed_, 0.0);
    for (size_t c = 0; c < count; ++c)
      for (size_t k = 0; k < count; ++k) mixed_[k] += r_[c] * among_[c * count + k];
    for (size_t k = 0; k < count; ++k) mixed_[k] = mixed_[k] > 0.0 ? p_[k] / mixed_[k] : 0.0;
    // Sums over k, side by side for all c, which is a loop of vector instructions.
    explained_.assign(count, 0.0);
    for (size_t k = 0; k < count; ++k)
      for (size_t c = 0; c < count; ++c) explained_[c] += among_transposed_[k * count + c] * mixed_[k];
    for (size_t c = 0; c < count; ++c) r_[c] *= row_sums_[c] > 0.0 ? explained_[c] / row_sums_[c] : 0.0;
  }
  const double sum = std::accumulate(r_.begin(), r_.end(), 0.0);
  const double wanted = std::accumulate(p_.begin(), p_.end(), 0.0);
  if (sum > 0.0)
    for (double& value : r_) value *= wanted / sum;
}

void TrueClassPosterior::compute(std::span<const float> probabilities, int32_t label) {
  const auto y = static_cast<size_t>(label);
  std::ranges::copy(probabilities, posterior_.begin());
  if (outputs_ == Outputs::given_label) {
    if (probabilities.size() > kMostCandidates) {
      choose_candidates(probabilities, label);
      gather_transition();
    }
    p_.resize(candidates_.size());
    for (size_t c = 0; c < p_.size(); ++c) p_[c] = posterior_[static_cast<size_t>(candidates_[c])];
    solve_for_true_class();
    for (size_t c = 0; c < p_.size(); ++c) posterior_[static_cast<size_t>(candidates_[c])] = r_[c];
  }
  double sum = 0.0;
  wrong_before_label_ = 0.0;
  for (size_t c = 0; c < posterior_.size(); ++c) {
    wrong_before_label_ += posterior_[c] * (1.0 - kept_[c]);
    sum += posterior_[c] *= transposed_[y * posterior_.size() + c];
  }
  if (sum > 0.0)
    for (double& value : posterior_) value /= sum;
  of_label_ = std::min(posterior_[y], 1.0);
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
    for (size_t c = 0; c < classes; ++c) row[c] += posterior.probabilities()[c];
  }
  return {std::move(quality), {predictions.classes, std::move(joint)}};
}

}  // namespace cofactor
