// Batch normalisation. x is read as a matrix of R rows (all axes but the last) and C channels; each channel is on its
// own.
#include <cmath>

#include "engine/backends/reference/backend.h"

namespace cofactor {

namespace {

struct Moments {
  double mean, variance;  // variance is biased: divided by R
};

template <class T>
Moments moments_of_channel(const T* x, int64_t rows, int64_t channels, int64_t c) {
  double sum = 0.0;
  for (int64_t r = 0; r < rows; ++r) sum += x[r * channels + c];
  const double mean = sum / static_cast<double>(rows);
  double squares = 0.0;
  for (int64_t r = 0; r < rows; ++r) squares += (x[r * channels + c] - mean) * (x[r * channels + c] - mean);
  return {mean, squares / static_cast<double>(rows)};
}

}  // namespace

size_t ReferenceBackend::batch_norm_workspace(const Shape&, DType, const BatchNormParams&) {
  return 0;
}

// y[r, c] = activation((x[r, c] - mean_c) / sqrt(variance_c + epsilon) * scale_c + shift_c)
// Training: mean and variance are those of the rows, and
//   running_mean = (1 - momentum) running_mean + momentum mean, and so the variance, from its unbiased estimate
//   variance * R / (R - 1).
void ReferenceBackend::batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                                  const Tensor& running_variance, const BatchNormParams& params, const Tensor& y,
                                  const Tensor& saved_mean, const Tensor& saved_variance, const Tensor&) {
  const int64_t channels = x.dim(-1);
  const int64_t rows = x.numel() / channels;
  dispatch_float(x.dtype(), "batch_norm", [&]<class T>() {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    T* running_m = running_mean.data<T>();
    T* running_v = running_variance.data<T>();
    for (int64_t c = 0; c < channels; ++c) {
      Moments moments{running_m[c], running_v[c]};
      if (params.training) {
        moments = moments_of_channel(in, rows, channels, c);
        const double unbiased = moments.variance * static_cast<double>(rows) / static_cast<double>(rows - 1);
        running_m[c] = static_cast<T>((1.0 - params.momentum) * running_m[c] + params.momentum * moments.mean);
        running_v[c] = static_cast<T>((1.0 - params.momentum) * running_v[c] + params.momentum * unbiased);
        saved_mean.data<T>()[c] = static_cast<T>(moments.mean);
        saved_variance.data<T>()[c] = static_cast<T>(moments.variance);
      }
      const double factor = scale.data<T>()[c] / std::sqrt(moments.variance + params.epsilon);
      for (int64_t r = 0; r < rows; ++r) {
        const double value = (in[r * channels + c] - moments.mean) * factor + shift.data<T>()[c];
        const bool relu = params.activation == Activation::relu;
        out[r * channels + c] = static_cast<T>(relu ? scalar::unary<UnaryOp::relu>(value, 0.0) : value);
      }
    }
  });
}

// With n = (x - mean) / sqrt(variance + epsilon), the normalised input, and g the gradient (0 where a ReLU gave 0):
//   dscale = sum_r g n,  dshift = sum_r g,
//   dx = scale / sqrt(variance + epsilon) * (g - dshift / R - n dscale / R)   in training: the batch's moments move too
//   dx = scale / sqrt(variance + epsilon) * g                                 otherwise
void ReferenceBackend::batch_norm_vjp(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                                      const Tensor& mean, const Tensor& variance, const BatchNormParams& params,
                                      const Tensor&, const Tensor& dx, const Tensor& dscale, const Tensor& dshift) {
  const int64_t channels = x.dim(-1);
  const int64_t rows = x.numel() / channels;
  dispatch_float(x.dtype(), "batch_norm", [&]<class T>() {
    const T* in = x.data<T>();
    const T* out = params.activation == Activation::relu ? y.data<T>() : nullptr;
    for (int64_t c = 0; c < channels; ++c) {
      const double m = mean.data<T>()[c];
      const double inverse_deviation = 1.0 / std::sqrt(variance.data<T>()[c] + params.epsilon);
      const auto g = [&, gradient = grad.data<T>()](int64_t at) {
        return out && !(out[at] > T(0)) ? 0.0 : double{gradient[at]};
      };
      double sum_g = 0.0, sum_gn = 0.0;
      for (int64_t at = c; at < rows * channels; at += channels) {
        sum_g += g(at);
        sum_gn += g(at) * (in[at] - m) * inverse_deviation;
      }
      for (int64_t at = c; at < rows * channels; at += channels) {
        const double n = (in[at] - m) * inverse_deviation;
        const double through_moments = params.training ? (sum_g + n * sum_gn) / static_cast<double>(rows) : 0.0;
        dx.data<T>()[at] = static_cast<T>(scale.data<T>()[c] * inverse_deviation * (g(at) - through_moments));
      }
      dscale.data<T>()[c] = static_cast<T>(sum_gn);
      dshift.data<T>()[c] = static_cast<T>(sum_g);
    }
  });
}

}  // namespace cofactor
