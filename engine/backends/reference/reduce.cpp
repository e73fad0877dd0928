// Reductions, and softmax, which consists of reductions.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/backends/reference/backend.h"
#include "engine/backends/reference/strides.h"

namespace cofactor {

using reference::broadcast_strides;
using reference::offset_of;
using reference::Strides;

// y[i, 0, k] = sum_j x[i, j, k], say, for any set of axes: each element of x is added to the element of y at
// its position without the reduced axes. The mean divides by their extents' product; the max starts at
// -infinity and is NaN from the first NaN on.
void ReferenceBackend::reduce(ReduceOp op, const Tensor& x, const Tensor& y) {
  const Strides y_strides = broadcast_strides(y.shape(), x.shape());
  const double start = op == ReduceOp::max ? -std::numeric_limits<double>::infinity() : 0.0;
  dispatch_floating(x.dtype(), "reduce", [&]<class T>() {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const int64_t in_count = x.numel();
    const int64_t out_count = y.numel();
    std::vector<double> result(static_cast<size_t>(out_count), start);
    for (int64_t i = 0; i < in_count; ++i) {
      double& r = result[static_cast<size_t>(offset_of(i, x.shape(), y_strides))];
      const double value = widen(in[i]);
      if (op == ReduceOp::max) {
        if (value > r || std::isnan(value)) r = value;
      } else {
        r += value;
      }
    }
    const double divisor = op == ReduceOp::mean ? static_cast<double>(in_count) / static_cast<double>(out_count) : 1.0;
    for (int64_t j = 0; j < out_count; ++j) out[j] = convert<T>(result[static_cast<size_t>(j)] / divisor);
  });
}

// y_n = the first c at which x[n, c] is largest; a NaN counts as larger than any number, as in PyTorch.
void ReferenceBackend::argmax(const Tensor& x, const Tensor& y) {
  const int64_t rows = x.dim(0);
  const int64_t columns = x.dim(1);
  dispatch_floating(x.dtype(), "argmax", [&]<class T>() {
    int32_t* out = y.data<int32_t>();
    for (int64_t n = 0; n < rows; ++n) {
      const T* row = x.data<T>() + n * columns;
      int64_t best = 0;
      for (int64_t c = 1; c < columns; ++c)
        if (widen(row[c]) > widen(row[best]) || (std::isnan(widen(row[c])) && !std::isnan(widen(row[best])))) best = c;
      out[n] = static_cast<int32_t>(best);
    }
  });
}

// With m = max_c x_c and s = sum_c exp(x_c - m): y_c = exp(x_c - m) / s, or x_c - m - log s.
void ReferenceBackend::softmax(const Tensor& x, bool log, const Tensor& y) {
  const int64_t columns = x.dim(-1);
  const int64_t rows = columns == 0 ? 0 : x.numel() / columns;
  dispatch_floating(x.dtype(), log ? "log_softmax" : "softmax", [&]<class T>() {
    for (int64_t n = 0; n < rows; ++n) {
      const T* in = x.data<T>() + n * columns;
      T* out = y.data<T>() + n * columns;
      double largest = widen(in[0]);
      for (int64_t c = 1; c < columns; ++c) largest = std::max<double>(largest, widen(in[c]));
      double sum = 0.0;
      for (int64_t c = 0; c < columns; ++c) sum += std::exp(widen(in[c]) - largest);
      for (int64_t c = 0; c < columns; ++c)
        out[c] = convert<T>(log ? widen(in[c]) - largest - std::log(sum) : std::exp(widen(in[c]) - largest) / sum);
    }
  });
}

// softmax: dx_c = y_c (g_c - sum_k g_k y_k); log softmax: dx_c = g_c - exp(y_c) sum_k g_k.
void ReferenceBackend::softmax_vjp(const Tensor& y, const Tensor& grad, bool log, const Tensor& dx) {
  const int64_t columns = y.dim(-1);
  const int64_t rows = columns == 0 ? 0 : y.numel() / columns;
  dispatch_floating(y.dtype(), log ? "log_softmax" : "softmax", [&]<class T>() {
    for (int64_t n = 0; n < rows; ++n) {
      const T* out = y.data<T>() + n * columns;
      const T* g = grad.data<T>() + n * columns;
      T* d = dx.data<T>() + n * columns;
      double sum = 0.0;
      for (int64_t c = 0; c < columns; ++c) sum += log ? double{widen(g[c])} : double{widen(g[c])} * widen(out[c]);
      for (int64_t c = 0; c < columns; ++c)
        d[c] =
            convert<T>(log ? widen(g[c]) - std::exp(double{widen(out[c])}) * sum : widen(out[c]) * (widen(g[c]) - sum));
    }
  });
}

}  // namespace cofactor
