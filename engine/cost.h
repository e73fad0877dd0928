// What a kernel has to do at least: arithmetic and memory traffic, from the shapes and dtypes of its tensors alone. One
// function for each kernel of engine/backend.h, with the same name and the same tensors in the same order.
//
// How it is counted:
//  - A flop is an addition, a multiplication, a division, a comparison, or one value of exp, log, sqrt, tanh or pow, as
//    the kernel's formula has them. Work per channel or per row beside work per element is left out, and so are random
//    numbers. A convolution is counted as the sum that defines it, its windows at the border in full; a faster
//    algorithm (Winograd) does less.
//  - Bytes are those of every tensor that is read or written, once each: what a kernel reads again is in a cache, and
//    what another kernel left there is not. A tensor that is updated in place counts twice. What is normalised by sums
//    over all of it (batch norm in training) is read twice, since the sums come first.
//
// With a device's rates these bound a kernel's time from below (Williams, Waterman, Patterson: Roofline, 2009):
// max(flops / arithmetic rate, bytes / memory rate).
#pragma once

#include <cstdint>
#include <span>

#include "engine/kernel_params.h"

namespace cofactor {

struct Cost {
  double flops = 0.0, bytes = 0.0;

  Cost& operator+=(const Cost& other) {
    flops += other.flops;
    bytes += other.bytes;
    return *this;
  }
  bool operator==(const Cost&) const = default;
};

// The shape and dtype of a tensor, or none: an optional tensor that a call leaves out costs nothing.
struct TensorSpec {
  Shape shape;
  DType dtype = DType::f32;
  bool defined = false;

  TensorSpec() = default;
  TensorSpec(const Shape& shape_, DType dtype_) : shape(shape_), dtype(dtype_), defined(true) {}
  // Implicit: a call with tensors is a call with what they are.
  TensorSpec(const Tensor& tensor)
      : shape(tensor.defined() ? tensor.shape() : Shape{}),
        dtype(tensor.defined() ? tensor.dtype() : DType::f32),
        defined(tensor.defined()) {}

  double numel() const { return defined ? static_cast<double>(shape.numel()) : 0.0; }
  double bytes() const { return numel() * static_cast<double>(size_of(dtype)); }
};

namespace cost {

// Of bytes from one place to another: read and written.
Cost copy(size_t bytes);

Cost fill(const TensorSpec& y);
Cost unary(UnaryOp op, const TensorSpec& x, const TensorSpec& y);
Cost unary_vjp(UnaryOp op, const TensorSpec& x, const TensorSpec& y, const TensorSpec& grad, const TensorSpec& dx);
Cost binary(BinaryOp op, const TensorSpec& a, const TensorSpec& b, const TensorSpec& y);
Cost broadcast(const TensorSpec& x, const TensorSpec& y);
Cost cast(const TensorSpec& x, const TensorSpec& y);
Cost cast_many(std::span<const CastSlot> slots);

Cost permute(const TensorSpec& x, const TensorSpec& y);
// `length` positions of `axis` are copied.
Cost copy_slice(const TensorSpec& x, const TensorSpec& y, int64_t length, int axis);

Cost reduce(ReduceOp op, const TensorSpec& x, const TensorSpec& y);
Cost argmax(const TensorSpec& x, const TensorSpec& y);

Cost matmul(const TensorSpec& a, bool transpose_a, const TensorSpec& b, bool transpose_b, const TensorSpec& bias,
            const TensorSpec& y);
// LU, 2/3 C^3, and the inverse from it, 4/3 C^3 (Golub, Van Loan: Matrix Computations, 4th ed., 3.2 and 3.4).
Cost lu_log_abs_det(const TensorSpec& u, const TensorSpec& sign, const TensorSpec& log_abs,
                    const TensorSpec& inverse_transposed);
// The SVD with both sides, about 21 C^3 (the same, 8.6, figure 8.6.1: it iterates), two determinants by LU, and the
// product of the factors.
Cost svd_cofactor(const TensorSpec& u, const TensorSpec& det, const TensorSpec& cofactors);

Cost softmax(const TensorSpec& x, bool log, const TensorSpec& y);
Cost softmax_vjp(const TensorSpec& y, const TensorSpec& grad, bool log, const TensorSpec& dx);

// Of x, one entry per label is read; of a table, one row per index.
Cost gather(const TensorSpec& x, const TensorSpec& labels, const TensorSpec& y);
Cost gather_vjp(const TensorSpec& grad, const TensorSpec& labels, const TensorSpec& dx);
Cost embedding(const TensorSpec& table, const TensorSpec& indices, const TensorSpec& y);
Cost embedding_vjp(const TensorSpec& grad, const TensorSpec& indices, const TensorSpec& dtable);

// As many bytes are read as y has elements.
Cost images_from_bytes(const TensorSpec& bytes, const TensorSpec& windows, const TensorSpec& scale,
                       const TensorSpec& shift, const TensorSpec& y);

Cost conv2d(const TensorSpec& x, const TensorSpec& w, const TensorSpec& b, const Conv2dParams& params,
            const TensorSpec& y);
Cost conv2d_vjp_input(const TensorSpec& grad, const TensorSpec& w, const TensorSpec& dx);
Cost conv2d_vjp_input_add(const TensorSpec& grad, const TensorSpec& w, const TensorSpec& dx);
Cost conv2d_vjp_weights(const TensorSpec& x, const TensorSpec& grad, const TensorSpec& dw, const TensorSpec& db);
Cost conv2d_global_max(const TensorSpec& x, const TensorSpec& w, const TensorSpec& b, const Conv2dParams& params,
                       const TensorSpec& y, const TensorSpec& places);
Cost conv2d_global_max_vjp(const TensorSpec& grad, const TensorSpec& places, const TensorSpec& x, const TensorSpec& w,
                           const TensorSpec& dx, const TensorSpec& dw, const TensorSpec& db);

Cost pool2d(const TensorSpec& x, const Pool2dParams& params, const TensorSpec& y, const TensorSpec& workspace);
Cost pool2d_vjp(const TensorSpec& grad, const TensorSpec& workspace, const Pool2dParams& params, const TensorSpec& dx);

Cost batch_norm(const TensorSpec& x, const TensorSpec& residual, const BatchNormParams& params, const TensorSpec& y);
// y is undefined where there is no activation.
Cost batch_norm_vjp(const TensorSpec& grad, const TensorSpec& x, const TensorSpec& y, const BatchNormParams& params,
                    const TensorSpec& dx, const TensorSpec& dresidual);
Cost batch_norm_moments(const TensorSpec& x);
Cost batch_norm_vjp_sums(const TensorSpec& grad, const TensorSpec& x, const TensorSpec& y);
Cost batch_norm_vjp_input(const TensorSpec& grad, const TensorSpec& x, const TensorSpec& y, const TensorSpec& dx,
                          const TensorSpec& dresidual);

Cost dropout(const TensorSpec& x, const TensorSpec& y);
Cost multinomial(const TensorSpec& weights, const TensorSpec& y);

// Of one parameter; an optimizer's step is the sum over its slots.
Cost sgd_step(const TensorSpec& param, const TensorSpec& grad, const SgdParams& params);
Cost adam_step(const TensorSpec& param, const TensorSpec& grad, const AdamParams& params);

}  // namespace cost
}  // namespace cofactor
