// Pooling of NHWC images, one thread per value. Own kernels: they keep NaN, take a fused ReLU and adaptive windows,
// which cuDNN's resampling does not, and move each byte once.
#pragma once

#include <cmath>
#include <limits>

#include "engine/backends/cuda/kernels/launch.h"
#include "engine/kernel_params.h"

namespace cofactor::cuda {

// The windows along one axis.
struct PoolAxis {
  int64_t in, out;  // extents
  int kernel, stride, pad;
  bool adaptive;

  // The cells [begin, end) of window o, clipped to the image.
  COFACTOR_HD int64_t begin(int64_t o) const {
    if (adaptive) return o * in / out;
    const int64_t first = o * stride - pad;
    return first < 0 ? 0 : first;
  }
  COFACTOR_HD int64_t end(int64_t o) const {
    if (adaptive) return ((o + 1) * in + out - 1) / out;
    const int64_t last = o * stride - pad + kernel;
    return last < in ? last : in;
  }
  // The windows [first, last) that may hold cell i; begin and end decide which do.
  COFACTOR_HD int64_t first_window(int64_t i) const {
    if (adaptive) return i * out / in;
    const int64_t reach = i + pad - kernel + 1;
    return reach <= 0 ? 0 : (reach + stride - 1) / stride;
  }
  COFACTOR_HD int64_t last_window(int64_t i) const {
    const int64_t last = adaptive ? ((i + 1) * out + in - 1) / in : (i + pad) / stride + 1;
    return last < out ? last : out;
  }
};

struct PoolGeometry {
  PoolAxis h, w;
  int64_t channels;
  bool whole_kernel;  // average: padding counts
  bool relu;          // max: y = max(0, largest)

  PoolGeometry(const Shape& x, const Shape& y, const Pool2dParams& p)
      : h{x[1], y[1], p.kernel_h, p.stride_h, p.pad_h, p.adaptive},
        w{x[2], y[2], p.kernel_w, p.stride_w, p.pad_w, p.adaptive},
        channels(x[3]),
        whole_kernel(!p.adaptive && p.count_include_pad),
        relu(p.activation == Activation::relu) {}

  // What the mean over window (oh, ow) divides by.
  COFACTOR_HD int64_t divisor(int64_t oh, int64_t ow) const {
    if (whole_kernel) return int64_t{h.kernel} * w.kernel;
    return (h.end(oh) - h.begin(oh)) * (w.end(ow) - w.begin(ow));
  }
};

// Element i of a tensor (N, H, W, C).
struct Place {
  int64_t n, h, w, c;
  COFACTOR_HD Place(int64_t i, int64_t height, int64_t width, int64_t channels)
      : n(i / channels / width / height), h(i / channels / width % height), w(i / channels % width), c(i % channels) {}
};

// The first of the largest wins; a NaN wins over any number. `places` (null: not wanted) keeps ih * W + iw of the
// winner, or -1 where a ReLU lets no gradient pass.
template <class T>
struct MaxPool {
  const T* x;
  PoolGeometry geometry;
  T* y;
  int32_t* places;
  COFACTOR_HD void operator()(int64_t i) const {
    const auto& [h, w, channels, whole, relu] = geometry;
    const Place at(i, h.out, w.out, channels);
    Compute<T> best = -std::numeric_limits<Compute<T>>::infinity();
    int64_t place = h.begin(at.h) * w.in + w.begin(at.w);
    for (int64_t ih = h.begin(at.h); ih < h.end(at.h); ++ih) {
      for (int64_t iw = w.begin(at.w); iw < w.end(at.w); ++iw) {
        const auto value = widen(x[((at.n * h.in + ih) * w.in + iw) * channels + at.c]);
        if (value > best || value != value) {
          best = value;
          place = ih * w.in + iw;
        }
      }
    }
    const bool passes = !relu || best > Compute<T>(0);
    y[i] = T(passes || best != best ? best : Compute<T>(0));
    if (places) places[i] = passes ? static_cast<int32_t>(place) : -1;
  }
};

template <class T>
struct AveragePool {
  const T* x;
  PoolGeometry geometry;
  T* y;
  COFACTOR_HD void operator()(int64_t i) const {
    const auto& [h, w, channels, whole, relu] = geometry;
    const Place at(i, h.out, w.out, channels);
    Compute<T> sum = 0;
    for (int64_t ih = h.begin(at.h); ih < h.end(at.h); ++ih)
      for (int64_t iw = w.begin(at.w); iw < w.end(at.w); ++iw)
        sum += widen(x[((at.n * h.in + ih) * w.in + iw) * channels + at.c]);
    y[i] = T(sum / static_cast<Compute<T>>(geometry.divisor(at.h, at.w)));
  }
};

// A cell gathers from the windows that hold it, so that no two threads write to one place. `places` is null for the
// average.
template <class T>
struct PoolVjp {
  const T* grad;
  const int32_t* places;
  PoolGeometry geometry;
  T* dx;
  COFACTOR_HD void operator()(int64_t i) const {
    const auto& [h, w, channels, whole, relu] = geometry;
    const Place at(i, h.in, w.in, channels);
    Compute<T> sum = 0;
    for (int64_t oh = h.first_window(at.h); oh < h.last_window(at.h); ++oh) {
      if (at.h < h.begin(oh) || at.h >= h.end(oh)) continue;
      for (int64_t ow = w.first_window(at.w); ow < w.last_window(at.w); ++ow) {
        if (at.w < w.begin(ow) || at.w >= w.end(ow)) continue;
        const int64_t o = ((at.n * h.out + oh) * w.out + ow) * channels + at.c;
        if (!places) {
          sum += widen(grad[o]) / static_cast<Compute<T>>(geometry.divisor(oh, ow));
        } else if (places[o] == at.h * w.in + at.w) {
          sum += widen(grad[o]);
        }
      }
    }
    dx[i] = T(sum);
  }
};

inline size_t pool2d_workspace(const Shape& y, const Pool2dParams& params) {
  return params.kind == PoolKind::max ? static_cast<size_t>(y.numel()) * sizeof(int32_t) : 0;
}

template <class Launch>
void pool2d(const Launch& launch, const Tensor& x, const Pool2dParams& params, const Tensor& y,
            const Tensor& workspace) {
  const PoolGeometry geometry(x.shape(), y.shape(), params);
  dispatch_floating(x.dtype(), "pool2d", [&]<class T>() {
    if (params.kind == PoolKind::average) {
      launch.each(y.numel(), AveragePool<T>{x.data<T>(), geometry, y.data<T>()});
      return;
    }
    auto* places = workspace.defined() ? static_cast<int32_t*>(workspace.raw_data()) : nullptr;
    launch.each(y.numel(), MaxPool<T>{x.data<T>(), geometry, y.data<T>(), places});
  });
}

template <class Launch>
void pool2d_vjp(const Launch& launch, const Tensor& grad, const Tensor& workspace, const Pool2dParams& params,
                const Tensor& dx) {
  const PoolGeometry geometry(dx.shape(), grad.shape(), params);
  const auto* places = params.kind == PoolKind::max ? static_cast<const int32_t*>(workspace.raw_data()) : nullptr;
  dispatch_floating(grad.dtype(), "pool2d", [&]<class T>() {
    launch.each(dx.numel(), PoolVjp<T>{grad.data<T>(), places, geometry, dx.data<T>()});
  });
}

}  // namespace cofactor::cuda
