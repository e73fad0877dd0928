// Sums, means and maxima over axes; argmax; softmax. In two steps where one would leave the device idle, always in the
// same order, so that a result is bitwise the same in every run.
#pragma once

#include <cmath>
#include <limits>

#include "engine/backends/cuda/kernels/launch.h"
#include "engine/backends/cuda/kernels/strides.h"
#include "engine/kernel_params.h"

namespace cofactor::cuda {

// The operation of a reduction: where it starts, and how two values join. A maximum keeps NaN.
template <ReduceOp op, class C>
struct Joining {
  static COFACTOR_HD C start() { return op == ReduceOp::max ? -std::numeric_limits<C>::infinity() : C(0); }
  static COFACTOR_HD C join(C a, C b) {
    if constexpr (op == ReduceOp::max) return a > b || a != a ? a : b;
    return a + b;
  }
  template <class Group>
  static COFACTOR_HD C over(const Group& group, C value) {
    if constexpr (op == ReduceOp::max) return group.maximum(value);
    return group.sum(value);
  }
};

// x viewed as (outer, length, inner), y as (outer, chunks, inner): one thread reduces one chunk of the middle axis.
// Adjacent threads take adjacent elements of the inner axis, so that a warp reads whole cache lines.
template <ReduceOp op, class In, class Out>
struct ReduceMiddle {
  const In* x;
  int64_t length, inner, chunks;
  Compute<Out> scale;  // of the result: 1 / length for a mean's last step
  Out* y;
  COFACTOR_HD void operator()(int64_t i) const {
    using J = Joining<op, Compute<Out>>;
    const int64_t column = i % inner, chunk = i / inner % chunks, outer = i / inner / chunks;
    const int64_t begin = length * chunk / chunks, end = length * (chunk + 1) / chunks;
    const In* from = x + outer * length * inner + column;
    Compute<Out> value = J::start();
    for (int64_t k = begin; k < end; ++k) value = J::join(value, static_cast<Compute<Out>>(widen(from[k * inner])));
    y[i] = Out(value * scale);
  }
};

// x viewed as (rows, length): one group reduces one row.
template <ReduceOp op, class In, class Out>
struct ReduceRows {
  const In* x;
  int64_t length;
  Compute<Out> scale;
  Out* y;
  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t row) const {
    using J = Joining<op, Compute<Out>>;
    Compute<Out> value = J::start();
    for (int64_t k = group.rank(); k < length; k += group.size())
      value = J::join(value, static_cast<Compute<Out>>(widen(x[row * length + k])));
    value = J::over(group, value);
    if (group.rank() == 0) y[row] = Out(value * scale);
  }
};

// Any set of axes: one thread reads all elements that one element of y is made of.
template <ReduceOp op, class T>
struct ReduceAny {
  const T* x;
  View kept, reduced;  // where x is read for an element of y, and for one of its summands
  int64_t length;
  Compute<T> scale;
  T* y;
  COFACTOR_HD void operator()(int64_t i) const {
    using J = Joining<op, Compute<T>>;
    const T* from = x + kept.offset(i);
    Compute<T> value = J::start();
    for (int64_t k = 0; k < length; ++k) value = J::join(value, widen(from[reduced.offset(k)]));
    y[i] = T(value * scale);
  }
};

// A reduction with its reduced axes as one middle axis. Not every set of axes has this form.
struct MiddleAxis {
  bool found = false;
  int64_t outer = 1, length = 1, inner = 1;
};

inline MiddleAxis middle_axis(const Shape& x, const Shape& y) {
  MiddleAxis view;
  int stage = 0;  // 0 before the reduced axes, 1 in them, 2 after
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (x[axis] == 1) continue;
    const bool reduced = y[axis] == 1;
    if (reduced && stage == 2) return view;
    stage = reduced ? 1 : stage == 0 ? 0 : 2;
    (reduced ? view.length : stage == 0 ? view.outer : view.inner) *= x[axis];
  }
  view.found = true;
  return view;
}

// A thread reduces at least this many elements where a reduction is split.
inline constexpr int64_t kMinChunk = 32;
// Fewer threads than this leave much of a GPU idle.
inline constexpr int64_t kManyThreads = 1 << 16;

// The number of chunks of the middle axis that gives many threads enough work each; 1: it is not split.
inline int64_t chunks_for(const MiddleAxis& view) {
  const int64_t threads = view.outer * view.inner;
  const int64_t wanted = std::max<int64_t>(1, kManyThreads / std::max<int64_t>(1, threads));
  return std::clamp<int64_t>(view.length / kMinChunk, 1, wanted);
}

// y in T, or in what T is computed in.
template <ReduceOp op, class T, class Y = T, class Launch>
void reduce_middle(const Launch& launch, const Tensor& x, const MiddleAxis& view, Compute<T> scale, const Tensor& y) {
  using C = Compute<T>;
  const int64_t chunks = chunks_for(view);
  if (chunks == 1) {
    launch.each(y.numel(), ReduceMiddle<op, T, Y>{x.data<T>(), view.length, view.inner, 1, scale, y.data<Y>()});
    return;
  }
  const Tensor parts = Tensor::empty({view.outer, chunks, view.inner}, dtype_of<C>, x.device());
  launch.each(parts.numel(),
              ReduceMiddle<op, T, C>{x.data<T>(), view.length, view.inner, chunks, C(1), parts.data<C>()});
  launch.each(y.numel(), ReduceMiddle<op, C, Y>{parts.data<C>(), chunks, view.inner, 1, scale, y.data<Y>()});
}

