// Batch norm with a residual and a ReLU, on x as a matrix (rows, channels), in this backend's own loops: oneDNN fuses
// no residual, its ReLU turns NaN into 0, and it supports bf16 only on processors with bf16 instructions. The loops are
// limited by memory bandwidth: forward reads x twice, backward reads grad, x and y twice, without intermediate tensors.
#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/backends/cpu/backend.h"
#include "engine/backends/cpu/dispatch.h"
#include "engine/backends/cpu/parallel.h"
#include "engine/backends/cpu/vectors.h"

namespace cofactor {

namespace cpu {

namespace {

// x as a matrix whose rows are divided equally among the threads.
struct Rows {
  explicit Rows(const Tensor& x)
      : channels(x.dim(-1)), count(x.numel() / channels), parts(std::clamp<int64_t>(count, 1, num_threads())) {}

  // Calls body(part, begin, end): the rows begin .. end - 1 of each part.
  template <class Body>
  void for_each_part(const Body& body) const {
    parallel_for(parts, count * channels / parts, [&](int64_t first, int64_t last) {
      for (int64_t part = first; part < last; ++part)
        body(static_cast<size_t>(part), count * part / parts, count * (part + 1) / parts);
    });
  }

  int64_t channels, count, parts;
};

// Rows whose sums are kept in f32; beyond that, sums are added up in double.
constexpr int64_t kBlockRows = 128;

// Two sums per channel.
struct BlockSums {
  explicit BlockSums(int64_t channels) : first(static_cast<size_t>(channels)), second(static_cast<size_t>(channels)) {}

  // Over the rows begin .. end - 1: terms(place, channel, first, second) adds one element, or kLanes side by side.
  template <class Terms>
  void sum(int64_t begin, int64_t end, const Terms& terms) {
    std::fill(first.begin(), first.end(), 0.0f);
    std::fill(second.begin(), second.end(), 0.0f);
    int64_t row = begin;
    for (; row + 4 <= end; row += 4) add_rows<4>(row, terms);  // so that sums stay in registers for a while
    for (; row < end; ++row) add_rows<1>(row, terms);
  }

  std::vector<float> first, second;

 private:
  template <int64_t Count, class Terms>
  void add_rows(int64_t row, const Terms& terms) {
    const auto channels = static_cast<int64_t>(first.size());
    for_each_lane(channels, [&]<class Value>(int64_t c) {
      Value a = load_wide<Value>(&first[static_cast<size_t>(c)]), b = load_wide<Value>(&second[static_cast<size_t>(c)]);
      for (int64_t r = 0; r < Count; ++r) terms((row + r) * channels + c, c, a, b);
      store_narrow(&first[static_cast<size_t>(c)], a);
      store_narrow(&second[static_cast<size_t>(c)], b);
    });
  }
};

// Calls body(begin, end) for the blocks of the rows begin .. end - 1.
template <class Body>
void for_each_block(int64_t begin, int64_t end, const Body& body) {
  for (int64_t row = begin; row < end; row += kBlockRows) body(row, std::min(end, row + kBlockRows));
}

// Each channel's mean over some rows, and the sum of squared differences from it.
struct Moments {
  explicit Moments(int64_t channels) : mean(static_cast<size_t>(channels)), squares(static_cast<size_t>(channels)) {}

  // Adds the moments of `count` other rows (Chan, Golub, LeVeque, Updating Formulae, 1979).
  void join(size_t channel, double count, double other_mean, double other_squares) {
    const double share = count / (rows + count), difference = other_mean - mean[channel];
    mean[channel] += difference * share;
    squares[channel] += other_squares + difference * difference * rows * share;
  }

