// Batch normalisation of x as a matrix (rows, channels). cuDNN's graph API has no engine for NHWC batch norm with
// residual and ReLU in both f32 and bf16, training and evaluation. T is x's element type, S that of the statistics.
// Three launches: the moments of chunks of rows, the channels' moments from them, and the normalisation; the gradient
// likewise.
#pragma once

#include <cmath>

#include "engine/backends/cuda/kernels/launch.h"
#include "engine/kernel_params.h"

namespace cofactor::cuda {

// Rows of a chunk, and chunks, so that there are many threads: a thread sums one chunk of one channel.
struct Chunks {
  int64_t rows, channels, count;

  Chunks(int64_t all_rows, int64_t all_channels)
      : rows(all_rows),
        channels(all_channels),
        count(std::clamp<int64_t>(all_rows / 32, 1, std::max<int64_t>(1, 65536 / all_channels))) {}
  COFACTOR_HD int64_t begin(int64_t chunk) const { return rows * chunk / count; }
  COFACTOR_HD int64_t end(int64_t chunk) const { return rows * (chunk + 1) / count; }
};

// parts (2, chunks, C): the mean of each chunk, and the sum of squared differences from that mean.
template <class T, class S>
struct ChunkMoments {
  const T* x;
  Chunks chunks;
  S* parts;
  COFACTOR_HD void operator()(int64_t i) const {
    const int64_t channels = chunks.channels, c = i % channels, chunk = i / channels;
    const int64_t begin = chunks.begin(chunk), end = chunks.end(chunk);
    S sum = 0;
    for (int64_t r = begin; r < end; ++r) sum += static_cast<S>(widen(x[r * channels + c]));
    const S mean = sum / static_cast<S>(end - begin);
    S squares = 0;
    for (int64_t r = begin; r < end; ++r) {
      const S difference = static_cast<S>(widen(x[r * channels + c])) - mean;
      squares += difference * difference;
    }
    parts[i] = mean;
    parts[chunks.count * channels + i] = squares;
  }
};

// One thread per channel: combines the chunks' moments (Chan, Golub, LeVeque 1979) and updates the running ones.
template <class S>
struct ChannelMoments {
  const S* parts;
  Chunks chunks;
  double momentum;
  S *mean, *variance, *running_mean, *running_variance;
  COFACTOR_HD void operator()(int64_t c) const {
    S joined = 0, squares = 0, seen = 0;
    for (int64_t chunk = 0; chunk < chunks.count; ++chunk) {
      const int64_t i = chunk * chunks.channels + c;
      const S rows = static_cast<S>(chunks.end(chunk) - chunks.begin(chunk));
      const S difference = parts[i] - joined;
      const S share = rows / (seen + rows);
      joined += difference * share;
      squares += parts[chunks.count * chunks.channels + i] + difference * difference * seen * share;
      seen += rows;
    }
    mean[c] = joined;
    variance[c] = squares / seen;
    const S unbiased = squares / (seen - S(1));
    running_mean[c] = static_cast<S>((1.0 - momentum) * running_mean[c] + momentum * joined);
    running_variance[c] = static_cast<S>((1.0 - momentum) * running_variance[c] + momentum * unbiased);
  }
};

// y = activation((x - mean) / sqrt(variance + epsilon) * scale + shift + residual); keeps NaN.
template <class T, class S>
struct Normalize {
  const T *x, *residual;  // null for no residual
  const S *mean, *variance, *scale, *shift;
  int64_t channels;
  S epsilon;
  bool relu;
  T* y;
  COFACTOR_HD void operator()(int64_t i) const {
    using std::sqrt;
    const int64_t c = i % channels;
    const S normal = (static_cast<S>(widen(x[i])) - mean[c]) / sqrt(variance[c] + epsilon);
    S value = normal * scale[c] + shift[c];
    if (residual) value += static_cast<S>(widen(residual[i]));
    y[i] = T(static_cast<Compute<T>>(relu && value < S(0) ? S(0) : value));
  }
};

// What the gradient's kernels read: g = grad where the activation passed, and the normalised x.
template <class T, class S>
struct NormVjpInput {
  const T *grad, *x, *y;  // y is null where there was no ReLU
  const S *mean, *variance;
  S epsilon;

