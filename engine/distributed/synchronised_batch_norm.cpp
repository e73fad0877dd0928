#include "engine/distributed/synchronised_batch_norm.h"

#include "engine/ops/batch_norm_checks.h"
#include "engine/ops/elementwise.h"

namespace cofactor {

namespace {

constexpr std::string_view kSynchronised = "synchronised_batch_norm";

using Doubles = std::vector<double>;

Doubles doubles_of(const Tensor& x) {
  return converted(x, DType::f64).to_vector<double>();
}

// The values as a tensor like `like`.
Tensor channels_like(const Doubles& values, const Tensor& like) {
  return converted(Tensor::from(values, like.shape(), kHost), like.dtype()).to(like.device());
}

// Of all ranks' rows.
struct JointMoments {
  int64_t rows = 0;
  Doubles mean, variance;  // biased
};

// Mean m_r and squared differences s_r of each rank's n_r rows become those of all rows:
//   N = sum n_r,  mean = sum n_r m_r / N,  N variance = sum (s_r + n_r (m_r - mean)^2)     (Chan, Golub, LeVeque 1979)
// The last sum is also sum (s_r + n_r m_r^2) - N mean^2, which needs no second message. In f64 that is off by about
// 2^-52 (1 + q^2) of the variance, where the mean is q deviations from 0: by less than f32's own 2^-24 up to q = 2^14,
// and there the rounding of each x to f32 is 2^-10 of a deviation. Where x is in f64 the second message is sent.
JointMoments joint_moments(const Tensor& x, const Tensor& like, Communicator& ranks) {
  const auto channels = static_cast<size_t>(x.dim(-1));
  const int64_t own_rows = x.numel() / x.dim(-1);
  const auto own = static_cast<double>(own_rows);
  Doubles own_mean(channels), own_variance(channels);
  if (own_rows > 0) {
    const Tensor mean = empty_like(like), variance = empty_like(like);
    x.backend().batch_norm_moments(x, mean, variance);
    own_mean = doubles_of(mean);
    own_variance = doubles_of(variance);
  }
  // own rows' sum of (x - from)^2
  const auto squares = [&](size_t c, double from) {
    const double difference = own_mean[c] - from;
    return own * (own_variance[c] + difference * difference);
  };

  Doubles sums(1 + 2 * channels);
  sums[0] = own;
  for (size_t c = 0; c < channels; ++c) {
    sums[1 + c] = own * own_mean[c];
    sums[1 + channels + c] = squares(c, 0.0);
  }
  ranks.all_reduce(std::span(sums));
  const double rows = sums[0];
  check(rows >= 2.0, "{}: x of shape {} has {} values per channel on all {} ranks together, training needs at least 2",
        kSynchronised, x.shape(), rows, ranks.size());
  JointMoments joint{.rows = static_cast<int64_t>(rows), .mean = Doubles(channels), .variance = Doubles(channels)};
  for (size_t c = 0; c < channels; ++c) {
    joint.mean[c] = sums[1 + c] / rows;
    const double variance = sums[1 + channels + c] / rows - joint.mean[c] * joint.mean[c];
    joint.variance[c] = variance < 0.0 ? 0.0 : variance;  // NaN stays
  }
  if (like.dtype() != DType::f64) return joint;
  for (size_t c = 0; c < channels; ++c) joint.variance[c] = squares(c, joint.mean[c]);
  ranks.all_reduce(std::span(joint.variance));
  for (double& variance : joint.variance) variance /= rows;
  return joint;
}

// running = (1 - momentum) running + momentum batch
void move_running(const Tensor& running, const Doubles& batch, double factor, double momentum) {
  Doubles values = doubles_of(running);
  for (size_t c = 0; c < values.size(); ++c) values[c] = (1.0 - momentum) * values[c] + momentum * factor * batch[c];
  running.copy_from(channels_like(values, running));
}

}  // namespace

Tensor synchronised_batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                               const Tensor& running_variance, const BatchNormParams& params, const Tensor& residual,
                               Communicator& ranks) {
  check_batch_norm(kSynchronised, x, scale, shift, running_mean, running_variance, params, residual);
  check(params.training, "{}: the parameters are for evaluation, which needs no other ranks", kSynchronised);
  const JointMoments joint = joint_moments(x, running_mean, ranks);
  const auto rows = static_cast<double>(joint.rows);
  move_running(running_mean, joint.mean, 1.0, params.momentum);
  move_running(running_variance, joint.variance, rows / (rows - 1.0), params.momentum);

  const Tensor mean = channels_like(joint.mean, running_mean), variance = channels_like(joint.variance, running_mean);
  const Tensor y = empty_like(x);
  BatchNormParams given = params;
  given.training = false;  // by the statistics that it is given
  x.backend().batch_norm(x, scale, shift, mean, variance, residual, given, y, {}, {});

  const bool tracked = tracks(x) || tracks(scale) || tracks(shift) || tracks(residual);
  const bool activated = params.activation != Activation::none;
  return record(
      y, kSynchronised, {x, scale, shift, residual},
      [=, all_rows = joint.rows, &ranks, kept_x = keep(x, tracked), kept_y = keep(y, tracked && activated),
       kept_scale = keep(scale, tracked), need_residual = tracks(residual)](const Tensor& grad) -> std::vector<Tensor> {
        const Tensor dscale = empty_like(kept_scale), dshift = empty_like(kept_scale);
        grad.backend().batch_norm_vjp_sums(grad, kept_x, kept_y, mean, variance, params, dscale, dshift);
        Doubles sums = doubles_of(dscale);
        const Doubles shift_sums = doubles_of(dshift);
        sums.insert(sums.end(), shift_sums.begin(), shift_sums.end());
        ranks.all_reduce(std::span(sums));

        const auto middle = sums.begin() + dscale.numel();
        const Tensor all_dscale = channels_like({sums.begin(), middle}, dscale);
        const Tensor all_dshift = channels_like({middle, sums.end()}, dshift);
        const Tensor dx = empty_like(kept_x), masked = need_residual && activated ? empty_like(grad) : Tensor();
        grad.backend().batch_norm_vjp_input(grad, kept_x, kept_y, kept_scale, mean, variance, all_dscale, all_dshift,
                                            all_rows, params, dx, masked);
        return {dx, dscale, dshift, activated ? masked : grad};
      });
}

}  // namespace cofactor
