#include "losses/transition.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/autograd.h"
#include "engine/backend.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/softmax.h"

namespace cofactor {

namespace {

constexpr double kMaxAmplificationOfEstimate = 1e3;
constexpr double kMinReach = 0.01;  // of the probability 1 / C that a network without knowledge gives

struct RowPair {
  int64_t first = 0, second = 1;
  double difference = std::numeric_limits<double>::infinity();  // the largest between two entries
};

RowPair most_alike_rows(const Transition& t) {
  RowPair closest;
  for (int64_t a = 0; a < t.classes(); ++a)
    for (int64_t b = a + 1; b < t.classes(); ++b) {
      double difference = 0.0;
      for (int64_t c = 0; c < t.classes(); ++c) difference = std::max(difference, std::abs(t.at(a, c) - t.at(b, c)));
      if (difference < closest.difference) closest = {a, b, difference};
    }
  return closest;
}

}  // namespace

Transition::Transition(int64_t classes, std::vector<double> values) : classes_(classes), values_(std::move(values)) {
  check(classes >= 2, "transition matrix: {} classes, expected at least 2", classes);
  check(static_cast<int64_t>(values_.size()) == classes * classes,
        "transition matrix: {} values, {} classes take {} x {}", values_.size(), classes, classes, classes);
  for (int64_t from = 0; from < classes; ++from) {
    double sum = 0.0;
    for (int64_t to = 0; to < classes; ++to) {
      check(at(from, to) >= 0.0 && at(from, to) <= 1.0, "transition matrix: the entry in row {}, column {} is {}", from,
            to, at(from, to));
      sum += at(from, to);
    }
    check(std::abs(sum - 1.0) <= 1e-6, "transition matrix: row {} sums to {}, not to 1", from, sum);
  }
}

Transition transition_of(std::string_view loss, const Tensor& saved) {
  check(saved.rank() == 2 && saved.dim(0) == saved.dim(1) && saved.dtype() == DType::f64,
        "{}: the saved transition matrix is {} in {}, expected (C, C) in f64", loss, saved.shape(), saved.dtype());
  return {saved.dim(0), saved.to_vector<double>()};
}

std::vector<double> inverse(std::string_view loss, const Transition& transition, double most_amplification) {
  const int64_t classes = transition.classes();
  const Tensor t = Tensor::from(transition.values(), {classes, classes}, kHost);
  const Tensor sign = Tensor::zeros({}, DType::f64, kHost), log_abs = sign.clone(), transposed = t.clone();
  t.backend().lu_log_abs_det(t, sign, log_abs, transposed);
  const std::vector<double> values = transposed.to_vector<double>();

  std::vector<double> result(values.size());
  double amplification = 0.0;
  for (int64_t r = 0; r < classes; ++r) {
    double sum = 0.0;
    for (int64_t c = 0; c < classes; ++c) {
      const double entry = values[static_cast<size_t>(c * classes + r)];
      result[static_cast<size_t>(r * classes + c)] = entry;
      sum += std::abs(entry);
    }
    if (!(sum <= amplification)) amplification = sum;  // keeps NaN, which a singular matrix gives
  }
  if (!(amplification <= most_amplification)) {
    const RowPair rows = most_alike_rows(transition);
    fail(
        "{}: the transition matrix is singular or nearly so (log|det| {:.4g}; its inverse amplifies by {:.4g}, "
        "expected "
        "at most {:g}); most alike are rows {} and {}, which differ by {:.4g} at most",
        loss, log_abs.item(), amplification, most_amplification, rows.first, rows.second, rows.difference);
  }
  return result;
}

std::vector<double> softmax_on_host(std::string_view loss, const Tensor& logits) {
  const NoGrad no_grad;
  const std::vector<double> p = cast(softmax(logits), DType::f64).to_vector<double>();
  const auto bad = std::ranges::find_if(p, [](double value) { return !std::isfinite(value); });
  if (bad != p.end()) {
    const int64_t at = bad - p.begin();
    fail("{}: the softmax output of training sample {} for class {} is {}", loss, at / logits.dim(1),
         at % logits.dim(1), *bad);
  }
  return p;
}

Transition estimate_transition(std::string_view loss, const Tensor& logits) {
  check(logits.defined() && logits.rank() == 2 && logits.dim(0) >= 1,
        "{}: the training samples' logits have shape {}, expected (N, C)", loss,
        logits.defined() ? to_string(logits.shape()) : "undefined");
  const std::vector<double> p = softmax_on_host(loss, logits);
  const int64_t samples = logits.dim(0), classes = logits.dim(1);
  const auto row_of = [&](int64_t sample) { return p.data() + sample * classes; };

  std::vector<double> values;
  for (int64_t c = 0; c < classes; ++c) {
    int64_t best = 0;
    for (int64_t i = 1; i < samples; ++i)
      if (row_of(i)[c] > row_of(best)[c]) best = i;
    const double reach = row_of(best)[c], least = kMinReach / static_cast<double>(classes);
    check(reach >= least,
          "{}: the transition matrix cannot be estimated: none of {} training samples has a probability of class {} "
          "above {:.4g}, expected at least {:.4g}",
          loss, samples, c, reach, least);
    double sum = 0.0;
    for (int64_t k = 0; k < classes; ++k) sum += row_of(best)[k];
    for (int64_t k = 0; k < classes; ++k) values.push_back(row_of(best)[k] / sum);  // f32 outputs sum to 1 roughly
  }
  Transition estimate(classes, std::move(values));
  inverse(loss, estimate, kMaxAmplificationOfEstimate);
  return estimate;
}

}  // namespace cofactor
