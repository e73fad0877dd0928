// Pooling of NHWC images, a pack of channels per thread. Own kernels: they keep NaN, take a fused ReLU and adaptive
// windows, which cuDNN's resampling does not, and move each byte once.
#pragma once

#include <cmath>
#include <limits>

#include "engine/backends/cuda/kernels/divider.h"
#include "engine/backends/cuda/kernels/packs.h"
#include "engine/kernel_params.h"

namespace cofactor::cuda {

// The windows along one axis.
struct PoolAxis {
  int in, out;  // extents
  int kernel, stride, pad;
  bool adaptive;

  // The cells [begin, end) of window o, clipped to the image.
  COFACTOR_HD int begin(int o) const {
    if (adaptive) return o * in / out;
    const int first = o * stride - pad;
    return first < 0 ? 0 : first;
  }
  COFACTOR_HD int end(int o) const {
    if (adaptive) return ((o + 1) * in + out - 1) / out;
    const int last = o * stride - pad + kernel;
    return last < in ? last : in;
  }
  // The windows [first, last) that may hold cell i; begin and end decide which do.
  COFACTOR_HD int first_window(int i) const {
    if (adaptive) return i * out / in;
    const int reach = i + pad - kernel + 1;
    return reach <= 0 ? 0 : (reach + stride - 1) / stride;
  }
  COFACTOR_HD int last_window(int i) const {
    const int last = adaptive ? ((i + 1) * out + in - 1) / in : (i + pad) / stride + 1;
    return last < out ? last : out;
  }
};

struct PoolGeometry {
  PoolAxis h, w;
  int64_t channels;
  bool whole_kernel;       // average: padding counts
  bool relu;               // max: y = max(0, largest)
  Places inputs, outputs;  // elements of x and of y

  PoolGeometry(const Shape& x, const Shape& y, const Pool2dParams& p)
      : h(axis(x[1], y[1], p.kernel_h, p.stride_h, p.pad_h, p)),
        w(axis(x[2], y[2], p.kernel_w, p.stride_w, p.pad_w, p)),
        channels(x[3]),
        whole_kernel(!p.adaptive && p.count_include_pad),
        relu(p.activation == Activation::relu),
        inputs{Divider(x[1]), Divider(x[2]), Divider(x[3])},
        outputs{Divider(y[1]), Divider(y[2]), Divider(y[3])} {
    check(x[1] * x[2] <= INT32_MAX, "pool2d: images of {} x {} cells, expected at most {} cells", x[1], x[2],
          INT32_MAX);
  }

  // What the mean over window (oh, ow) divides by.
  COFACTOR_HD int divisor(int oh, int ow) const {
    if (whole_kernel) return h.kernel * w.kernel;
    return (h.end(oh) - h.begin(oh)) * (w.end(ow) - w.begin(ow));
  }
  // The first channel of a cell of x, or of a window's value in y.
  COFACTOR_HD int64_t x_at(int64_t n, int ih, int iw) const { return ((n * h.in + ih) * w.in + iw) * channels; }
  COFACTOR_HD int64_t y_at(int64_t n, int oh, int ow) const { return ((n * h.out + oh) * w.out + ow) * channels; }

