#include "engine/ops/pool.h"

#include "engine/ops/checks.h"
#include "engine/ops/window.h"

namespace cofactor {

namespace {

void check_image(const Tensor& x, std::string_view op) {
  check_floating(x, op, "x");
  check(x.rank() == 4, "{}: x has shape {}, expected (N, H, W, C)", op, x.shape());
}

Tensor pool(const Tensor& x, const Pool2dParams& params, int64_t out_h, int64_t out_w, std::string_view op) {
  const Tensor y = Tensor::empty({x.dim(0), out_h, out_w, x.dim(3)}, x.dtype(), x.device());
  Tensor workspace;
  if (tracks(x)) {
    const size_t bytes = x.backend().pool2d_workspace(x.shape(), y.shape(), x.dtype(), params);
    workspace = Tensor::empty({static_cast<int64_t>(bytes)}, DType::u8, x.device());
  }
  x.backend().pool2d(x, params, y, workspace);
  return record(y, op, {x}, [params, workspace, shape = x.shape()](const Tensor& grad) -> std::vector<Tensor> {
    const Tensor dx = Tensor::empty(shape, grad.dtype(), grad.device());
    grad.backend().pool2d_vjp(grad, workspace, params, dx);
    return {dx};
  });
}

Tensor pool_windows(const Tensor& x, const Pool2dParams& params, std::string_view op) {
  check_image(x, op);
  const int64_t out_h = window_count(op, "height", x.dim(1), params.kernel_h, params.stride_h, params.pad_h, 1);
  const int64_t out_w = window_count(op, "width", x.dim(2), params.kernel_w, params.stride_w, params.pad_w, 1);
  check(2 * params.pad_h <= params.kernel_h && 2 * params.pad_w <= params.kernel_w,
        "{}: padding ({}, {}) is more than half the kernel ({}, {})", op, params.pad_h, params.pad_w, params.kernel_h,
        params.kernel_w);
  return pool(x, params, out_h, out_w, op);
}

Tensor pool_adaptive(const Tensor& x, PoolKind kind, int64_t out_h, int64_t out_w, std::string_view op) {
  check_image(x, op);
  check(out_h >= 1 && out_w >= 1, "{}: the output's extents are ({}, {}), expected at least 1", op, out_h, out_w);
  check(x.dim(1) >= 1 && x.dim(2) >= 1, "{}: the image of x, shape {}, is empty", op, x.shape());
  return pool(x, {.kind = kind, .adaptive = true}, out_h, out_w, op);
}

Pool2dParams square(PoolKind kind, int kernel, int stride, int pad) {
  const int step = stride == 0 ? kernel : stride;
  return {.kind = kind,
          .kernel_h = kernel,
          .kernel_w = kernel,
          .stride_h = step,
          .stride_w = step,
          .pad_h = pad,
          .pad_w = pad};
}

}  // namespace

Tensor pool2d(const Tensor& x, const Pool2dParams& params) {
  check(params.kind == PoolKind::max || params.activation == Activation::none,
        "pool2d: an activation can be fused only with max pooling, not with average pooling");
  check(!params.adaptive, "pool2d: adaptive windows need the output's extents, see adaptive_max_pool2d");
  return pool_windows(x, params, "pool2d");
}

Tensor max_pool2d(const Tensor& x, int kernel, int stride, int pad, Activation activation) {
  Pool2dParams params = square(PoolKind::max, kernel, stride, pad);
  params.activation = activation;
  return pool_windows(x, params, "max_pool2d");
}

Tensor avg_pool2d(const Tensor& x, int kernel, int stride, int pad, bool count_include_pad) {
  Pool2dParams params = square(PoolKind::average, kernel, stride, pad);
  params.count_include_pad = count_include_pad;
  return pool_windows(x, params, "avg_pool2d");
}

Tensor adaptive_max_pool2d(const Tensor& x, int64_t out_h, int64_t out_w) {
  return pool_adaptive(x, PoolKind::max, out_h, out_w, "adaptive_max_pool2d");
}

Tensor adaptive_avg_pool2d(const Tensor& x, int64_t out_h, int64_t out_w) {
  return pool_adaptive(x, PoolKind::average, out_h, out_w, "adaptive_avg_pool2d");
}

}  // namespace cofactor