  double rows = 0.0;
  std::vector<double> mean, squares;
};

// One pass: per block, the sums of x - m and of its square, where m is close to the mean, which avoids cancellation:
// the mean of the earlier blocks, and for the first block its own.
template <class T>
Moments moments_of(const T* x, int64_t channels, int64_t begin, int64_t end) {
  Moments moments(channels);
  BlockSums sums(channels);
  std::vector<float> near(static_cast<size_t>(channels));
  const auto add_up = [&](int64_t first, int64_t last) {
    sums.sum(first, last, [x, m = near.data()]<class Value>(int64_t at, int64_t c, Value& sum, Value& squares) {
      const Value difference = load_wide<Value>(x + at) - load_wide<Value>(m + c);
      sum += difference;
      squares += difference * difference;
    });
  };
  const int64_t first_end = std::min(end, begin + kBlockRows);
  for (size_t c = 0; c < near.size(); ++c) near[c] = widen(x[begin * channels + static_cast<int64_t>(c)]);
  add_up(begin, first_end);
  for (size_t c = 0; c < near.size(); ++c) near[c] += sums.first[c] / static_cast<float>(first_end - begin);
  for_each_block(begin, end, [&](int64_t first, int64_t last) {
    add_up(first, last);
    const auto count = static_cast<double>(last - first);
    for (size_t c = 0; c < near.size(); ++c) {
      const double sum = sums.first[c], squares = sums.second[c] - sum * sum / count;
      moments.join(c, count, near[c] + sum / count, squares < 0.0 ? 0.0 : squares);  // NaN stays
      near[c] = static_cast<float>(moments.mean[c]);
    }
    moments.rows += count;
  });
  return moments;
}

Moments moments_of(const Tensor& x) {
  const Rows rows(x);
  std::vector<Moments> parts(static_cast<size_t>(rows.parts), Moments(0));
  dispatch(x.dtype(), [&]<class T>() {
    rows.for_each_part([&](size_t part, int64_t begin, int64_t end) {
      parts[part] = moments_of(x.data<T>(), rows.channels, begin, end);
    });
  });
  Moments& all = parts[0];
  for (size_t part = 1; part < parts.size(); ++part) {
    for (size_t c = 0; c < all.mean.size(); ++c)
      all.join(c, parts[part].rows, parts[part].mean[c], parts[part].squares[c]);
    all.rows += parts[part].rows;
  }
  return all;
}

// running = (1 - momentum) * running + momentum * batch
void update_running(float& running, double batch, double momentum) {
  running = static_cast<float>((1.0 - momentum) * running + momentum * batch);
}

double inverse_deviation(float variance, double epsilon) {
  return 1.0 / std::sqrt(variance + epsilon);
}

float factor_of(float scale, float variance, double epsilon) {
  return static_cast<float>(scale / std::sqrt(variance + epsilon));
}

// y = activation((x - mean) * factor + shift + residual)
template <class T>
void normalise(const Tensor& x, const float* mean, const float* factor, const float* shift, const Tensor& residual,
               bool relu, const Tensor& y) {
  const T* in = x.data<T>();
  const T* added = residual.defined() ? residual.data<T>() : nullptr;
  T* out = y.data<T>();
  const Rows rows(x);
  rows.for_each_part([=](size_t, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for_each_lane(rows.channels, [=]<class Value>(int64_t c) {
        const int64_t at = row * rows.channels + c;
        Value value = (load_wide<Value>(in + at) - load_wide<Value>(mean + c)) * load_wide<Value>(factor + c) +
                      load_wide<Value>(shift + c);
        if (added) value += load_wide<Value>(added + at);
        if (relu) value = value <= Value{} ? Value{} : value;  // keeps NaN
        store_narrow(out + at, value);
      });
  });
}

// The gradient that the activation lets through, as both passes of the gradient read it.
template <class T>
struct PassedGradient {
  template <class Value>
  Value at(int64_t place) const {
    const Value g = load_wide<Value>(grad + place);
    if (!y) return g;
    return load_wide<Value>(y + place) > Value{} ? g : Value{};
  }

  const T *grad, *y;  // y null: no activation
};

// dshift = sum of g, and the sum of g (x - mean); dresidual = g where it is not null.
template <class T>
void sum_gradients(const Rows& rows, const PassedGradient<T>& g, const T* x, const float* mean, T* dresidual,
                   std::vector<double>& sum_g, std::vector<double>& sum_gx) {
  struct Part {
    std::vector<double> g, gx;
  };
  std::vector<Part> parts(static_cast<size_t>(rows.parts), Part{sum_g, sum_gx});
  rows.for_each_part([&](size_t part, int64_t begin, int64_t end) {
    BlockSums sums(rows.channels);
    for_each_block(begin, end, [&](int64_t first, int64_t last) {
      sums.sum(first, last, [=]<class Value>(int64_t at, int64_t c, Value& sum, Value& weighted) {
        const Value passed = g.template at<Value>(at);
        if (dresidual) store_narrow(dresidual + at, passed);
        sum += passed;
        weighted += passed * (load_wide<Value>(x + at) - load_wide<Value>(mean + c));
      });
      for (size_t c = 0; c < sum_g.size(); ++c) {
        parts[part].g[c] += sums.first[c];
        parts[part].gx[c] += sums.second[c];
      }
    });
  });
  for (const Part& part : parts)
    for (size_t c = 0; c < sum_g.size(); ++c) {
      sum_g[c] += part.g[c];
      sum_gx[c] += part.gx[c];
    }
}

// What dx is made of, by channel: dx = factor * (g - offset - (x - mean) * slope).
struct InputCoefficients {
  explicit InputCoefficients(size_t channels) : factor(channels), offset(channels), slope(channels) {}

