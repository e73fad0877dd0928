#include "data/noise/estimate.h"

#include <algorithm>
#include <cmath>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/softmax.h"

namespace cofactor {

namespace {

constexpr double kMaxAmplification = 1e3;
constexpr double kMinReach = 0.01;  // times 1 / C, the probability that an untrained network gives

}  // namespace

std::vector<double> softmax_on_host(std::string_view caller, const Tensor& logits) {
  const NoGrad no_grad;
  const std::vector<double> p = cast(softmax(logits), DType::f64).to_vector<double>();
  const auto bad = std::ranges::find_if(p, [](double value) { return !std::isfinite(value); });
  if (bad != p.end()) {
    const int64_t at = bad - p.begin();
    fail("{}: the softmax output of sample {} for class {} is {}", caller, at / logits.dim(1), at % logits.dim(1),
         *bad);
  }
  return p;
}

Transition estimate_transition(std::string_view caller, const Tensor& logits) {
  check(logits.defined() && logits.rank() == 2 && logits.dim(0) >= 1,
        "{}: the training samples' logits have shape {}, expected (N, C)", caller,
        logits.defined() ? to_string(logits.shape()) : "undefined");
  const std::vector<double> p = softmax_on_host(caller, logits);
  const int64_t samples = logits.dim(0), classes = logits.dim(1);
  const auto row_of = [&](int64_t sample) { return p.data() + sample * classes; };

  std::vector<double> rows;
  for (int64_t c = 0; c < classes; ++c) {
    int64_t best = 0;
    for (int64_t i = 1; i < samples; ++i)
      if (row_of(i)[c] > row_of(best)[c]) best = i;
    const double reach = row_of(best)[c], min_reach = kMinReach / static_cast<double>(classes);
    check(reach >= min_reach,
          "{}: the transition matrix cannot be estimated: none of {} training samples has a probability of class {} "
          "above {:.4g}, expected at least {:.4g}",
          caller, samples, c, reach, min_reach);
    rows.insert(rows.end(), row_of(best), row_of(best) + classes);
  }
  Transition estimate = Transition::from_weights(classes, std::move(rows));  // outputs in f32 sum to 1 up to rounding
  estimate.inverse(caller, kMaxAmplification);                               // throws where rows are too alike
  return estimate;
}

}  // namespace cofactor
