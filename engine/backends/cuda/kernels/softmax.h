// Softmax over the last axis, its logarithm, and the gradient of both: a warp per row, or a group where rows are long.
#pragma once

#include <cmath>
#include <limits>

#include "engine/backends/cuda/kernels/rows.h"

namespace cofactor::cuda {

// y = exp(x - m) / sum, or x - m - log(sum), where m is the row's maximum.
template <class T, int N>
struct Softmax {
  const T* x;
  int64_t classes;
  bool log;
  T* y;
  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t n) const {
    using C = Compute<T>;
    using std::exp, std::log;
    const T* row = x + n * classes;
    C largest = -std::numeric_limits<C>::infinity();
    for_packs_of_row<N>(group, classes, [&](int64_t c) {
      const auto in = Pack<T, N>::load(row + c);
      for (int k = 0; k < N; ++k) largest = largest > in[k] || largest != largest ? largest : in[k];
    });
    largest = group.maximum(largest);
    C sum = 0;
    for_packs_of_row<N>(group, classes, [&](int64_t c) {
      const auto in = Pack<T, N>::load(row + c);
      for (int k = 0; k < N; ++k) sum += exp(in[k] - largest);
    });
    sum = group.sum(sum);
    const C log_sum = log(sum);
    for_packs_of_row<N>(group, classes, [&](int64_t c) {
      const auto in = Pack<T, N>::load(row + c);
      C values[N];
      for (int k = 0; k < N; ++k) {
        const C shifted = in[k] - largest;
        values[k] = this->log ? shifted - log_sum : exp(shifted) / sum;
      }
      Pack<T, N>::of(values).store(y + n * classes + c);
    });
  }
};

// dx = y * (g - sum(g y)), or g - exp(y) * sum(g) for the log.
template <class T, int N>
struct SoftmaxVjp {
  const T *y, *grad;
  int64_t classes;
  bool log;
  T* dx;
  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t n) const {
    using C = Compute<T>;
    using std::exp;
    const int64_t first = n * classes;
    C sum = 0;
    for_packs_of_row<N>(group, classes, [&](int64_t c) {
      const auto g = Pack<T, N>::load(grad + first + c), out = Pack<T, N>::load(y + first + c);
      for (int k = 0; k < N; ++k) sum += g[k] * (log ? C(1) : out[k]);
    });
    sum = group.sum(sum);
    for_packs_of_row<N>(group, classes, [&](int64_t c) {
      const auto g = Pack<T, N>::load(grad + first + c), out = Pack<T, N>::load(y + first + c);
      C values[N];
      for (int k = 0; k < N; ++k) values[k] = log ? g[k] - exp(out[k]) * sum : out[k] * (g[k] - sum);
      Pack<T, N>::of(values).store(dx + first + c);
    });
  }
};

template <class Launch>
void softmax(const Launch& launch, const Tensor& x, bool log, const Tensor& y) {
  if (x.numel() == 0) return;
  const int64_t classes = x.dim(-1);
  dispatch_floating(x.dtype(), "softmax", [&]<class T>() {
    const T* from = x.data<T>();
    T* to = y.data<T>();
    launch_rows<T>(launch.moves(bytes_of(x, y)), x.numel() / classes, classes, aligned_for_packs(from, to),
                   [&]<int N>() {
                     return Softmax<T, N>{from, classes, log, to};
                   });
  });
}

template <class Launch>
void softmax_vjp(const Launch& launch, const Tensor& y, const Tensor& grad, bool log, const Tensor& dx) {
  if (y.numel() == 0) return;
  const int64_t classes = y.dim(-1);
  dispatch_floating(y.dtype(), "softmax", [&]<class T>() {
    const T *out = y.data<T>(), *g = grad.data<T>();
    T* to = dx.data<T>();
    launch_rows<T>(launch.moves(bytes_of(y, grad, dx)), y.numel() / classes, classes, aligned_for_packs(out, g, to),
                   [&]<int N>() {
                     return SoftmaxVjp<T, N>{out, g, classes, log, to};
                   });
  });
}

}  // namespace cofactor::cuda
