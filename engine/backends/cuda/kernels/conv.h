// Convolution in plain loops, one thread per value of the output: for f64, which tests need, and for shapes for which
// cuDNN has no deterministic engine in the requested precision. Also bias, ReLU and the bias's gradient around cuDNN's.
#pragma once

#include "engine/backends/cuda/kernels/divider.h"
#include "engine/backends/cuda/kernels/packs.h"
#include "engine/backends/cuda/kernels/reduce.h"
#include "engine/kernel_params.h"

namespace cofactor::cuda {

struct ConvGeometry {
  int64_t height, width, in_channels, out_height, out_width, out_channels, kernel_h, kernel_w;
  int stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  int64_t images;
  Places inputs, weights, outputs;  // elements of x, w (as n: output channel, h and w: the kernel's cell) and y

  ConvGeometry(const Shape& x, const Shape& w, const Shape& y, const Conv2dParams& p)
      : height(x[1]),
        width(x[2]),
        in_channels(x[3]),
        out_height(y[1]),
        out_width(y[2]),
        out_channels(y[3]),
        kernel_h(w[1]),
        kernel_w(w[2]),
        stride_h(p.stride_h),
        stride_w(p.stride_w),
        pad_h(p.pad_h),
        pad_w(p.pad_w),
        dilation_h(p.dilation_h),
        dilation_w(p.dilation_w),
        images(x[0]),
        inputs{Divider(x[1]), Divider(x[2]), Divider(x[3])},
        weights{Divider(w[1]), Divider(w[2]), Divider(w[3])},
        outputs{Divider(y[1]), Divider(y[2]), Divider(y[3])} {}

  // The row and column of x that output (oh, ow) reads through the kernel's cell (kh, kw); may lie outside.
  COFACTOR_HD int64_t row(int64_t oh, int64_t kh) const { return oh * stride_h - pad_h + kh * dilation_h; }
  COFACTOR_HD int64_t column(int64_t ow, int64_t kw) const { return ow * stride_w - pad_w + kw * dilation_w; }
  COFACTOR_HD bool inside(int64_t ih, int64_t iw) const { return ih >= 0 && ih < height && iw >= 0 && iw < width; }
  COFACTOR_HD int64_t x_at(int64_t n, int64_t ih, int64_t iw) const {
    return ((n * height + ih) * width + iw) * in_channels;
  }
  COFACTOR_HD int64_t w_at(int64_t o, int64_t kh, int64_t kw) const {
    return ((o * kernel_h + kh) * kernel_w + kw) * in_channels;
  }
  COFACTOR_HD int64_t y_at(int64_t n, int64_t oh, int64_t ow) const {
    return ((n * out_height + oh) * out_width + ow) * out_channels;
  }
};

// y[n, oh, ow, o] = sum over kh, kw, i of x * w
template <class T>
struct DirectConv {
  const T *x, *w;
  ConvGeometry g;
  T* y;
  COFACTOR_HD void operator()(int64_t at) const {
    const Place p = g.outputs.of(at);
    Compute<T> sum = 0;
    for (int64_t kh = 0; kh < g.kernel_h; ++kh) {
      for (int64_t kw = 0; kw < g.kernel_w; ++kw) {
        const int64_t ih = g.row(p.h, kh), iw = g.column(p.w, kw);
        if (!g.inside(ih, iw)) continue;
        for (int64_t i = 0; i < g.in_channels; ++i)
          sum += widen(x[g.x_at(p.n, ih, iw) + i]) * widen(w[g.w_at(p.c, kh, kw) + i]);
      }
    }
    y[at] = T(sum);
  }
};

// dx[n, ih, iw, i] = sum over the outputs that read it of grad * w, added to what dx holds if `accumulate`
template <class T>
struct DirectConvInput {
  const T *grad, *w;
  ConvGeometry g;
  T* dx;
  bool accumulate;
  COFACTOR_HD void operator()(int64_t at) const {
    const Place p = g.inputs.of(at);
    Compute<T> sum = 0;
    for (int64_t kh = 0; kh < g.kernel_h; ++kh) {
      for (int64_t kw = 0; kw < g.kernel_w; ++kw) {
        const int64_t down = p.h + g.pad_h - kh * g.dilation_h, right = p.w + g.pad_w - kw * g.dilation_w;
        if (down < 0 || right < 0 || down % g.stride_h != 0 || right % g.stride_w != 0) continue;
        const int64_t oh = down / g.stride_h, ow = right / g.stride_w;
        if (oh >= g.out_height || ow >= g.out_width) continue;
        for (int64_t o = 0; o < g.out_channels; ++o)
          sum += widen(grad[g.y_at(p.n, oh, ow) + o]) * widen(w[g.w_at(o, kh, kw) + p.c]);
      }
    }
    dx[at] = T(accumulate ? sum + widen(dx[at]) : sum);
  }
};

// dw[o, kh, kw, i] = sum over images and outputs of grad * x: one group per weight. dw may be wide.
template <class T, class To>
struct DirectConvWeights {
  const T *x, *grad;
  ConvGeometry g;
  To* dw;
  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t at) const {
    const Place p = g.weights.of(at);
    const int64_t places = g.out_height * g.out_width;
    Compute<T> sum = 0;
    for (int64_t k = group.rank(); k < g.images * places; k += group.size()) {
      const int64_t line = g.outputs.width.quotient(k), ow = k - line * g.out_width;
      const int64_t n = g.outputs.height.quotient(line), oh = line - n * g.out_height;
      const int64_t ih = g.row(oh, p.h), iw = g.column(ow, p.w);
      if (g.inside(ih, iw)) sum += widen(x[g.x_at(n, ih, iw) + p.c]) * widen(grad[k * g.out_channels + p.n]);
    }
    sum = group.sum(sum);
    if (group.rank() == 0) dw[at] = To(sum);
  }
};

