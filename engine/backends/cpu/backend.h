// The cpu backend: oneDNN for convolution, matrix products and average pooling, LAPACKE for the small factorisations,
// and threaded, vectorised loops of its own for the rest, Winograd convolution, max pooling and batch norm among them.
// Computes in f32 and bf16; where it has no faster code (other dtypes, rare shapes), the reference backend's loops run.
#pragma once

#include <memory>

#include "engine/backends/reference/backend.h"

namespace cofactor {

// Kernels are called from one thread at a time; memory from any.
class CpuBackend : public ReferenceBackend {
 public:
  CpuBackend();
  ~CpuBackend() override;
  Device device() const override { return Device::cpu; }

  // The number of threads that kernels are divided for (engine/device.h).
  static int num_threads();
  static void set_num_threads(int threads);

  // Processors without bf16 instructions compute it in f32 (in_f32.h).
  std::string bf16_note() const override;

  void fill(const Tensor& y, double value) override;
  void cast(const Tensor& x, const Tensor& y) override;
  void unary(UnaryOp op, const Tensor& x, double a, const Tensor& y) override;
  void unary_vjp(UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a, const Tensor& dx) override;
  void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) override;
  void dropout(const Tensor& x, double p, const RandomDraws& draws, const Tensor& y) override;

  void reduce(ReduceOp op, const Tensor& x, const Tensor& y) override;
  void softmax(const Tensor& x, bool log, const Tensor& y) override;
  void softmax_vjp(const Tensor& y, const Tensor& grad, bool log, const Tensor& dx) override;

  void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
              const Tensor& y) override;
  void lu_log_abs_det(const Tensor& u, const Tensor& sign, const Tensor& log_abs,
                      const Tensor& inverse_transposed) override;
  void svd_cofactor(const Tensor& u, const Tensor& det, const Tensor& cofactors) override;

  void embedding(const Tensor& table, const Tensor& indices, const Tensor& y) override;
  void embedding_vjp(const Tensor& grad, const Tensor& indices, const Tensor& dtable) override;

  void conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params, const Tensor& y) override;
  void conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) override;
  void conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params, const Tensor& dw,
                          const Tensor& db) override;
  void conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params, const Tensor& y,
                         const Tensor& places) override;
  void conv2d_global_max_vjp(const Tensor& grad, const Tensor& places, const Tensor& x, const Tensor& w,
                             const Conv2dParams& params, const Tensor& dx, const Tensor& dw, const Tensor& db) override;

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

  void sgd_step(std::span<const SgdSlot> slots, const SgdParams& params) override;
  void adam_step(std::span<const AdamSlot> slots, const AdamParams& params) override;

 private:
  struct Primitives;  // oneDNN's primitives, by shape
  std::unique_ptr<Primitives> primitives_;
};

}  // namespace cofactor
