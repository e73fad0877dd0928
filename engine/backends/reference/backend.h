// The reference backend: every kernel as plain loops, in any floating dtype, on one thread. The other backends are
// tested against it, and it is the place to read what a kernel computes. Sums are in double for every dtype.
#pragma once

#include "engine/backend.h"
#include "engine/backends/memory_pool.h"
#include "engine/device_features.h"

namespace cofactor {

// A backend on the host may derive from it and override the kernels that it has faster code for. engine/backend.h
// documents each kernel; the formula is above each loop.
class ReferenceBackend : public Backend, public DeviceFeatures {
 public:
  Device device() const override { return Device::reference; }
  DeviceFeatures& features() override { return *this; }
  void set_allow_tf32(bool allow) override {
    check(!allow, "precision tf32: device {} has no TF32, it computes in f32", device());
  }

  void* allocate(size_t bytes) override { return pool_.allocate(bytes); }
  void deallocate(void* data, size_t bytes) noexcept override { pool_.deallocate(data, bytes); }
  MemoryStats memory_stats() const override { return pool_.stats(); }
  void copy_from_host(void* device_data, const void* host_data, size_t bytes) override;
  void copy_to_host(void* host_data, const void* device_data, size_t bytes) override;
  void copy(void* to, const void* from, size_t bytes) override;
  void synchronize() override {}
  std::unique_ptr<Upload> upload(size_t bytes) override;

  void fill(const Tensor& y, double value) override;
  void unary(UnaryOp op, const Tensor& x, double a, const Tensor& y) override;
  void unary_vjp(UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a, const Tensor& dx) override;
  void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) override;
  void broadcast(const Tensor& x, const Tensor& y) override;
  void cast(const Tensor& x, const Tensor& y) override;

  void permute(const Tensor& x, std::span<const int> axes, const Tensor& y) override;
  void copy_slice(const Tensor& x, int64_t x_start, const Tensor& y, int64_t y_start, int64_t length,
                  int axis) override;

  void reduce(ReduceOp op, const Tensor& x, const Tensor& y) override;
  void argmax(const Tensor& x, const Tensor& y) override;

  void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
              const Tensor& y) override;
  void lu_log_abs_det(const Tensor& u, const Tensor& sign, const Tensor& log_abs,
                      const Tensor& inverse_transposed) override;
  void svd_cofactor(const Tensor& u, const Tensor& det, const Tensor& cofactors) override;

  void softmax(const Tensor& x, bool log, const Tensor& y) override;
  void softmax_vjp(const Tensor& y, const Tensor& grad, bool log, const Tensor& dx) override;

  void gather(const Tensor& x, const Tensor& labels, const Tensor& y) override;
  void gather_vjp(const Tensor& grad, const Tensor& labels, const Tensor& dx) override;
  void embedding(const Tensor& table, const Tensor& indices, const Tensor& y) override;
  void embedding_vjp(const Tensor& grad, const Tensor& indices, const Tensor& dtable) override;

  void images_from_bytes(const Tensor& bytes, const Tensor& windows, const Tensor& scale, const Tensor& shift,
                         const Tensor& y) override;

  void conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params, const Tensor& y) override;
  void conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) override;
  void conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params, const Tensor& dw,
                          const Tensor& db) override;
  void conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params, const Tensor& y,
                         const Tensor& places) override;
  void conv2d_global_max_vjp(const Tensor& grad, const Tensor& places, const Tensor& x, const Tensor& w,
                             const Conv2dParams& params, const Tensor& dx, const Tensor& dw, const Tensor& db) override;

  // Max pooling keeps the place of each maximum, ih * W + iw as int32; average pooling keeps nothing.
  size_t pool2d_workspace(const Shape& x, const Shape& y, DType dtype, const Pool2dParams& params) override;
  void pool2d(const Tensor& x, const Pool2dParams& params, const Tensor& y, const Tensor& workspace) override;
  void pool2d_vjp(const Tensor& grad, const Tensor& workspace, const Pool2dParams& params, const Tensor& dx) override;

  void batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                  const Tensor& running_variance, const Tensor& residual, const BatchNormParams& params,
                  const Tensor& y, const Tensor& saved_mean, const Tensor& saved_variance) override;
  void batch_norm_vjp(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale, const Tensor& mean,
                      const Tensor& variance, const BatchNormParams& params, const Tensor& dx, const Tensor& dscale,
                      const Tensor& dshift, const Tensor& dresidual) override;
  void batch_norm_moments(const Tensor& x, const Tensor& mean, const Tensor& variance) override;
  void batch_norm_vjp_sums(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& mean,
                           const Tensor& variance, const BatchNormParams& params, const Tensor& dscale,
                           const Tensor& dshift) override;
  void batch_norm_vjp_input(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                            const Tensor& mean, const Tensor& variance, const Tensor& dscale, const Tensor& dshift,
                            int64_t rows, const BatchNormParams& params, const Tensor& dx,
                            const Tensor& dresidual) override;

  void dropout(const Tensor& x, double p, const RandomDraws& draws, const Tensor& y) override;
  void multinomial(const Tensor& weights, const RandomDraws& draws, const Tensor& y) override;

  void sgd_step(std::span<const SgdSlot> slots, const SgdParams& params) override;
  void adam_step(std::span<const AdamSlot> slots, const AdamParams& params) override;

 protected:
  MemoryPool pool_;
};

}  // namespace cofactor
