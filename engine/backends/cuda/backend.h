// The cuda backend: cuDNN for convolution, cuBLASLt for matmul, cuSOLVER for large factorisations, and the kernels of
// kernels/ for the rest. All work is queued on one stream, but for the copies of batches (upload) and sums over ranks
// (queue); only copies to the host wait for it.
#pragma once

#include <memory>

#include "engine/backend.h"
#include "engine/device_features.h"

namespace cofactor {

// Kernels are called from one thread at a time; memory and copies from any. While a step is recorded, other threads'
// copies wait, and so do their requests for memory; uploads go on.
class CudaBackend : public Backend, public DeviceFeatures {
 public:
  // Of the GPU with that index. Throws Error, which says why, where it cannot be used.
  explicit CudaBackend(int index);
  ~CudaBackend() override;

  Device device() const override { return device_; }
  DeviceFeatures& features() override { return *this; }
  void set_allow_tf32(bool allow) override;
  // Tensor cores multiply bf16 from compute capability 8.0 on.
  void check_bf16() const override;
  std::optional<size_t> free_memory() const override;
  std::optional<size_t> used_memory() const override;
  std::unique_ptr<Upload> upload(size_t bytes) override;
  std::unique_ptr<DeviceClock> clock() override;
  std::unique_ptr<DeviceQueue> queue() override;
  std::string unique_id() const override;
  std::unique_ptr<CapturedStep> capture(const std::function<void()>& step) override;

  void* allocate(size_t bytes) override;
  void deallocate(void* data, size_t bytes) noexcept override;
  MemoryStats memory_stats() const override;
  // Returns when the host's values have been read and may change. Work queued on the device later sees the copy.
  void copy_from_host(void* device_data, const void* host_data, size_t bytes) override;
  void copy_to_host(void* host_data, const void* device_data, size_t bytes) override;
  void copy(void* to, const void* from, size_t bytes) override;
  void synchronize() override;

  void fill(const Tensor& y, double value) override;
  void unary(UnaryOp op, const Tensor& x, double a, const Tensor& y) override;
  void unary_vjp(UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a, const Tensor& dx) override;
  void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) override;
  void broadcast(const Tensor& x, const Tensor& y) override;
  void cast(const Tensor& x, const Tensor& y) override;
  void cast_many(std::span<const CastSlot> slots) override;

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
  bool conv2d_vjp_input_add(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) override;
  // cuDNN has no engine that writes f32 from bf16.
  DType conv2d_dw_dtype(DType dtype) const override { return dtype; }
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

  void dropout(const Tensor& x, double p, const RandomDraws& draws, const Tensor& y) override;
  void multinomial(const Tensor& weights, const RandomDraws& draws, const Tensor& y) override;

  void sgd_step(std::span<const SgdSlot> slots, const SgdParams& params) override;
  void adam_step(std::span<const AdamSlot> slots, const AdamParams& params) override;

 private:
  void input_gradient(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx,
                      bool accumulate);

  struct Context;  // streams, handles, pools and plans
  // The context, whose every use makes its GPU the calling thread's current one, as the calls that follow require.
  class OnGpu {
   public:
    explicit OnGpu(int index);
    ~OnGpu();
    Context* operator->() const;
    Context& operator*() const;
    // For what calls nothing of CUDA, and must not throw where the GPU has failed.
    Context& as_it_is() const { return *context_; }

   private:
    std::unique_ptr<Context> context_;
  };

  Device device_;
  OnGpu context_;
};

}  // namespace cofactor
