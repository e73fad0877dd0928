// Convolution. The output is a sum of products x * w, so the three kernels are one loop nest with the roles exchanged:
//
//   y [n, oh, ow, o]  += x[n, ih, iw, i] * w[o, kh, kw, i]
//   dx[n, ih, iw, i]  += g[n, oh, ow, o] * w[o, kh, kw, i]
//   dw[o, kh, kw, i]  += g[n, oh, ow, o] * x[n, ih, iw, i]
//
// over every (n, oh, ow, kh, kw) whose input pixel ih = oh * stride - pad + kh * dilation (iw likewise) lies inside the
// image; outside it the input is 0 and adds nothing.
#include <vector>

#include "engine/backends/reference/backend.h"
#include "engine/elementwise_ops.h"

namespace cofactor {

namespace {

struct Extents {
  int64_t n, h, w, in;  // of x
  int64_t oh, ow, out;  // of y
  int64_t kh, kw;       // of w
};

Extents extents_of(const Shape& x, const Shape& w, const Shape& y) {
  return {x[0], x[1], x[2], x[3], y[1], y[2], y[3], w[1], w[2]};
}

// Calls body(x_pixel, tap, y_pixel) for each product of pixels above: x_pixel counts (n, ih, iw), tap counts (kh, kw),
// y_pixel counts (n, oh, ow), row-major.
template <class Body>
void for_each_tap(const Extents& e, const Conv2dParams& p, Body&& body) {
  for (int64_t n = 0; n < e.n; ++n) {
    for (int64_t oh = 0; oh < e.oh; ++oh) {
      for (int64_t ow = 0; ow < e.ow; ++ow) {
        for (int64_t kh = 0; kh < e.kh; ++kh) {
          for (int64_t kw = 0; kw < e.kw; ++kw) {
            const int64_t ih = oh * p.stride_h - p.pad_h + kh * p.dilation_h;
            const int64_t iw = ow * p.stride_w - p.pad_w + kw * p.dilation_w;
            if (ih < 0 || ih >= e.h || iw < 0 || iw >= e.w) continue;
            body((n * e.h + ih) * e.w + iw, kh * e.kw + kw, (n * e.oh + oh) * e.ow + ow);
          }
        }
      }
    }
  }
}

template <class T>
void store(const std::vector<double>& sums, T* to) {
  for (size_t i = 0; i < sums.size(); ++i) to[i] = convert<T>(sums[i]);
}

}  // namespace

// y = activation(conv(x, w) + b)
void ReferenceBackend::conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params,
                              const Tensor& y) {
  const Extents e = extents_of(x.shape(), w.shape(), y.shape());
  const int64_t taps = e.kh * e.kw;
  dispatch_floating(x.dtype(), "conv2d", [&]<class T>() {
    const T* in = x.data<T>();
    const T* weight = w.data<T>();
    std::vector<double> sums(static_cast<size_t>(y.numel()), 0.0);
    for_each_tap(e, params, [&](int64_t x_pixel, int64_t tap, int64_t y_pixel) {
      for (int64_t o = 0; o < e.out; ++o) {
        double sum = 0.0;
        for (int64_t i = 0; i < e.in; ++i)
          sum += double{widen(in[x_pixel * e.in + i])} * widen(weight[(o * taps + tap) * e.in + i]);
        sums[static_cast<size_t>(y_pixel * e.out + o)] += sum;
      }
    });
    for (size_t i = 0; i < sums.size(); ++i) {
      if (b.defined()) sums[i] += b.data<Compute<T>>()[i % static_cast<size_t>(e.out)];
      if (params.activation == Activation::relu) sums[i] = ReluOp::forward(sums[i], 0.0);
    }
    store(sums, y.data<T>());
  });
}

void ReferenceBackend::conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params,
                                        const Tensor& dx) {
  const Extents e = extents_of(dx.shape(), w.shape(), grad.shape());
  const int64_t taps = e.kh * e.kw;
  dispatch_floating(grad.dtype(), "conv2d", [&]<class T>() {
    const T* g = grad.data<T>();
    const T* weight = w.data<T>();
    std::vector<double> sums(static_cast<size_t>(dx.numel()), 0.0);
    for_each_tap(e, params, [&](int64_t x_pixel, int64_t tap, int64_t y_pixel) {
      double* d = sums.data() + x_pixel * e.in;
      for (int64_t o = 0; o < e.out; ++o)
        for (int64_t i = 0; i < e.in; ++i)
          d[i] += double{widen(g[y_pixel * e.out + o])} * widen(weight[(o * taps + tap) * e.in + i]);
    });
    store(sums, dx.data<T>());
  });
}

// And db[o] = sum of g[n, oh, ow, o].
void ReferenceBackend::conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params,
                                          const Tensor& dw, const Tensor& db) {
  const Extents e = extents_of(x.shape(), dw.shape(), grad.shape());
  const int64_t taps = e.kh * e.kw;
  dispatch_floating(x.dtype(), "conv2d", [&]<class T>() {
    const T* in = x.data<T>();
    const T* g = grad.data<T>();
    std::vector<double> sums(static_cast<size_t>(dw.numel()), 0.0);
    for_each_tap(e, params, [&](int64_t x_pixel, int64_t tap, int64_t y_pixel) {
      for (int64_t o = 0; o < e.out; ++o) {
        double* d = sums.data() + (o * taps + tap) * e.in;
        for (int64_t i = 0; i < e.in; ++i)
          d[i] += double{widen(g[y_pixel * e.out + o])} * widen(in[x_pixel * e.in + i]);
      }
    });
    if (dw.dtype() == x.dtype()) {
      store(sums, dw.data<T>());
    } else {
      store(sums, dw.data<Compute<T>>());
    }
    if (!db.defined()) return;
    std::vector<double> bias_sums(static_cast<size_t>(e.out), 0.0);
    for (int64_t y_pixel = 0; y_pixel < e.n * e.oh * e.ow; ++y_pixel)
      for (int64_t o = 0; o < e.out; ++o) bias_sums[static_cast<size_t>(o)] += widen(g[y_pixel * e.out + o]);
    store(bias_sums, db.data<Compute<T>>());
  });
}

}  // namespace cofactor
