#include "engine/cost.h"

#include "engine/elementwise_ops.h"

namespace cofactor::cost {

namespace {

// The bytes of tensors that are each read or written once.
double once(std::initializer_list<TensorSpec> tensors) {
  double bytes = 0.0;
  for (const TensorSpec& tensor : tensors) bytes += tensor.bytes();
  return bytes;
}

double extent(const TensorSpec& tensor, int axis) {
  return static_cast<double>(tensor.shape[axis]);
}

// A multiplication and an addition for each output, kernel cell and input channel: `filters` are weights
// (O, KH, KW, I), `outputs` the (N, OH, OW, O) of the forward pass.
double convolution_flops(double outputs, const TensorSpec& filters) {
  return 2.0 * outputs * extent(filters, 1) * extent(filters, 2) * extent(filters, 3);
}

// The cells of all windows along one axis of `extent` cells, `count` windows.
double window_cells(bool adaptive, int kernel, int64_t extent, int64_t count) {
  if (!adaptive) return static_cast<double>(kernel) * static_cast<double>(count);
  double cells = 0.0;
  for (int64_t i = 0; i < count; ++i)
    cells += static_cast<double>(((i + 1) * extent + count - 1) / count - i * extent / count);
  return cells;
}

// The cells of all windows of a pooling from x's shape to y's.
double pooled_cells(const Shape& x, const Pool2dParams& params, const Shape& y) {
  return static_cast<double>(y[0] * y[3]) * window_cells(params.adaptive, params.kernel_h, x[1], y[1]) *
         window_cells(params.adaptive, params.kernel_w, x[2], y[2]);
}

}  // namespace

Cost copy(size_t bytes) {
  return {0.0, 2.0 * static_cast<double>(bytes)};
}

Cost fill(const TensorSpec& y) {
  return {0.0, y.bytes()};
}

Cost unary(UnaryOp op, const TensorSpec& x, const TensorSpec& y) {
  double flops = 0.0;
  dispatch_unary(op, [&]<class Op>() { flops = Op::kFlops; });
  return {flops * y.numel(), once({x, y})};
}

Cost unary_vjp(UnaryOp op, const TensorSpec& x, const TensorSpec& y, const TensorSpec& grad, const TensorSpec& dx) {
  double flops = 0.0;
  dispatch_unary(op, [&]<class Op>() { flops = Op::kVjpFlops; });
  return {flops * dx.numel(), once({x, y, grad, dx})};
}

// Each op of BinaryOps is one operation.
Cost binary(BinaryOp, const TensorSpec& a, const TensorSpec& b, const TensorSpec& y) {
  return {y.numel(), once({a, b, y})};
}

Cost broadcast(const TensorSpec& x, const TensorSpec& y) {
  return {0.0, once({x, y})};
}

Cost cast(const TensorSpec& x, const TensorSpec& y) {
  return {0.0, once({x, y})};
}

Cost cast_many(std::span<const CastSlot> slots) {
  Cost sum;
  for (const CastSlot& slot : slots) sum += cast(slot.x, slot.y);
  return sum;
}

Cost permute(const TensorSpec& x, const TensorSpec& y) {
  return {0.0, once({x, y})};
}

Cost copy_slice(const TensorSpec& x, const TensorSpec& y, int64_t length, int axis) {
  Shape part = x.shape;
  part[axis] = length;
  return {0.0, once({{part, x.dtype}, {part, y.dtype}})};
}

// n values make one with n - 1 additions or comparisons; a mean also divides.
Cost reduce(ReduceOp op, const TensorSpec& x, const TensorSpec& y) {
  return {x.numel() - (op == ReduceOp::mean ? 0.0 : y.numel()), once({x, y})};
}

Cost argmax(const TensorSpec& x, const TensorSpec& y) {
  return {x.numel() - y.numel(), once({x, y})};
}

Cost matmul(const TensorSpec& a, bool transpose_a, const TensorSpec& b, bool, const TensorSpec& bias,
            const TensorSpec& y) {
  const double added = bias.defined ? y.numel() : 0.0;
  return {2.0 * y.numel() * extent(a, transpose_a ? 0 : 1) + added, once({a, b, bias, y})};
}

Cost lu_log_abs_det(const TensorSpec& u, const TensorSpec& sign, const TensorSpec& log_abs,
                    const TensorSpec& inverse_transposed) {
  const double n = extent(u, 0);
  return {2.0 * n * n * n, once({u, sign, log_abs, inverse_transposed})};
}

Cost svd_cofactor(const TensorSpec& u, const TensorSpec& det, const TensorSpec& cofactors) {
  const double n = extent(u, 0);
  const double svd = 21.0 * n * n * n, determinants = 2.0 * (2.0 / 3.0) * n * n * n;
  const double product = 2.0 * n * n * n + n * n;  // W diag(...) V^T
  return {svd + determinants + product, once({u, det, cofactors})};
}

// Of a row of C values: the maximum (C - 1), differences (C), exponentials (C) and their sum (C - 1). Then C divisions,
// or for the log one logarithm and C subtractions.
Cost softmax(const TensorSpec& x, bool log, const TensorSpec& y) {
  const double rows = x.numel() > 0.0 ? x.numel() / extent(x, -1) : 0.0;
  return {5.0 * x.numel() - (log ? 1.0 : 2.0) * rows, once({x, y})};
}

// Of a row: y (g - sum(g y)) or g - exp(y) sum(g), each 4 C - 1 operations.
Cost softmax_vjp(const TensorSpec& y, const TensorSpec& grad, bool, const TensorSpec& dx) {
  const double rows = y.numel() > 0.0 ? y.numel() / extent(y, -1) : 0.0;
  return {4.0 * y.numel() - rows, once({y, grad, dx})};
}

Cost gather(const TensorSpec& x, const TensorSpec& labels, const TensorSpec& y) {
  return {0.0, once({{y.shape, x.dtype}, labels, y})};
}

Cost gather_vjp(const TensorSpec& grad, const TensorSpec& labels, const TensorSpec& dx) {
  return {0.0, once({grad, labels, dx})};
}

Cost embedding(const TensorSpec& table, const TensorSpec& indices, const TensorSpec& y) {
  return {0.0, once({{y.shape, table.dtype}, indices, y})};
}

Cost embedding_vjp(const TensorSpec& grad, const TensorSpec& indices, const TensorSpec& dtable) {
  return {grad.numel(), once({grad, indices, dtable})};
}

Cost images_from_bytes(const TensorSpec&, const TensorSpec& windows, const TensorSpec& scale, const TensorSpec& shift,
                       const TensorSpec& y) {
  return {2.0 * y.numel(), once({{y.shape, DType::u8}, windows, scale, shift, y})};
}

Cost conv2d(const TensorSpec& x, const TensorSpec& w, const TensorSpec& b, const Conv2dParams& params,
            const TensorSpec& y) {
  const double per_output = (b.defined ? 1.0 : 0.0) + (params.activation == Activation::none ? 0.0 : 1.0);
  return {convolution_flops(y.numel(), w) + per_output * y.numel(), once({x, w, b, y})};
}

Cost conv2d_vjp_input(const TensorSpec& grad, const TensorSpec& w, const TensorSpec& dx) {
  return {convolution_flops(grad.numel(), w), once({grad, w, dx})};
}

Cost conv2d_vjp_input_add(const TensorSpec& grad, const TensorSpec& w, const TensorSpec& dx) {
  return {convolution_flops(grad.numel(), w) + dx.numel(), once({grad, w, dx, dx})};
}

Cost conv2d_vjp_weights(const TensorSpec& x, const TensorSpec& grad, const TensorSpec& dw, const TensorSpec& db) {
  const double added = db.defined ? grad.numel() : 0.0;
  return {convolution_flops(grad.numel(), dw) + added, once({x, grad, dw, db})};
}

// The bias and the activation come after the maximum.
Cost conv2d_global_max(const TensorSpec& x, const TensorSpec& w, const TensorSpec& b, const Conv2dParams& params,
                       const TensorSpec& y, const TensorSpec& places) {
  const double outputs = static_cast<double>(conv2d_output(x.shape, w.shape, params).numel());
  const double per_maximum = (b.defined ? 1.0 : 0.0) + (params.activation == Activation::none ? 0.0 : 1.0);
  return {convolution_flops(outputs, w) + outputs - y.numel() + per_maximum * y.numel(), once({x, w, b, y, places})};
}

// One window for each element of grad.
Cost conv2d_global_max_vjp(const TensorSpec& grad, const TensorSpec& places, const TensorSpec& x, const TensorSpec& w,
                           const TensorSpec& dx, const TensorSpec& dw, const TensorSpec& db) {
  Cost sum{db.defined ? grad.numel() : 0.0, once({grad, places, db})};
  if (dx.defined) sum += {convolution_flops(grad.numel(), w), once({w, dx})};
  if (dw.defined) sum += {convolution_flops(grad.numel(), w), once({x, dw})};
  return sum;
}

// A window of k cells: k - 1 comparisons, or k - 1 additions and a division.
Cost pool2d(const TensorSpec& x, const Pool2dParams& params, const TensorSpec& y, const TensorSpec& workspace) {
  const double cells = pooled_cells(x.shape, params, y.shape), bytes = once({x, y, workspace});
  if (params.kind == PoolKind::average) return {cells, bytes};
  return {cells - y.numel() + (params.activation == Activation::none ? 0.0 : y.numel()), bytes};
}

// Each gradient goes to one cell, or, divided, to all of its window.
Cost pool2d_vjp(const TensorSpec& grad, const TensorSpec& workspace, const Pool2dParams& params, const TensorSpec& dx) {
  const double bytes = once({grad, workspace, dx});
  if (params.kind == PoolKind::max) return {grad.numel(), bytes};
  return {grad.numel() + pooled_cells(dx.shape, params, grad.shape), bytes};
}

// Per element: the sum (1), the sum of squared differences (3), then a product and a sum by channel (2).
Cost batch_norm(const TensorSpec& x, const TensorSpec& residual, const BatchNormParams& params, const TensorSpec& y) {
  const double per_element = (params.training ? 6.0 : 2.0) + (residual.defined ? 1.0 : 0.0) +
                             (params.activation == Activation::none ? 0.0 : 1.0);
  return {per_element * x.numel(), once({x, residual, y}) + (params.training ? x.bytes() : 0.0)};
}

// Per element: x^ = (x - mean) / std (2), the sums of g and of g x^ (3), then dx: a (g - c - x^ d) in training (4),
// with the sums first, or a g (1). The activation masks g (1).
Cost batch_norm_vjp(const TensorSpec& grad, const TensorSpec& x, const TensorSpec& y, const BatchNormParams& params,
                    const TensorSpec& dx, const TensorSpec& dresidual) {
  const double per_element = 5.0 + (params.training ? 4.0 : 1.0) + (y.defined ? 1.0 : 0.0);
  const double read = once({grad, x, y});
  return {per_element * x.numel(), read + once({dx, dresidual}) + (params.training ? read : 0.0)};
}

// Of the operations above, those of each part; x^ is computed in both parts of the gradient.
Cost batch_norm_moments(const TensorSpec& x) {
  return {4.0 * x.numel(), once({x})};
}

Cost batch_norm_vjp_sums(const TensorSpec& grad, const TensorSpec& x, const TensorSpec& y) {
  return {(5.0 + (y.defined ? 1.0 : 0.0)) * x.numel(), once({grad, x, y})};
}

Cost batch_norm_vjp_input(const TensorSpec& grad, const TensorSpec& x, const TensorSpec& y, const TensorSpec& dx,
                          const TensorSpec& dresidual) {
  return {(6.0 + (y.defined ? 1.0 : 0.0)) * x.numel(), once({grad, x, y, dx, dresidual})};
}

Cost dropout(const TensorSpec& x, const TensorSpec& y) {
  return {x.numel(), once({x, y})};
}

// The sum of each row's weights up to the class that is drawn: of all, at most.
Cost multinomial(const TensorSpec& weights, const TensorSpec& y) {
  return {weights.numel(), once({weights, y})};
}

// engine/kernel_params.h has the formulas.
Cost sgd_step(const TensorSpec& param, const TensorSpec& grad, const SgdParams& params) {
  double flops = 2.0, bytes = grad.bytes() + 2.0 * param.bytes();
  if (params.weight_decay != 0.0) flops += 2.0;
  if (params.momentum != 0.0) {
    flops += 3.0 + (params.nesterov ? 2.0 : 0.0);
    bytes += 2.0 * param.bytes();
  }
  return {flops * param.numel(), bytes};
}

// m (3), v (4) and the update (6), whose factors of t are numbers.
Cost adam_step(const TensorSpec& param, const TensorSpec& grad, const AdamParams& params) {
  const double flops = 13.0 + (params.weight_decay != 0.0 ? 2.0 : 0.0);
  return {flops * param.numel(), grad.bytes() + 6.0 * param.bytes()};
}

}  // namespace cofactor::cost
