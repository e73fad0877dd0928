// Pooling: the maximum or the mean of each window, channel by channel.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/backends/reference/backend.h"

namespace cofactor {

namespace {

// The cells [begin, end) of the image that one window covers along one axis.
struct Span {
  int64_t begin, end;
  int64_t cells() const { return end - begin; }
};

// Window i of n over `extent` cells, clipped to the image.
Span window(int64_t i, int64_t n, int64_t extent, bool adaptive, int kernel, int stride, int pad) {
  if (adaptive) return {i * extent / n, ((i + 1) * extent + n - 1) / n};
  const int64_t begin = i * stride - pad;
  return {std::max<int64_t>(begin, 0), std::min<int64_t>(begin + kernel, extent)};
}

// Calls body(n, oh, ow, rows, columns) for each window; rows and columns are its spans of the image.
template <class Body>
void for_each_window(const Shape& x, const Shape& y, const Pool2dParams& p, Body&& body) {
  for (int64_t n = 0; n < y[0]; ++n) {
    for (int64_t oh = 0; oh < y[1]; ++oh) {
      for (int64_t ow = 0; ow < y[2]; ++ow)
        body(n, oh, ow, window(oh, y[1], x[1], p.adaptive, p.kernel_h, p.stride_h, p.pad_h),
             window(ow, y[2], x[2], p.adaptive, p.kernel_w, p.stride_w, p.pad_w));
    }
  }
}

// What the mean divides by: the cells inside the image, or those of the whole kernel.
double divisor(const Pool2dParams& p, Span rows, Span columns) {
  const bool whole = !p.adaptive && p.count_include_pad;
  return static_cast<double>(whole ? int64_t{p.kernel_h} * p.kernel_w : rows.cells() * columns.cells());
}

// y[n, oh, ow, c] = max of x[n, ih, iw, c] over the window. Of equal values the first wins; NaN wins over any number.
// With ReLU, max(y, 0). `places`, unless null, gets the winner's ih * W + iw, or -1 where no gradient passes.
template <class T>
void max_pool(const Tensor& x, const Pool2dParams& params, const Tensor& y, int32_t* places) {
  const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  const T* in = x.data<T>();
  T* out = y.data<T>();
  int64_t at = 0;  // walks over y in memory order
  for_each_window(x.shape(), y.shape(), params, [&](int64_t n, int64_t, int64_t, Span rows, Span columns) {
    for (int64_t c = 0; c < channels; ++c, ++at) {
      auto best = -std::numeric_limits<Compute<T>>::infinity();
      int64_t place = rows.begin * width + columns.begin;
      for (int64_t ih = rows.begin; ih < rows.end; ++ih) {
        for (int64_t iw = columns.begin; iw < columns.end; ++iw) {
          const auto value = widen(in[((n * height + ih) * width + iw) * channels + c]);
          if (value > best || std::isnan(value)) {
            best = value;
            place = ih * width + iw;
          }
        }
      }
      const bool passes = params.activation == Activation::none || best > 0;
      out[at] = passes || std::isnan(best) ? convert<T>(best) : T{};
      if (places) places[at] = passes ? static_cast<int32_t>(place) : -1;
    }
  });
}

// y[n, oh, ow, c] = sum of x[n, ih, iw, c] over the window / divisor; padding adds 0.
template <class T>
void average_pool(const Tensor& x, const Pool2dParams& params, const Tensor& y) {
  const int64_t height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  const T* in = x.data<T>();
  T* out = y.data<T>();
  int64_t at = 0;
  for_each_window(x.shape(), y.shape(), params, [&](int64_t n, int64_t, int64_t, Span rows, Span columns) {
    for (int64_t c = 0; c < channels; ++c, ++at) {
      double sum = 0.0;
      for (int64_t ih = rows.begin; ih < rows.end; ++ih)
        for (int64_t iw = columns.begin; iw < columns.end; ++iw)
          sum += widen(in[((n * height + ih) * width + iw) * channels + c]);
      out[at] = convert<T>(sum / divisor(params, rows, columns));
    }
  });
}

}  // namespace

size_t ReferenceBackend::pool2d_workspace(const Shape&, const Shape& y, DType, const Pool2dParams& params) {
  return params.kind == PoolKind::max ? static_cast<size_t>(y.numel()) * sizeof(int32_t) : 0;
}

void ReferenceBackend::pool2d(const Tensor& x, const Pool2dParams& params, const Tensor& y, const Tensor& workspace) {
  dispatch_floating(x.dtype(), "pool2d", [&]<class T>() {
    if (params.kind == PoolKind::average) return average_pool<T>(x, params, y);
    max_pool<T>(x, params, y, workspace.defined() ? static_cast<int32_t*>(workspace.raw_data()) : nullptr);
  });
}

// max: dx at each window's winner, if it passes the ReLU, gets the window's g. average: every cell of the window gets
// g / divisor. A cell in several windows gets the sum.
void ReferenceBackend::pool2d_vjp(const Tensor& grad, const Tensor& workspace, const Pool2dParams& params,
                                  const Tensor& dx) {
  const int64_t height = dx.dim(1), width = dx.dim(2), channels = dx.dim(3);
  const bool is_max = params.kind == PoolKind::max;
  const auto* places = is_max ? static_cast<const int32_t*>(workspace.raw_data()) : nullptr;
  dispatch_floating(grad.dtype(), "pool2d", [&]<class T>() {
    const T* g = grad.data<T>();
    std::vector<double> sums(static_cast<size_t>(dx.numel()), 0.0);
    int64_t at = 0;
    for_each_window(dx.shape(), grad.shape(), params, [&](int64_t n, int64_t, int64_t, Span rows, Span columns) {
      for (int64_t c = 0; c < channels; ++c, ++at) {
        double* image = sums.data() + n * height * width * channels + c;
        if (is_max) {
          if (places[at] >= 0) image[places[at] * channels] += widen(g[at]);
          continue;
        }
        for (int64_t ih = rows.begin; ih < rows.end; ++ih)
          for (int64_t iw = columns.begin; iw < columns.end; ++iw)
            image[(ih * width + iw) * channels] += widen(g[at]) / divisor(params, rows, columns);
      }
    });
    for (size_t i = 0; i < sums.size(); ++i) dx.data<T>()[i] = convert<T>(sums[i]);
  });
}

}  // namespace cofactor