  COFACTOR_HD S gradient(int64_t i) const {
    return y && !(widen(y[i]) > Compute<T>(0)) ? S(0) : static_cast<S>(widen(grad[i]));
  }
  COFACTOR_HD S inverse_deviation(int64_t c) const {
    using std::sqrt;
    return S(1) / sqrt(variance[c] + epsilon);
  }
  COFACTOR_HD S normal(int64_t i, int64_t c) const {
    return (static_cast<S>(widen(x[i])) - mean[c]) * inverse_deviation(c);
  }
};

// parts (2, chunks, C): each chunk's sum of g, and of g times the normalised x.
template <class T, class S>
struct ChunkGradients {
  NormVjpInput<T, S> in;
  Chunks chunks;
  S* parts;
  COFACTOR_HD void operator()(int64_t i) const {
    const int64_t channels = chunks.channels, c = i % channels, chunk = i / channels;
    S sum_g = 0, sum_gn = 0;
    for (int64_t r = chunks.begin(chunk); r < chunks.end(chunk); ++r) {
      const S g = in.gradient(r * channels + c);
      sum_g += g;
      sum_gn += g * in.normal(r * channels + c, c);
    }
    parts[i] = sum_g;
    parts[chunks.count * channels + i] = sum_gn;
  }
};

template <class S>
struct ChannelGradients {
  const S* parts;
  Chunks chunks;
  S *dscale, *dshift;
  COFACTOR_HD void operator()(int64_t c) const {
    S sum_g = 0, sum_gn = 0;
    for (int64_t chunk = 0; chunk < chunks.count; ++chunk) {
      sum_g += parts[chunk * chunks.channels + c];
      sum_gn += parts[(chunks.count + chunk) * chunks.channels + c];
    }
    dshift[c] = sum_g;
    dscale[c] = sum_gn;
  }
};

// dx = scale / deviation * (g - (sum g + n sum(g n)) / R), without the sums where the moments were given; and g is the
// residual's gradient.
template <class T, class S>
struct NormVjp {
  NormVjpInput<T, S> in;
  const S *scale, *dscale, *dshift;
  int64_t rows, channels;
  bool training;
  T *dx, *dresidual;  // null for no residual
  COFACTOR_HD void operator()(int64_t i) const {
    const int64_t c = i % channels;
    S g = in.gradient(i);
    if (dresidual) dresidual[i] = T(static_cast<Compute<T>>(g));
    if (training) g -= (dshift[c] + in.normal(i, c) * dscale[c]) / static_cast<S>(rows);
    dx[i] = T(static_cast<Compute<T>>(scale[c] * in.inverse_deviation(c) * g));
  }
};

template <class Launch>
void batch_norm(const Launch& launch, const Tensor& x, const Tensor& scale, const Tensor& shift,
                const Tensor& running_mean, const Tensor& running_variance, const Tensor& residual,
                const BatchNormParams& params, const Tensor& y, const Tensor& saved_mean,
                const Tensor& saved_variance) {
  dispatch_floating(x.dtype(), "batch_norm", [&]<class T>() {
    using S = Compute<T>;  // of the statistics: f32 where x is bf16
    const int64_t channels = x.dim(-1);
    const S *mean = running_mean.data<S>(), *variance = running_variance.data<S>();
    if (params.training) {
      const Chunks chunks(x.numel() / channels, channels);
      const Tensor parts = Tensor::empty({2, chunks.count, channels}, dtype_of<S>, x.device());
      launch.each(chunks.count * channels, ChunkMoments<T, S>{x.data<T>(), chunks, parts.data<S>()});
      launch.each(channels,
                  ChannelMoments<S>{parts.data<S>(), chunks, params.momentum, saved_mean.data<S>(),
                                    saved_variance.data<S>(), running_mean.data<S>(), running_variance.data<S>()});
      mean = saved_mean.data<S>();
      variance = saved_variance.data<S>();
    }
    launch.each(y.numel(),
                Normalize<T, S>{x.data<T>(), residual.defined() ? residual.data<T>() : nullptr, mean, variance,
                                scale.data<S>(), shift.data<S>(), channels, static_cast<S>(params.epsilon),
                                params.activation == Activation::relu, y.data<T>()});
  });
}

template <class Launch>
void batch_norm_vjp(const Launch& launch, const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                    const Tensor& mean, const Tensor& variance, const BatchNormParams& params, const Tensor& dx,
                    const Tensor& dscale, const Tensor& dshift, const Tensor& dresidual) {
  dispatch_floating(x.dtype(), "batch_norm", [&]<class T>() {
    using S = Compute<T>;
    const int64_t channels = x.dim(-1), rows = x.numel() / channels;
    const Chunks chunks(rows, channels);
    const NormVjpInput<T, S> in{
        grad.data<T>(), x.data<T>(),        params.activation == Activation::relu ? y.data<T>() : nullptr,
        mean.data<S>(), variance.data<S>(), static_cast<S>(params.epsilon)};
    const Tensor parts = Tensor::empty({2, chunks.count, channels}, dtype_of<S>, x.device());
    launch.each(chunks.count * channels, ChunkGradients<T, S>{in, chunks, parts.data<S>()});
    launch.each(channels, ChannelGradients<S>{parts.data<S>(), chunks, dscale.data<S>(), dshift.data<S>()});
    launch.each(dx.numel(),
                NormVjp<T, S>{in, scale.data<S>(), dscale.data<S>(), dshift.data<S>(), rows, channels, params.training,
                              dx.data<T>(), dresidual.defined() ? dresidual.data<T>() : nullptr});
  });
}

}  // namespace cofactor::cuda
