#include "engine/ops/conv.h"

#include "engine/elementwise_ops.h"
#include "engine/ops/checks.h"
#include "engine/ops/window.h"

namespace cofactor {

namespace {

// Checks the inputs and returns the shape of the output.
Shape conv2d_shape(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params) {
  check_floating(x, "conv2d", "x");
  check_floating(w, "conv2d", "w");
  check(x.rank() == 4, "conv2d: x has shape {}, expected (N, H, W, I)", x.shape());
  check(w.rank() == 4, "conv2d: w has shape {}, expected (O, KH, KW, I)", w.shape());
  check(x.dim(3) == w.dim(3), "conv2d: x of shape {} has {} channels, w of shape {} takes {}", x.shape(), x.dim(3),
        w.shape(), w.dim(3));
  check_parameter(x, w, "w", "conv2d");
  if (b.defined()) {
    check(b.shape() == Shape{w.dim(0)}, "conv2d: b has shape {}, w of shape {} takes ({})", b.shape(), w.shape(),
          w.dim(0));
    check_parameter(x, b, "b", "conv2d");
  }
  return {
      x.dim(0), window_count("conv2d", "height", x.dim(1), w.dim(1), params.stride_h, params.pad_h, params.dilation_h),
      window_count("conv2d", "width", x.dim(2), w.dim(2), params.stride_w, params.pad_w, params.dilation_w), w.dim(0)};
}

// dL/dx from dL/d(conv + b); with the sum of x's gradients so far, where the device can add to it.
Tensor input_gradient(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Shape& x,
                      GradientSums& sums) {
  if (const Tensor sum = sums.unshared(0); sum.defined() && grad.backend().conv2d_vjp_input_add(grad, w, params, sum)) {
    sums.added(0);
    return sum;
  }
  const Tensor dx = Tensor::empty(x, grad.dtype(), grad.device());
  grad.backend().conv2d_vjp_input(grad, w, params, dx);
  return dx;
}

// dL/d(conv + b) from dL/dy.
Tensor before_activation(const Tensor& grad, const Tensor& y, Activation activation) {
  if (activation == Activation::none) return grad;
  const Tensor masked = empty_like(grad);
  grad.backend().unary_vjp(op_of<ReluOp>, {}, y, grad, 0.0, masked);
  return masked;
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params) {
  const Tensor y = Tensor::empty(conv2d_shape(x, w, b, params), x.dtype(), x.device());
  const DType wide = compute_dtype(x.dtype());
  const Tensor weights = converted(w, x.dtype());
  x.backend().conv2d(x, weights, converted(b, wide), params, y);

  const bool need_x = tracks(x), need_w = tracks(w), need_b = tracks(b);
  const Tensor kept_x = keep(x, need_w), kept_w = keep(weights, need_x);
  const Tensor kept_y = keep(y, (need_x || need_w || need_b) && params.activation != Activation::none);
  return record(
      y, "conv2d", {x, w, b},
      [=, x_shape = x.shape(), w_shape = w.shape(), w_dtype = w.dtype(), b_dtype = b.defined() ? b.dtype() : wide](
          const Tensor& grad, GradientSums& sums) -> std::vector<Tensor> {
        const Tensor g = before_activation(grad, kept_y, params.activation);
        Tensor dx, dw, db;
        if (need_x) dx = input_gradient(g, kept_w, params, x_shape, sums);
        if (need_w) {
          dw = Tensor::empty(w_shape, g.backend().conv2d_dw_dtype(g.dtype()), g.device());
          if (need_b) db = Tensor::empty({w_shape[0]}, wide, g.device());
          g.backend().conv2d_vjp_weights(kept_x, g, params, dw, db);
        } else if (need_b) {
          db = g;  // b is broadcast over the images: the tape sums
        }
        if (w_dtype == DType::bf16) dw = converted(dw, w_dtype);  // never widened: optimizers read bf16
        return {dx, dw, converted(db, b_dtype)};
      });
}

Tensor conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params) {
  const Shape all = conv2d_shape(x, w, b, params);
  const DType wide = compute_dtype(x.dtype());
  const Tensor weights = converted(w, x.dtype());
  const Tensor y = Tensor::empty({all[0], all[3]}, x.dtype(), x.device());
  const Tensor places = Tensor::empty(y.shape(), DType::i32, x.device());
  x.backend().conv2d_global_max(x, weights, converted(b, wide), params, y, places);

  const bool need_x = tracks(x), need_w = tracks(w), need_b = tracks(b);
  const bool needed = need_x || need_w || need_b;
  return record(y, "conv2d_global_max", {x, w, b},
                [=, kept_x = keep(x, needed), kept_w = keep(weights, needed), w_dtype = w.dtype(),
                 b_dtype = b.defined() ? b.dtype() : wide](const Tensor& grad) -> std::vector<Tensor> {
                  Tensor dx, dw, db;
                  if (need_x) dx = empty_like(kept_x);
                  if (need_w) dw = Tensor::empty(kept_w.shape(), wide, grad.device());
                  if (need_b) db = Tensor::empty({kept_w.dim(0)}, wide, grad.device());
                  grad.backend().conv2d_global_max_vjp(grad, places, kept_x, kept_w, params, dx, dw, db);
                  return {dx, converted(dw, w_dtype), converted(db, b_dtype)};
                });
}

}  // namespace cofactor
