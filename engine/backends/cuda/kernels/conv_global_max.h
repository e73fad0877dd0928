// A convolution's maximum over all positions, and its gradients, for which each image and filter has one position: one
// thread per sum, always in the same order.
#pragma once

#include "engine/backends/cuda/kernels/conv.h"

namespace cofactor::cuda {

// Thread (n, o): y = the largest of values[n, spot, o], the first of equal ones; NaN before any number.
template <class T>
struct GlobalMax {
  const T* values;
  int64_t spots, filters;
  bool relu;
  T* y;
  int32_t* places;
  COFACTOR_HD void operator()(int64_t at) const {
    const T* from = values + at / filters * spots * filters + at % filters;
    Compute<T> best = widen(from[0]);
    int64_t place = 0;
    for (int64_t spot = 1; spot < spots; ++spot) {
      const Compute<T> value = widen(from[spot * filters]);
      if (value > best || (value != value && best == best)) {
        best = value;
        place = spot;
      }
    }
    const bool stopped = relu && best <= Compute<T>(0);
    y[at] = T(stopped ? Compute<T>(0) : best);
    places[at] = stopped ? -1 : static_cast<int32_t>(place);
  }
};

// Thread (n, ih, iw, i): dx = the sum over the filters whose window covers the pixel of grad * w.
template <class T>
struct GlobalMaxInput {
  const T *grad, *w;
  const int32_t* places;
  ConvGeometry g;
  T* dx;
  COFACTOR_HD void operator()(int64_t at) const {
    const Place p(at, g.height, g.width, g.in_channels);
    Compute<T> sum = 0;
    for (int64_t o = 0; o < g.out_channels; ++o) {
      const int64_t place = places[p.n * g.out_channels + o];
      if (place < 0) continue;
      const int64_t down = p.h - g.row(place / g.out_width, 0), right = p.w - g.column(place % g.out_width, 0);
      if (down < 0 || right < 0 || down % g.dilation_h != 0 || right % g.dilation_w != 0) continue;
      const int64_t kh = down / g.dilation_h, kw = right / g.dilation_w;
      if (kh >= g.kernel_h || kw >= g.kernel_w) continue;
      sum += widen(grad[p.n * g.out_channels + o]) * widen(w[g.w_at(o, kh, kw) + p.c]);
    }
    dx[at] = T(sum);
  }
};

// Thread (o, kh, kw, i): dw = the sum over the images of grad * x where the filter's window lay.
template <class T>
struct GlobalMaxWeights {
  const T *grad, *x;
  const int32_t* places;
  ConvGeometry g;
  Compute<T>* dw;
  COFACTOR_HD void operator()(int64_t at) const {
    const Place p(at, g.kernel_h, g.kernel_w, g.in_channels);  // n: the filter, h and w: its cell
    Compute<T> sum = 0;
    for (int64_t n = 0; n < g.images; ++n) {
      const int64_t place = places[n * g.out_channels + p.n];
      if (place < 0) continue;
      const int64_t ih = g.row(place / g.out_width, p.h), iw = g.column(place % g.out_width, p.w);
      if (g.inside(ih, iw)) sum += widen(grad[n * g.out_channels + p.n]) * widen(x[g.x_at(n, ih, iw) + p.c]);
    }
    dw[at] = sum;
  }
};

// Thread o: db = the sum over the images of grad, where it passes.
template <class T>
struct GlobalMaxBias {
  const T* grad;
  const int32_t* places;
  int64_t images, filters;
  Compute<T>* db;
  COFACTOR_HD void operator()(int64_t o) const {
    Compute<T> sum = 0;
    for (int64_t n = 0; n < images; ++n)
      if (places[n * filters + o] >= 0) sum += widen(grad[n * filters + o]);
    db[o] = sum;
  }
};

// values (N, OH, OW, O): the convolution's, bias added, without an activation.
template <class Launch>
void global_max(const Launch& launch, const Tensor& values, Activation activation, const Tensor& y,
                const Tensor& places) {
  dispatch_floating(values.dtype(), "conv2d_global_max", [&]<class T>() {
    launch.each(y.numel(), GlobalMax<T>{values.data<T>(), values.dim(1) * values.dim(2), values.dim(3),
                                        activation == Activation::relu, y.data<T>(), places.data<int32_t>()});
  });
}

template <class Launch>
void global_max_vjp(const Launch& launch, const Tensor& grad, const Tensor& places, const Tensor& x, const Tensor& w,
                    const Conv2dParams& params, const Tensor& dx, const Tensor& dw, const Tensor& db) {
  const ConvGeometry g(x.shape(), w.shape(), conv2d_output(x.shape(), w.shape(), params), params);
  const int32_t* place = places.data<int32_t>();
  dispatch_floating(x.dtype(), "conv2d_global_max", [&]<class T>() {
    if (dx.defined()) launch.each(dx.numel(), GlobalMaxInput<T>{grad.data<T>(), w.data<T>(), place, g, dx.data<T>()});
    if (dw.defined())
      launch.each(dw.numel(), GlobalMaxWeights<T>{grad.data<T>(), x.data<T>(), place, g, dw.data<Compute<T>>()});
    if (db.defined())
      launch.each(db.numel(), GlobalMaxBias<T>{grad.data<T>(), place, grad.dim(0), db.numel(), db.data<Compute<T>>()});
  });
}

}  // namespace cofactor::cuda
