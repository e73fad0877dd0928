// Average pooling by oneDNN, max pooling by max_pool.cpp. Adaptive pooling too where all its windows have the same
// size; otherwise the reference backend's loops run.
#include "engine/backends/cpu/batch_parts.h"
#include "engine/backends/cpu/dispatch.h"
#include "engine/backends/cpu/in_f32.h"
#include "engine/backends/cpu/max_pool.h"
#include "engine/backends/cpu/primitives.h"

namespace cofactor {

using cpu::with_images;
using onednn::Key;
using onednn::view;

namespace {

// Adaptive pooling as plain pooling, where all windows have the same size; other parameters unchanged.
Pool2dParams without_adaptive(const Shape& x, const Shape& y, Pool2dParams params) {
  if (!params.adaptive || x[1] % y[1] != 0 || x[2] % y[2] != 0) return params;
  params.adaptive = false;
  params.kernel_h = params.stride_h = static_cast<int>(x[1] / y[1]);
  params.kernel_w = params.stride_w = static_cast<int>(x[2] / y[2]);
  params.pad_h = params.pad_w = 0;
  return params;
}

bool is_plain_average(const Pool2dParams& params) {
  return params.kind == PoolKind::average && !params.adaptive;
}

// oneDNN sums the gradients of overlapping windows in their dtype, and bf16 must be summed in f32.
bool sums_gradients(const Pool2dParams& params) {
  return params.stride_h < params.kernel_h || params.stride_w < params.kernel_w;
}

}  // namespace

size_t CpuBackend::pool2d_workspace(const Shape& x, const Shape& y, DType dtype, const Pool2dParams& given) {
  const Pool2dParams params = without_adaptive(x, y, given);
  if (cpu::serves(dtype) && cpu::max_pool_serves(params)) return cpu::max_pool_workspace(y);
  if (cpu::serves(dtype) && is_plain_average(params)) return 0;
  return ReferenceBackend::pool2d_workspace(x, y, dtype, given);
}

// y[n, oh, ow, c] = max or mean of x over the window.
void CpuBackend::pool2d(const Tensor& x, const Pool2dParams& given, const Tensor& y, const Tensor& workspace) {
  const Pool2dParams params = without_adaptive(x.shape(), y.shape(), given);
  if (cpu::serves(x.dtype()) && cpu::max_pool_serves(params)) return cpu::max_pool(x, params, y, workspace);
  if (!cpu::serves(x.dtype()) || !is_plain_average(params)) return ReferenceBackend::pool2d(x, given, y, workspace);
  if (cpu::widens(x.dtype()))
    return cpu::in_f32(*this, [&](auto& f32) { pool2d(f32.input(x), params, f32.output(y), workspace); });
  onednn::guarded("pool2d", x.shape(), [&] {
    const auto kernel = [&](int64_t images) -> const Primitives::Pooling& {
      const Shape in = with_images(x, images), out = with_images(y, images);
      return primitives_->pool_forward.get(Key() << in << out << params << x.dtype(), [&] {
        const auto desc = onednn::pooling_forward(in, params, out, x.dtype());
        return Primitives::Pooling{desc.src_desc(), desc.dst_desc(),
                                   onednn::Primitive(dnnl::pooling_forward(desc), desc)};
      });
    };
    cpu::BatchParts(x.dim(0)).run(kernel, [&](int64_t, int64_t first, const auto& cached) {
      cached.primitive.run(*this, {{DNNL_ARG_SRC, view(cached.x, x, first)}, {DNNL_ARG_DST, view(cached.y, y, first)}});
    });
  });
}

// dx = grad at each window's maximum, or spread evenly over the window.
void CpuBackend::pool2d_vjp(const Tensor& grad, const Tensor& workspace, const Pool2dParams& given, const Tensor& dx) {
  const Pool2dParams params = without_adaptive(dx.shape(), grad.shape(), given);
  if (cpu::serves(grad.dtype()) && cpu::max_pool_serves(params)) return cpu::max_pool_vjp(grad, workspace, params, dx);
  if (!cpu::serves(grad.dtype()) || !is_plain_average(params))
    return ReferenceBackend::pool2d_vjp(grad, workspace, given, dx);
  if (cpu::widens(grad.dtype()) || (grad.dtype() == DType::bf16 && sums_gradients(params)))
    return cpu::in_f32(*this, [&](auto& f32) { pool2d_vjp(f32.input(grad), workspace, params, f32.output(dx)); });
  onednn::guarded("pool2d gradient", dx.shape(), [&] {
    const auto kernel = [&](int64_t images) -> const Primitives::Pooling& {
      const Shape in = with_images(dx, images), out = with_images(grad, images);
      return primitives_->pool_backward.get(Key() << in << out << params << dx.dtype(), [&] {
        const auto desc = onednn::pooling_backward(in, params, out, dx.dtype());
        return Primitives::Pooling{desc.diff_src_desc(), desc.diff_dst_desc(),
                                   onednn::Primitive(dnnl::pooling_backward(desc), desc)};
      });
    };
    cpu::BatchParts(dx.dim(0)).run(kernel, [&](int64_t, int64_t first, const auto& cached) {
      cached.primitive.run(
          *this, {{DNNL_ARG_DIFF_DST, view(cached.y, grad, first)}, {DNNL_ARG_DIFF_SRC, view(cached.x, dx, first)}});
    });
  });
}

}  // namespace cofactor