  // From the sums of g and of g n over `count` rows.
  void set(size_t channel, float scale, float variance, double epsilon, double sum_g, double sum_gn, double count) {
    factor[channel] = factor_of(scale, variance, epsilon);
    offset[channel] = static_cast<float>(sum_g / count);
    slope[channel] = static_cast<float>(sum_gn * inverse_deviation(variance, epsilon) / count);
  }

  std::vector<float> factor, offset, slope;
};

// dx, and dresidual = g where it is not null. Where the moments are constants, dx = factor * g.
template <class T>
void input_gradient(const Rows& rows, const PassedGradient<T>& g, const T* x, const float* mean,
                    const InputCoefficients& coefficients, bool moving, T* dx, T* dresidual = nullptr) {
  rows.for_each_part([=, factor = coefficients.factor.data(), offset = coefficients.offset.data(),
                      slope = coefficients.slope.data()](size_t, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for_each_lane(rows.channels, [=]<class Value>(int64_t c) {
        const int64_t at = row * rows.channels + c;
        Value value = g.template at<Value>(at);
        if (dresidual) store_narrow(dresidual + at, value);
        if (moving)
          value -= load_wide<Value>(offset + c) +
                   (load_wide<Value>(x + at) - load_wide<Value>(mean + c)) * load_wide<Value>(slope + c);
        store_narrow(dx + at, value * load_wide<Value>(factor + c));
      });
  });
}

}  // namespace

}  // namespace cpu

// y = activation((x - mean) / sqrt(variance + epsilon) * scale + shift + residual), by channel.
void CpuBackend::batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                            const Tensor& running_variance, const Tensor& residual, const BatchNormParams& params,
                            const Tensor& y, const Tensor& saved_mean, const Tensor& saved_variance) {
  if (!cpu::serves(x.dtype()))
    return ReferenceBackend::batch_norm(x, scale, shift, running_mean, running_variance, residual, params, y,
                                        saved_mean, saved_variance);
  if (params.training) {
    const cpu::Moments moments = cpu::moments_of(x);
    for (size_t c = 0; c < moments.mean.size(); ++c) {
      saved_mean.data<float>()[c] = static_cast<float>(moments.mean[c]);
      saved_variance.data<float>()[c] = static_cast<float>(moments.squares[c] / moments.rows);
      cpu::update_running(running_mean.data<float>()[c], moments.mean[c], params.momentum);
      cpu::update_running(running_variance.data<float>()[c], moments.squares[c] / (moments.rows - 1.0),
                          params.momentum);
    }
  }
  const float* mean = (params.training ? saved_mean : running_mean).data<float>();
  const float* variance = (params.training ? saved_variance : running_variance).data<float>();
  std::vector<float> factor(static_cast<size_t>(x.dim(-1)));
  for (size_t c = 0; c < factor.size(); ++c)
    factor[c] = cpu::factor_of(scale.data<float>()[c], variance[c], params.epsilon);
  cpu::dispatch(x.dtype(), [&]<class T>() {
    cpu::normalise<T>(x, mean, factor.data(), shift.data<float>(), residual, params.activation == Activation::relu, y);
  });
}

