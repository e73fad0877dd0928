// Elementwise kernels, and those that only move elements: broadcast, permute, cast.
#include <algorithm>
#include <cstring>

#include "engine/backends/reference/backend.h"
#include "engine/backends/reference/strides.h"
#include "engine/elementwise_ops.h"

namespace cofactor {

using reference::broadcast_strides;
using reference::offset_of;
using reference::Strides;

namespace {

// y[i] = x[offset of i under the strides], for any dtype.
void copy_strided(const Tensor& x, const Strides& strides, const Tensor& y) {
  const size_t size = size_of(x.dtype());
  const auto* from = static_cast<const std::byte*>(x.raw_data());
  auto* to = static_cast<std::byte*>(y.raw_data());
  const int64_t count = y.numel();
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(to + static_cast<size_t>(i) * size, from + static_cast<size_t>(offset_of(i, y.shape(), strides)) * size,
                size);
}

}  // namespace

void ReferenceBackend::fill(const Tensor& y, double value) {
  dispatch_any(y.dtype(), [&]<class T>() { std::fill_n(y.data<T>(), y.numel(), convert<T>(value)); });
}

// y_i = op(x_i, a)
void ReferenceBackend::unary(UnaryOp op, const Tensor& x, double a, const Tensor& y) {
  dispatch_floating(x.dtype(), name_of(op), [&]<class T>() {
    dispatch_unary(op, [&]<class Op>() {
      const T* in = x.data<T>();
      T* out = y.data<T>();
      const int64_t count = y.numel();
      for (int64_t i = 0; i < count; ++i) out[i] = convert<T>(Op::forward(widen(in[i]), static_cast<Compute<T>>(a)));
    });
  });
}

// dx_i = op'(x_i, y_i, a) * g_i; what the formula does not read is undefined, and passed as 0.
void ReferenceBackend::unary_vjp(UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a,
                                 const Tensor& dx) {
  dispatch_floating(grad.dtype(), name_of(op), [&]<class T>() {
    dispatch_unary(op, [&]<class Op>() {
      const T* in = Op::kVjpReadsX ? x.data<T>() : nullptr;
      const T* out = Op::kVjpReadsY ? y.data<T>() : nullptr;
      const T* g = grad.data<T>();
      T* d = dx.data<T>();
      const int64_t count = dx.numel();
      for (int64_t i = 0; i < count; ++i)
        d[i] = convert<T>(Op::vjp(in ? widen(in[i]) : Compute<T>(0), out ? widen(out[i]) : Compute<T>(0), widen(g[i]),
                                  static_cast<Compute<T>>(a)));
    });
  });
}

// y[i, j, ..] = op(a[i, j, ..], b[i, j, ..]), where an operand's index stays 0 on an axis that it does not have.
void ReferenceBackend::binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) {
  const Strides a_strides = broadcast_strides(a.shape(), y.shape());
  const Strides b_strides = broadcast_strides(b.shape(), y.shape());
  dispatch_floating(y.dtype(), name_of(op), [&]<class T>() {
    dispatch_binary(op, [&]<class Op>() {
      const T* left = a.data<T>();
      const T* right = b.data<T>();
      T* out = y.data<T>();
      const int64_t count = y.numel();
      for (int64_t i = 0; i < count; ++i)
        out[i] = convert<T>(Op::forward(widen(left[offset_of(i, y.shape(), a_strides)]),
                                        widen(right[offset_of(i, y.shape(), b_strides)])));
    });
  });
}

void ReferenceBackend::broadcast(const Tensor& x, const Tensor& y) {
  copy_strided(x, broadcast_strides(x.shape(), y.shape()), y);
}

void ReferenceBackend::cast(const Tensor& x, const Tensor& y) {
  dispatch_any(x.dtype(), [&]<class From>() {
    dispatch_any(y.dtype(), [&]<class To>() {
      const From* in = x.data<From>();
      To* out = y.data<To>();
      const int64_t count = y.numel();
      for (int64_t i = 0; i < count; ++i) out[i] = convert<To>(in[i]);
    });
  });
}

// y's axis k walks along x's axis axes[k].
void ReferenceBackend::permute(const Tensor& x, std::span<const int> axes, const Tensor& y) {
  const Strides x_strides = strides_of(x.shape());
  Strides strides{};
  for (size_t k = 0; k < axes.size(); ++k)
    strides[k] = x_strides[static_cast<size_t>(x.shape().normalize_axis(axes[k]))];
  copy_strided(x, strides, y);
}

// y_i = x_i / (1 - p) where draw number i is at least p, else 0.
void ReferenceBackend::dropout(const Tensor& x, double p, const RandomDraws& draws, const Tensor& y) {
  dispatch_floating(x.dtype(), "dropout", [&]<class T>() {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const auto kept = static_cast<Compute<T>>(1.0 - p);
    const int64_t count = y.numel();
    for (int64_t i = 0; i < count; ++i) {
      const float draw = unit_float(random_word(draws.key, draws.first + static_cast<uint64_t>(i)));
      out[i] = draw >= p ? convert<T>(widen(in[i]) / kept) : T{};
    }
  });
}

// y_n = the class of row n on which draw number n falls.
void ReferenceBackend::multinomial(const Tensor& weights, const RandomDraws& draws, const Tensor& y) {
  const int64_t classes = weights.dim(1);
  dispatch_floating(weights.dtype(), "multinomial", [&]<class T>() {
    const T* in = weights.data<T>();
    int32_t* out = y.data<int32_t>();
    const int64_t count = y.numel();
    for (int64_t n = 0; n < count; ++n) {
      const uint32_t word = random_word(draws.key, draws.first + static_cast<uint64_t>(n));
      out[n] = draw_class(in + n * classes, classes, unit_float(word));
    }
  });
}

}  // namespace cofactor