// y = activation(x + b); b is null where there is none. x has y's type, and may be y, or the type that T is computed
// in. Keeps NaN.
template <class T, class From>
struct BiasActivation {
  const From* x;
  const Compute<T>* b;
  Divider channels;
  bool relu;
  T* y;
  template <int N>
  COFACTOR_HD void run(int64_t at) const {
    const auto in = Pack<From, N>::load(x + at);
    Pack<Compute<T>, N> bias{};
    if (b) bias = Pack<Compute<T>, N>::load(b + channels.remainder(at));
    Compute<T> values[N];
    for (int k = 0; k < N; ++k) {
      values[k] = in[k];
      if (b) values[k] += bias[k];
      if (relu && values[k] < Compute<T>(0)) values[k] = Compute<T>(0);
    }
    Pack<T, N>::of(values).store(y + at);
  }
};

template <class Launch>
void direct_conv2d(const Launch& launch, const Tensor& x, const Tensor& w, const Conv2dParams& params,
                   const Tensor& y) {
  const ConvGeometry g(x.shape(), w.shape(), y.shape(), params);
  dispatch_floating(x.dtype(), "conv2d", [&]<class T>() {
    launch.moves(bytes_of(x, w, y)).each(y.numel(), DirectConv<T>{x.data<T>(), w.data<T>(), g, y.data<T>()});
  });
}

template <class Launch>
void direct_conv2d_input(const Launch& launch, const Tensor& grad, const Tensor& w, const Conv2dParams& params,
                         const Tensor& dx, bool accumulate = false) {
  const ConvGeometry g(dx.shape(), w.shape(), grad.shape(), params);
  dispatch_floating(dx.dtype(), "conv2d", [&]<class T>() {
    launch.moves(bytes_of(grad, w, dx) + (accumulate ? bytes_of(dx) : 0))
        .each(dx.numel(), DirectConvInput<T>{grad.data<T>(), w.data<T>(), g, dx.data<T>(), accumulate});
  });
}

template <class Launch>
void direct_conv2d_weights(const Launch& launch, const Tensor& x, const Tensor& grad, const Conv2dParams& params,
                           const Tensor& dw) {
  const ConvGeometry g(x.shape(), dw.shape(), grad.shape(), params);
  dispatch_floating(x.dtype(), "conv2d", [&]<class T>() {
    const auto into = [&]<class To>(To* to) {
      launch.moves(bytes_of(x, grad, dw))
          .groups(dw.numel(), DirectConvWeights<T, To>{x.data<T>(), grad.data<T>(), g, to});
    };
    if (dw.dtype() == x.dtype()) {
      into(dw.data<T>());
    } else {
      into(dw.data<Compute<T>>());
    }
  });
}

// y = activation(x + b), where b may be undefined, and x may be y or wide (engine/backend.h).
template <class Launch>
void bias_activation(const Launch& launch, const Tensor& x, const Tensor& b, Activation activation, const Tensor& y) {
  dispatch_floating(y.dtype(), "conv2d", [&]<class T>() {
    constexpr int kSize = kPackSize<T>;
    const Compute<T>* bias = b.defined() ? b.data<Compute<T>>() : nullptr;
    T* to = y.data<T>();
    const auto run = [&]<class From>() {
      const From* from = x.data<From>();
      each_pack_in_rows<kSize>(
          launch.moves(bytes_of(x, b, y)), y.numel(), y.dim(-1), aligned_for_packs(from, bias, to),
          BiasActivation<T, From>{from, bias, Divider(y.dim(-1)), activation == Activation::relu, to});
    };
    if (x.dtype() == y.dtype()) return run.template operator()<T>();
    run.template operator()<Compute<T>>();
  });
}

// What is left to do after cuDNN's convolution, in place.
template <class Launch>
void bias_activation(const Launch& launch, const Tensor& b, Activation activation, const Tensor& y) {
  if (b.defined() || activation != Activation::none) bias_activation(launch, y, b, activation, y);
}

// db (O): the sum of grad (..., O) over all axes but the last.
template <class Launch>
void bias_gradient(const Launch& launch, const Tensor& grad, const Tensor& db) {
  const MiddleAxis view{.found = true, .outer = 1, .length = grad.numel() / grad.dim(-1), .inner = grad.dim(-1)};
  dispatch_floating(grad.dtype(), "conv2d", [&]<class T>() {
    reduce_middle<ReduceOp::sum, T, Compute<T>>(launch, grad, view, Compute<T>(1), db);
  });
}

}  // namespace cofactor::cuda
