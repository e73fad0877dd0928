// Batch normalisation. x is read as a matrix of R rows (all axes but the last) and C channels; each channel is
// independent.
#include <cmath>

#include "engine/backends/reference/backend.h"
#include "engine/elementwise_ops.h"

namespace cofactor {

namespace {

struct Moments {
  double mean, variance;  // variance is biased: divided by R
};

template <class T>
Moments moments_of_channel(const T* x, int64_t rows, int64_t channels, int64_t c) {
  double sum = 0.0;
  for (int64_t r = 0; r < rows; ++r) sum += convert<double>(x[r * channels + c]);
  const double mean = sum / static_cast<double>(rows);
  double squares = 0.0;
  for (int64_t r = 0; r < rows; ++r) {
    const double difference = convert<double>(x[r * channels + c]) - mean;
    squares += difference * difference;
  }
  return {mean, squares / static_cast<double>(rows)};
}

// Calls `body.template operator()<T, S>()` with the types of x's elements and of the statistics.
template <class Body>
void dispatch_norm(DType dtype, Body&& body) {
  if (dtype == DType::bf16) return body.template operator()<bf16, float>();
  dispatch_float(dtype, "batch_norm", [&]<class T>() { body.template operator()<T, T>(); });
}

template <class T>
T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}

struct NormSums {
  double g, gn;  // over rows, of g and of g n (see batch_norm_vjp)
};

// The gradient of one channel.
template <class T, class S>
class ChannelGradient {
 public:
  ChannelGradient(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& mean, const Tensor& variance,
                  const BatchNormParams& params, int64_t channel)
      : grad_(grad.data<T>()),
        x_(x.data<T>()),
        y_(params.activation == Activation::relu ? y.data<T>() : nullptr),
        channel_(channel),
        step_(x.dim(-1)),
        end_(x.numel()),
        mean_(mean.data<S>()[channel]),
        inverse_deviation_(1.0 / std::sqrt(variance.data<S>()[channel] + params.epsilon)) {}

  NormSums sums() const {
    NormSums sums{0.0, 0.0};
    for (int64_t at = channel_; at < end_; at += step_) {
      sums.g += g(at);
      sums.gn += g(at) * n(at);
    }
    return sums;
  }

  // Writes dx and, where it is wanted, dresidual. `sums` are over `rows` rows; null where the moments are constants.
  void input(const Tensor& scale, const NormSums* sums, int64_t rows, const Tensor& dx, const Tensor& dresidual) const {
    const double factor = scale.data<S>()[channel_] * inverse_deviation_;
    T* d_residual = data_or_null<T>(dresidual);
    for (int64_t at = channel_; at < end_; at += step_) {
      const double through_moments = sums ? (sums->g + n(at) * sums->gn) / static_cast<double>(rows) : 0.0;
      dx.data<T>()[at] = convert<T>(factor * (g(at) - through_moments));
      if (d_residual) d_residual[at] = convert<T>(g(at));
    }
  }

 private:
  double g(int64_t at) const { return y_ && !(convert<double>(y_[at]) > 0.0) ? 0.0 : convert<double>(grad_[at]); }
  double n(int64_t at) const { return (convert<double>(x_[at]) - mean_) * inverse_deviation_; }

  const T *grad_, *x_, *y_;       // y_ null: no activation
  int64_t channel_, step_, end_;  // of elements
  double mean_, inverse_deviation_;
};

}  // namespace

