// Elementwise kernels, one thread per element, on the formulas of elementwise_ops.h. Random draws.
#pragma once

#include "engine/backends/cuda/kernels/launch.h"
#include "engine/backends/cuda/kernels/strides.h"
#include "engine/captured_step.h"
#include "engine/elementwise_ops.h"
#include "engine/random.h"
#include "engine/tensor.h"

namespace cofactor::cuda {

template <class T>
struct Fill {
  T value;
  T* y;
  COFACTOR_HD void operator()(int64_t i) const { y[i] = value; }
};

template <class From, class To>
struct Cast {
  const From* x;
  To* y;
  COFACTOR_HD void operator()(int64_t i) const { y[i] = convert<To>(x[i]); }
};

template <class Op, class T>
struct Unary {
  const T* x;
  Compute<T> a;
  T* y;
  COFACTOR_HD void operator()(int64_t i) const { y[i] = T(Op::forward(widen(x[i]), a)); }
};

// x and y are null where the formula does not read them.
template <class Op, class T>
struct UnaryVjp {
  const T *x, *y, *grad;
  Compute<T> a;
  T* dx;
  COFACTOR_HD void operator()(int64_t i) const {
    const Compute<T> in = Op::kVjpReadsX ? widen(x[i]) : Compute<T>(0);
    const Compute<T> out = Op::kVjpReadsY ? widen(y[i]) : Compute<T>(0);
    dx[i] = T(Op::vjp(in, out, widen(grad[i]), a));
  }
};

template <class Op, class T>
struct Binary {
  const T *a, *b;
  View at_a, at_b;
  T* y;
  COFACTOR_HD void operator()(int64_t i) const {
    y[i] = T(Op::forward(widen(a[at_a.offset(i)]), widen(b[at_b.offset(i)])));
  }
};

// Four draws per thread, since a block of the generator gives four words.
template <class T>
struct Dropout {
  const T* x;
  int64_t count;
  double p;
  RandomKey key;
  const StepValues* captured;  // in a captured step: where the step's number is read
  T* y;
  COFACTOR_HD void operator()(int64_t block) const {
    RandomKey now = key;
    if (captured) now.step = captured->random_step;
    const auto words = random_words(now, static_cast<uint64_t>(block));
    const auto keep = static_cast<Compute<T>>(1.0 - p);
    for (int64_t k = 0; k < 4; ++k) {
      const int64_t i = 4 * block + k;
      if (i < count) y[i] = unit_float(words[static_cast<size_t>(k)]) >= p ? T(widen(x[i]) / keep) : T(Compute<T>(0));
    }
  }
};

// y_n: a class of row n, drawn with probability proportional to its weight; one thread per row.
template <class T>
struct Multinomial {
  const T* weights;
  int64_t classes;
  RandomKey key;
  const StepValues* captured;  // in a captured step: where the step's number is read
  int32_t* y;
  COFACTOR_HD void operator()(int64_t n) const {
    RandomKey now = key;
    if (captured) now.step = captured->random_step;
    y[n] = draw_class(weights + n * classes, classes, unit_float(random_word(now, static_cast<uint64_t>(n))));
  }
};

template <class Launch>
void fill(const Launch& launch, const Tensor& y, double value) {
  dispatch_any(y.dtype(), [&]<class T>() { launch.each(y.numel(), Fill<T>{convert<T>(value), y.data<T>()}); });
}

template <class Launch>
void cast(const Launch& launch, const Tensor& x, const Tensor& y) {
  dispatch_any(x.dtype(), [&]<class From>() {
    dispatch_any(y.dtype(), [&]<class To>() { launch.each(y.numel(), Cast<From, To>{x.data<From>(), y.data<To>()}); });
  });
}

template <class Launch>
void unary(const Launch& launch, UnaryOp op, const Tensor& x, double a, const Tensor& y) {
  dispatch_floating(x.dtype(), name_of(op), [&]<class T>() {
    dispatch_unary(op, [&]<class Op>() {
      launch.each(y.numel(), Unary<Op, T>{x.data<T>(), static_cast<Compute<T>>(a), y.data<T>()});
    });
  });
}

template <class Launch>
void unary_vjp(const Launch& launch, UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a,
               const Tensor& dx) {
  dispatch_floating(grad.dtype(), name_of(op), [&]<class T>() {
    dispatch_unary(op, [&]<class Op>() {
      launch.each(dx.numel(),
                  UnaryVjp<Op, T>{Op::kVjpReadsX ? x.data<T>() : nullptr, Op::kVjpReadsY ? y.data<T>() : nullptr,
                                  grad.data<T>(), static_cast<Compute<T>>(a), dx.data<T>()});
    });
  });
}

template <class Launch>
void binary(const Launch& launch, BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) {
  dispatch_floating(y.dtype(), name_of(op), [&]<class T>() {
    dispatch_binary(op, [&]<class Op>() {
      launch.each(y.numel(), Binary<Op, T>{a.data<T>(), b.data<T>(), broadcast_view(a.shape(), y.shape()),
                                           broadcast_view(b.shape(), y.shape()), y.data<T>()});
    });
  });
}

template <class Launch>
void dropout(const Launch& launch, const Tensor& x, double p, const RandomKey& key, const StepValues* captured,
             const Tensor& y) {
  dispatch_floating(x.dtype(), "dropout", [&]<class T>() {
    launch.each((y.numel() + 3) / 4, Dropout<T>{x.data<T>(), y.numel(), p, key, captured, y.data<T>()});
  });
}

template <class Launch>
void multinomial(const Launch& launch, const Tensor& weights, const RandomKey& key, const StepValues* captured,
                 const Tensor& y) {
  dispatch_floating(weights.dtype(), "multinomial", [&]<class T>() {
    launch.each(y.numel(), Multinomial<T>{weights.data<T>(), weights.dim(1), key, captured, y.data<int32_t>()});
  });
}

}  // namespace cofactor::cuda