// With g the gradient that the activation lets through, n = (x - mean) / sqrt(variance + epsilon) and R rows:
//   dresidual = g,  dshift = sum g,  dscale = sum g n,
//   dx = scale / sqrt(variance + epsilon) * (g - dshift / R - n dscale / R)    in training
void CpuBackend::batch_norm_vjp(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                                const Tensor& mean, const Tensor& variance, const BatchNormParams& params,
                                const Tensor& dx, const Tensor& dscale, const Tensor& dshift, const Tensor& dresidual) {
  if (!cpu::serves(x.dtype()))
    return ReferenceBackend::batch_norm_vjp(grad, x, y, scale, mean, variance, params, dx, dscale, dshift, dresidual);
  const cpu::Rows rows(x);
  const auto channels = static_cast<size_t>(rows.channels);
  const auto count = static_cast<double>(rows.count);
  const float* m = mean.data<float>();
  cpu::dispatch(x.dtype(), [&]<class T>() {
    const bool relu = params.activation == Activation::relu;
    const T* in = x.data<T>();
    T* d_residual = dresidual.defined() ? dresidual.data<T>() : nullptr;
    cpu::PassedGradient<T> g{grad.data<T>(), relu ? y.data<T>() : nullptr};
    std::vector<double> sum_g(channels), sum_gx(channels);
    cpu::sum_gradients(rows, g, in, m, d_residual, sum_g, sum_gx);
    if (d_residual) g = {d_residual, nullptr};

    cpu::InputCoefficients coefficients(channels);
    for (size_t c = 0; c < channels; ++c) {
      const float v = variance.data<float>()[c];
      const double sum_gn = sum_gx[c] * cpu::inverse_deviation(v, params.epsilon);
      dshift.data<float>()[c] = static_cast<float>(sum_g[c]);
      dscale.data<float>()[c] = static_cast<float>(sum_gn);
      coefficients.set(c, scale.data<float>()[c], v, params.epsilon, sum_g[c], sum_gn, count);
    }
    cpu::input_gradient(rows, g, in, m, coefficients, params.training, dx.data<T>());
  });
}

void CpuBackend::batch_norm_moments(const Tensor& x, const Tensor& mean, const Tensor& variance) {
  if (!cpu::serves(x.dtype())) return ReferenceBackend::batch_norm_moments(x, mean, variance);
  const cpu::Moments moments = cpu::moments_of(x);
  for (size_t c = 0; c < moments.mean.size(); ++c) {
    mean.data<float>()[c] = static_cast<float>(moments.mean[c]);
    variance.data<float>()[c] = static_cast<float>(moments.squares[c] / moments.rows);
  }
}

void CpuBackend::batch_norm_vjp_sums(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& mean,
                                     const Tensor& variance, const BatchNormParams& params, const Tensor& dscale,
                                     const Tensor& dshift) {
  if (!cpu::serves(x.dtype()))
    return ReferenceBackend::batch_norm_vjp_sums(grad, x, y, mean, variance, params, dscale, dshift);
  const cpu::Rows rows(x);
  std::vector<double> sum_g(static_cast<size_t>(rows.channels)), sum_gx(sum_g.size());
  cpu::dispatch(x.dtype(), [&]<class T>() {
    const cpu::PassedGradient<T> g{grad.data<T>(), params.activation == Activation::relu ? y.data<T>() : nullptr};
    cpu::sum_gradients<T>(rows, g, x.data<T>(), mean.data<float>(), nullptr, sum_g, sum_gx);
  });
  for (size_t c = 0; c < sum_g.size(); ++c) {
    const double inverse = cpu::inverse_deviation(variance.data<float>()[c], params.epsilon);
    dshift.data<float>()[c] = static_cast<float>(sum_g[c]);
    dscale.data<float>()[c] = static_cast<float>(sum_gx[c] * inverse);
  }
}

void CpuBackend::batch_norm_vjp_input(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                                      const Tensor& mean, const Tensor& variance, const Tensor& dscale,
                                      const Tensor& dshift, int64_t count, const BatchNormParams& params,
                                      const Tensor& dx, const Tensor& dresidual) {
  if (!cpu::serves(x.dtype()))
    return ReferenceBackend::batch_norm_vjp_input(grad, x, y, scale, mean, variance, dscale, dshift, count, params, dx,
                                                  dresidual);
  const cpu::Rows rows(x);
  cpu::InputCoefficients coefficients(static_cast<size_t>(rows.channels));
  for (size_t c = 0; c < coefficients.factor.size(); ++c)
    coefficients.set(c, scale.data<float>()[c], variance.data<float>()[c], params.epsilon, dshift.data<float>()[c],
                     dscale.data<float>()[c], static_cast<double>(count));
  cpu::dispatch(x.dtype(), [&]<class T>() {
    const cpu::PassedGradient<T> g{grad.data<T>(), params.activation == Activation::relu ? y.data<T>() : nullptr};
    cpu::input_gradient(rows, g, x.data<T>(), mean.data<float>(), coefficients, true, dx.data<T>(),
                        dresidual.defined() ? dresidual.data<T>() : nullptr);
  });
}

}  // namespace cofactor