// y[r, c] = activation((x[r, c] - mean_c) / sqrt(variance_c + epsilon) * scale_c + shift_c + residual[r, c])
// Training: mean and variance are those of the rows, and
//   running_mean = (1 - momentum) running_mean + momentum mean, and so the variance, from its unbiased estimate
//   variance * R / (R - 1).
void ReferenceBackend::batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                                  const Tensor& running_variance, const Tensor& residual, const BatchNormParams& params,
                                  const Tensor& y, const Tensor& saved_mean, const Tensor& saved_variance) {
  const int64_t channels = x.dim(-1);
  const int64_t rows = x.numel() / channels;
  dispatch_norm(x.dtype(), [&]<class T, class S>() {
    const T* in = x.data<T>();
    const T* added = data_or_null<T>(residual);
    T* out = y.data<T>();
    S* running_m = running_mean.data<S>();
    S* running_v = running_variance.data<S>();
    for (int64_t c = 0; c < channels; ++c) {
      Moments moments{running_m[c], running_v[c]};
      if (params.training) {
        moments = moments_of_channel(in, rows, channels, c);
        const double unbiased = moments.variance * static_cast<double>(rows) / static_cast<double>(rows - 1);
        running_m[c] = static_cast<S>((1.0 - params.momentum) * running_m[c] + params.momentum * moments.mean);
        running_v[c] = static_cast<S>((1.0 - params.momentum) * running_v[c] + params.momentum * unbiased);
        saved_mean.data<S>()[c] = static_cast<S>(moments.mean);
        saved_variance.data<S>()[c] = static_cast<S>(moments.variance);
      }
      const double factor = scale.data<S>()[c] / std::sqrt(moments.variance + params.epsilon);
      for (int64_t at = c; at < rows * channels; at += channels) {
        double value = (convert<double>(in[at]) - moments.mean) * factor + shift.data<S>()[c];
        if (added) value += convert<double>(added[at]);
        const bool relu = params.activation == Activation::relu;
        out[at] = convert<T>(relu ? ReluOp::forward(value, 0.0) : value);
      }
    }
  });
}

// With n = (x - mean) / sqrt(variance + epsilon), the normalised input, and g the gradient (0 where a ReLU gave 0):
//   dresidual = g,  dscale = sum_r g n,  dshift = sum_r g,
//   dx = scale / sqrt(variance + epsilon) * (g - dshift / R - n dscale / R)   in training: the batch's moments move too
//   dx = scale / sqrt(variance + epsilon) * g                                 otherwise
void ReferenceBackend::batch_norm_vjp(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                                      const Tensor& mean, const Tensor& variance, const BatchNormParams& params,
                                      const Tensor& dx, const Tensor& dscale, const Tensor& dshift,
                                      const Tensor& dresidual) {
  const int64_t rows = x.numel() / x.dim(-1);
  dispatch_norm(x.dtype(), [&]<class T, class S>() {
    for (int64_t c = 0; c < x.dim(-1); ++c) {
      const ChannelGradient<T, S> channel(grad, x, y, mean, variance, params, c);
      const NormSums sums = channel.sums();
      channel.input(scale, params.training ? &sums : nullptr, rows, dx, dresidual);
      dscale.data<S>()[c] = static_cast<S>(sums.gn);
      dshift.data<S>()[c] = static_cast<S>(sums.g);
    }
  });
}

void ReferenceBackend::batch_norm_moments(const Tensor& x, const Tensor& mean, const Tensor& variance) {
  const int64_t channels = x.dim(-1);
  dispatch_norm(x.dtype(), [&]<class T, class S>() {
    for (int64_t c = 0; c < channels; ++c) {
      const Moments moments = moments_of_channel(x.data<T>(), x.numel() / channels, channels, c);
      mean.data<S>()[c] = static_cast<S>(moments.mean);
      variance.data<S>()[c] = static_cast<S>(moments.variance);
    }
  });
}

void ReferenceBackend::batch_norm_vjp_sums(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& mean,
                                           const Tensor& variance, const BatchNormParams& params, const Tensor& dscale,
                                           const Tensor& dshift) {
  dispatch_norm(x.dtype(), [&]<class T, class S>() {
    for (int64_t c = 0; c < x.dim(-1); ++c) {
      const NormSums sums = ChannelGradient<T, S>(grad, x, y, mean, variance, params, c).sums();
      dscale.data<S>()[c] = static_cast<S>(sums.gn);
      dshift.data<S>()[c] = static_cast<S>(sums.g);
    }
  });
}

void ReferenceBackend::batch_norm_vjp_input(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                                            const Tensor& mean, const Tensor& variance, const Tensor& dscale,
                                            const Tensor& dshift, int64_t rows, const BatchNormParams& params,
                                            const Tensor& dx, const Tensor& dresidual) {
  dispatch_norm(x.dtype(), [&]<class T, class S>() {
    for (int64_t c = 0; c < x.dim(-1); ++c) {
      const NormSums sums{dshift.data<S>()[c], dscale.data<S>()[c]};
      ChannelGradient<T, S>(grad, x, y, mean, variance, params, c).input(scale, &sums, rows, dx, dresidual);
    }
  });
}

}  // namespace cofactor