 private:
  // Cells are counted in 32 bits, and so are the products that adaptive windows are made of.
  static PoolAxis axis(int64_t in, int64_t out, int kernel, int stride, int pad, const Pool2dParams& p) {
    constexpr int64_t kMost = int64_t{1} << 30;
    check(!p.adaptive || (in + 1) * (out + 1) < kMost,
          "pool2d: {} cells of a row or column in {} windows, expected a product below {}", in, out, kMost);
    return {static_cast<int>(in), static_cast<int>(out), kernel, stride, pad, p.adaptive};
  }
};

// The first of the largest wins; a NaN wins over any number. `places` (null: not wanted) keeps ih * W + iw of the
// winner, or -1 where a ReLU lets no gradient pass.
template <class T>
struct MaxPool {
  const T* x;
  PoolGeometry geometry;
  T* y;
  int32_t* places;
  template <int N>
  COFACTOR_HD void run(int64_t first) const {
    const PoolAxis &h = geometry.h, &w = geometry.w;
    const Place at = geometry.outputs.of(first);
    const int oh = static_cast<int>(at.h), ow = static_cast<int>(at.w);
    const int h_begin = h.begin(oh), h_end = h.end(oh), w_begin = w.begin(ow), w_end = w.end(ow);
    Compute<T> best[N];
    int32_t place[N];
    for (int k = 0; k < N; ++k) {
      best[k] = -std::numeric_limits<Compute<T>>::infinity();
      place[k] = h_begin * w.in + w_begin;
    }
    for (int ih = h_begin; ih < h_end; ++ih) {
      const T* cell = x + geometry.x_at(at.n, ih, w_begin) + at.c;
      const int line_end = ih * w.in + w_end;
      for (int here = ih * w.in + w_begin; here < line_end; ++here, cell += geometry.channels) {
        const auto values = Pack<T, N>::load(cell);
        for (int k = 0; k < N; ++k) {
          const auto value = values[k];
          if (value > best[k] || value != value) {
            best[k] = value;
            place[k] = here;
          }
        }
      }
    }
    for (int k = 0; k < N; ++k) {
      const bool passes = !geometry.relu || best[k] > Compute<T>(0);
      if (passes) continue;
      if (best[k] == best[k]) best[k] = Compute<T>(0);
      place[k] = -1;
    }
    Pack<T, N>::of(best).store(y + first);
    if (places) Pack<int32_t, N>::of(place).store(places + first);
  }
};

template <class T>
struct AveragePool {
  const T* x;
  PoolGeometry geometry;
  T* y;
  template <int N>
  COFACTOR_HD void run(int64_t first) const {
    const PoolAxis &h = geometry.h, &w = geometry.w;
    const Place at = geometry.outputs.of(first);
    const int oh = static_cast<int>(at.h), ow = static_cast<int>(at.w);
    const int h_begin = h.begin(oh), h_end = h.end(oh), w_begin = w.begin(ow), w_end = w.end(ow);
    Compute<T> sum[N] = {};
    for (int ih = h_begin; ih < h_end; ++ih) {
      const T* cell = x + geometry.x_at(at.n, ih, w_begin) + at.c;
      for (int iw = w_begin; iw < w_end; ++iw, cell += geometry.channels) {
        const auto values = Pack<T, N>::load(cell);
        for (int k = 0; k < N; ++k) sum[k] += values[k];
      }
    }
    const auto divisor = static_cast<Compute<T>>(geometry.divisor(oh, ow));
    for (int k = 0; k < N; ++k) sum[k] /= divisor;
    Pack<T, N>::of(sum).store(y + first);
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
  template <int N>
  COFACTOR_HD void run(int64_t first) const {
    const PoolAxis &h = geometry.h, &w = geometry.w;
    const Place at = geometry.inputs.of(first);
    const int ih = static_cast<int>(at.h), iw = static_cast<int>(at.w), here = ih * w.in + iw;
    Compute<T> sum[N] = {};
    for (int oh = h.first_window(ih); oh < h.last_window(ih); ++oh) {
      if (ih < h.begin(oh) || ih >= h.end(oh)) continue;
      for (int ow = w.first_window(iw); ow < w.last_window(iw); ++ow) {
        if (iw < w.begin(ow) || iw >= w.end(ow)) continue;
        const int64_t o = geometry.y_at(at.n, oh, ow) + at.c;
        const auto g = Pack<T, N>::load(grad + o);
        if (places) {
          const auto place = Pack<int32_t, N>::load(places + o);
          for (int k = 0; k < N; ++k)
            if (place[k] == here) sum[k] += g[k];
        } else {
          const auto divisor = static_cast<Compute<T>>(geometry.divisor(oh, ow));
          for (int k = 0; k < N; ++k) sum[k] += g[k] / divisor;
        }
      }
    }
    Pack<T, N>::of(sum).store(dx + first);
  }
};

// A mean over whole images leaves few values, each of a long sum: below this many packs, a thread takes one value, or
// much of a GPU would be idle.
inline constexpr int64_t kManyPooled = int64_t{1} << 14;

inline size_t pool2d_workspace(const Shape& y, const Pool2dParams& params) {
  return params.kind == PoolKind::max ? static_cast<size_t>(y.numel()) * sizeof(int32_t) : 0;
}

template <class Launch>
void pool2d(const Launch& launch, const Tensor& x, const Pool2dParams& params, const Tensor& y,
            const Tensor& workspace) {
  const PoolGeometry geometry(x.shape(), y.shape(), params);
  const auto counted = launch.moves(bytes_of(x, y, workspace));
  dispatch_floating(x.dtype(), "pool2d", [&]<class T>() {
    constexpr int kSize = kPackSize<T>;
    const T* from = x.data<T>();
    T* to = y.data<T>();
    if (params.kind == PoolKind::average) {
      const bool many = y.numel() / kSize >= kManyPooled;
      each_pack_in_rows<kSize>(counted, y.numel(), geometry.channels, many && aligned_for_packs(from, to),
                               AveragePool<T>{from, geometry, to});
      return;
    }
    auto* places = workspace.defined() ? static_cast<int32_t*>(workspace.raw_data()) : nullptr;
    each_pack_in_rows<kSize>(counted, y.numel(), geometry.channels, aligned_for_packs(from, to, places),
                             MaxPool<T>{from, geometry, to, places});
  });
}

template <class Launch>
void pool2d_vjp(const Launch& launch, const Tensor& grad, const Tensor& workspace, const Pool2dParams& params,
                const Tensor& dx) {
  const PoolGeometry geometry(dx.shape(), grad.shape(), params);
  const auto* places = params.kind == PoolKind::max ? static_cast<const int32_t*>(workspace.raw_data()) : nullptr;
  dispatch_floating(grad.dtype(), "pool2d", [&]<class T>() {
    constexpr int kSize = kPackSize<T>;
    const T* from = grad.data<T>();
    T* to = dx.data<T>();
    each_pack_in_rows<kSize>(launch.moves(bytes_of(grad, workspace, dx)), dx.numel(), geometry.channels,
                             aligned_for_packs(from, places, to), PoolVjp<T>{from, places, geometry, to});
  });
}

}  // namespace cofactor::cuda