template <ReduceOp op, class T, class Launch>
void reduce_rows(const Launch& launch, const Tensor& x, const MiddleAxis& view, Compute<T> scale, const Tensor& y) {
  using C = Compute<T>;
  // A few long rows are cut into pieces first, each a row of its own.
  const int64_t pieces = view.outer < 128 && view.length >= 64 * kBlockThreads ? int64_t{128} : int64_t{1};
  if (pieces == 1 || view.length % pieces != 0) {
    launch.groups(view.outer, ReduceRows<op, T, T>{x.data<T>(), view.length, scale, y.data<T>()});
    return;
  }
  const Tensor parts = Tensor::empty({view.outer, pieces}, dtype_of<C>, x.device());
  launch.groups(view.outer * pieces, ReduceRows<op, T, C>{x.data<T>(), view.length / pieces, C(1), parts.data<C>()});
  launch.groups(view.outer, ReduceRows<op, C, T>{parts.data<C>(), pieces, scale, y.data<T>()});
}

template <ReduceOp op, class T, class Launch>
void reduce_any(const Launch& launch, const Tensor& x, Compute<T> scale, const Tensor& y) {
  const auto strides = strides_of(x.shape());
  Shape reduced;
  int64_t kept_strides[Shape::kMaxRank] = {}, reduced_strides[Shape::kMaxRank] = {};
  for (int axis = 0; axis < x.rank(); ++axis) {
    const bool is_reduced = y.dim(axis) == 1;
    kept_strides[axis] = is_reduced ? 0 : strides[static_cast<size_t>(axis)];
    if (!is_reduced) continue;
    reduced_strides[reduced.rank()] = strides[static_cast<size_t>(axis)];
    reduced.push_back(x.dim(axis));
  }
  launch.each(y.numel(), ReduceAny<op, T>{x.data<T>(), view_of(y.shape(), {kept_strides, size_t(y.rank())}),
                                          view_of(reduced, {reduced_strides, size_t(reduced.rank())}), reduced.numel(),
                                          scale, y.data<T>()});
}

template <class Launch>
void reduce(const Launch& launch, ReduceOp op, const Tensor& x, const Tensor& y) {
  if (y.numel() == 0) return;
  const MiddleAxis view = middle_axis(x.shape(), y.shape());
  dispatch_floating(x.dtype(), "reduce", [&]<class T>() {
    using C = Compute<T>;
    const C scale = op == ReduceOp::mean ? C(1) / static_cast<C>(x.numel() / y.numel()) : C(1);
    const auto run = [&]<ReduceOp kOp>() {
      if (!view.found) return reduce_any<kOp, T>(launch, x, scale, y);
      if (view.inner == 1) return reduce_rows<kOp, T>(launch, x, view, scale, y);
      return reduce_middle<kOp, T>(launch, x, view, scale, y);
    };
    if (op == ReduceOp::max) return run.template operator()<ReduceOp::max>();
    return run.template operator()<ReduceOp::sum>();
  });
}

// The first of the largest in each row of x (N, C); a NaN counts as the largest, as in PyTorch.
template <class T>
struct Argmax {
  const T* x;
  int64_t classes;
  int32_t* y;
  COFACTOR_HD void operator()(int64_t n) const {
    const T* row = x + n * classes;
    int64_t best = 0;
    for (int64_t c = 1; c < classes; ++c) {
      const auto value = widen(row[c]), so_far = widen(row[best]);
      if (value > so_far || (value != value && so_far == so_far)) best = c;
    }
    y[n] = static_cast<int32_t>(best);
  }
};

template <class Launch>
void argmax(const Launch& launch, const Tensor& x, const Tensor& y) {
  dispatch_floating(x.dtype(), "argmax", [&]<class T>() {
    launch.each(x.dim(0), Argmax<T>{x.data<T>(), x.dim(1), y.data<int32_t>()});
  });
}

// y = exp(x - m) / sum, or x - m - log(sum), where m is the row's maximum: one group per row.
template <class T>
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
    for (int64_t c = group.rank(); c < classes; c += group.size())
      largest = Joining<ReduceOp::max, C>::join(largest, widen(row[c]));
    largest = group.maximum(largest);
    C sum = 0;
    for (int64_t c = group.rank(); c < classes; c += group.size()) sum += exp(widen(row[c]) - largest);
    sum = group.sum(sum);
    const C log_sum = log(sum);
    for (int64_t c = group.rank(); c < classes; c += group.size()) {
      const C shifted = widen(row[c]) - largest;
      y[n * classes + c] = T(this->log ? shifted - log_sum : exp(shifted) / sum);
    }
  }
};

// dx = y * (g - sum(g y)), or g - exp(y) * sum(g) for the log.
template <class T>
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
    for (int64_t c = group.rank(); c < classes; c += group.size())
      sum += widen(grad[first + c]) * (log ? C(1) : widen(y[first + c]));
    sum = group.sum(sum);
    for (int64_t c = group.rank(); c < classes; c += group.size()) {
      const C value = widen(y[first + c]), g = widen(grad[first + c]);
      dx[first + c] = T(log ? g - exp(value) * sum : value * (g - sum));
    }
  }
};

template <class Launch>
void softmax(const Launch& launch, const Tensor& x, bool log, const Tensor& y) {
  const int64_t classes = x.dim(-1);
  dispatch_floating(x.dtype(), "softmax", [&]<class T>() {
    launch.groups(x.numel() / classes, Softmax<T>{x.data<T>(), classes, log, y.data<T>()});
  });
}

template <class Launch>
void softmax_vjp(const Launch& launch, const Tensor& y, const Tensor& grad, bool log, const Tensor& dx) {
  const int64_t classes = y.dim(-1);
  dispatch_floating(y.dtype(), "softmax", [&]<class T>() {
    launch.groups(y.numel() / classes, SoftmaxVjp<T>{y.data<T>(), grad.data<T>(), classes, log, dx.data<T>()});
  });
}

}  // namespace cofactor::cuda
