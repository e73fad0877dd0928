// Elementwise kernels, dropout, layout, rows by index: kernels/ launched on the GPU.
#include "engine/backends/cuda/context.h"
#include "engine/backends/cuda/device_launch.cuh"
#include "engine/backends/cuda/kernels/elementwise.h"
#include "engine/backends/cuda/kernels/layout.h"

namespace cofactor {

using cuda::DeviceLaunch;

void CudaBackend::fill(const Tensor& y, double value) {
  cuda::fill(DeviceLaunch(context_->stream.get(), "fill", y.shape()), y, value);
}

void CudaBackend::unary(UnaryOp op, const Tensor& x, double a, const Tensor& y) {
  cuda::unary(DeviceLaunch(context_->stream.get(), name_of(op), x.shape()), op, x, a, y);
}

void CudaBackend::unary_vjp(UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a,
                            const Tensor& dx) {
  cuda::unary_vjp(DeviceLaunch(context_->stream.get(), name_of(op), grad.shape()), op, x, y, grad, a, dx);
}

void CudaBackend::binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) {
  cuda::binary(DeviceLaunch(context_->stream.get(), name_of(op), y.shape()), op, a, b, y);
}

void CudaBackend::broadcast(const Tensor& x, const Tensor& y) {
  cuda::broadcast(DeviceLaunch(context_->stream.get(), "broadcast", y.shape()), x, y);
}

void CudaBackend::cast(const Tensor& x, const Tensor& y) {
  cuda::cast(DeviceLaunch(context_->stream.get(), "cast", x.shape()), x, y);
}

void CudaBackend::cast_many(std::span<const CastSlot> slots) {
  if (slots.empty()) return;
  cuda::cast_many(DeviceLaunch(context_->stream.get(), "cast_many", slots.front().x.shape()), slots);
}

void CudaBackend::dropout(const Tensor& x, double p, const RandomDraws& draws, const Tensor& y) {
  cuda::dropout(DeviceLaunch(context_->stream.get(), "dropout", x.shape()), x, p, draws, context_->step_values, y);
}

void CudaBackend::multinomial(const Tensor& weights, const RandomDraws& draws, const Tensor& y) {
  cuda::multinomial(DeviceLaunch(context_->stream.get(), "multinomial", weights.shape()), weights, draws,
                    context_->step_values, y);
}

void CudaBackend::permute(const Tensor& x, std::span<const int> axes, const Tensor& y) {
  cuda::permute(DeviceLaunch(context_->stream.get(), "permute", x.shape()), x, axes, y);
}

void CudaBackend::copy_slice(const Tensor& x, int64_t x_start, const Tensor& y, int64_t y_start, int64_t length,
                             int axis) {
  cuda::copy_slice(DeviceLaunch(context_->stream.get(), "copy_slice", x.shape()), x, x_start, y, y_start, length, axis);
}

void CudaBackend::gather(const Tensor& x, const Tensor& labels, const Tensor& y) {
  cuda::gather(DeviceLaunch(context_->stream.get(), "gather", x.shape()), x, labels, y);
}

void CudaBackend::gather_vjp(const Tensor& grad, const Tensor& labels, const Tensor& dx) {
  cuda::gather_vjp(DeviceLaunch(context_->stream.get(), "gather", dx.shape()), grad, labels, dx);
}

void CudaBackend::embedding(const Tensor& table, const Tensor& indices, const Tensor& y) {
  cuda::embedding(DeviceLaunch(context_->stream.get(), "embedding", y.shape()), table, indices, y);
}

void CudaBackend::embedding_vjp(const Tensor& grad, const Tensor& indices, const Tensor& dtable) {
  cuda::embedding_vjp(DeviceLaunch(context_->stream.get(), "embedding", grad.shape()), grad, indices, dtable);
}

}  // namespace cofactor
