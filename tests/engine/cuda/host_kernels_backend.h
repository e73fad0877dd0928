// The cuda backend's own kernels behind the seam, run on the host: device "cuda" for the parity tests where there is no
// GPU. What NVIDIA's libraries do (convolution by cuDNN, products, large factorisations) comes from the reference.
#pragma once

#include "engine/backends/capture_pools.h"
#include "engine/backends/cuda/kernels/batch_norm.h"
#include "engine/backends/cuda/kernels/conv_global_max.h"
#include "engine/backends/cuda/kernels/elementwise.h"
#include "engine/backends/cuda/kernels/images.h"
#include "engine/backends/cuda/kernels/layout.h"
#include "engine/backends/cuda/kernels/linear_algebra.h"
#include "engine/backends/cuda/kernels/lu.h"
#include "engine/backends/cuda/kernels/optimizers.h"
#include "engine/backends/cuda/kernels/pool.h"
#include "engine/backends/cuda/kernels/reduce.h"
#include "engine/backends/cuda/unrecordable.h"
#include "engine/backends/reference/backend.h"
#include "tests/engine/cuda/host_launch.h"

namespace cofactor::testing {

// Host memory for a recording's arena. Replays use blocks that the recording has given back, which AddressSanitizer
// must not take for a mistake.
class HostArenaMemory : public MemorySource {
 public:
  // An arena holds at most `limit` bytes.
  explicit HostArenaMemory(size_t limit) : left_(limit) {}
  void* obtain(size_t size) override {
    if (size > left_) return nullptr;
    left_ -= size;
    return host_->obtain(size);
  }
  void release(void* data, size_t size) noexcept override {
    left_ += size;
    host_->release(data, size);
  }
  std::string name() const override { return "the GPU, for a recorded step,"; }
  std::string advice() const override { return fmt::format("; it has {} bytes free", left_); }
  bool on_host() const override { return false; }

 private:
  size_t left_;
  std::unique_ptr<MemorySource> host_ = host_memory();
};

class HostKernelsBackend : public ReferenceBackend {
 public:
  explicit HostKernelsBackend(int group_size) : launch_(group_size, &recording_) {}
  Device device() const override { return Device::cuda; }

  void* allocate(size_t bytes) override { return pools_.allocate(bytes); }
  void deallocate(void* data, size_t bytes) noexcept override { pools_.deallocate(data, bytes); }
  MemoryStats memory_stats() const override { return pools_.stats(); }
  std::optional<size_t> free_memory() const override { return free_bytes; }
  // Other threads' copies wait while a step is recorded.
  void copy_from_host(void* device_data, const void* host_data, size_t bytes) override {
    pools_.gate().refuse("a copy of {} bytes from the host", bytes);
    const auto lock = pools_.gate().enter();
    ReferenceBackend::copy_from_host(device_data, host_data, bytes);
  }
  void copy_to_host(void* host_data, const void* device_data, size_t bytes) override {
    pools_.gate().refuse("a copy of {} bytes to the host", bytes);
    const auto lock = pools_.gate().enter();
    ReferenceBackend::copy_to_host(host_data, device_data, bytes);
  }
  void copy(void* to, const void* from, size_t bytes) override {
    const auto lock = pools_.gate().enter();
    launch_.run_or_record([=, this] { ReferenceBackend::copy(to, from, bytes); });
  }

  void synchronize() override { pools_.gate().refuse("waiting for the device"); }
  std::unique_ptr<Upload> upload(size_t bytes) override {
    pools_.gate().refuse("an upload of {} bytes", bytes);
    return ReferenceBackend::upload(bytes);
  }

  size_t free_bytes = size_t{1} << 30;   // what the device says that it has left
  size_t arena_bytes = size_t{1} << 40;  // what a recording may take

  // As the GPU does it: launches are noted with the addresses that they were given, in an arena of their own.
  std::unique_ptr<CapturedStep> capture(const std::function<void()>& step) override {
    auto captured = std::make_unique<HostStep>(pools_.gate());
    const CapturePools::Recording recording(pools_);
    captured->arena = recording.arena();
    recording_ = &captured->launches;
    step_values_ = &captured->values;
    const auto stop = [&] {
      recording_ = nullptr;
      step_values_ = nullptr;
    };
    try {
      step();
    } catch (...) {
      stop();
      throw;
    }
    stop();
    return captured;
  }

  void fill(const Tensor& y, double value) override { cuda::fill(launch_, y, value); }
  void unary(UnaryOp op, const Tensor& x, double a, const Tensor& y) override { cuda::unary(launch_, op, x, a, y); }
  void unary_vjp(UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a,
                 const Tensor& dx) override {
    cuda::unary_vjp(launch_, op, x, y, grad, a, dx);
  }
  void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) override {
    cuda::binary(launch_, op, a, b, y);
  }
  void broadcast(const Tensor& x, const Tensor& y) override { cuda::broadcast(launch_, x, y); }
  void cast(const Tensor& x, const Tensor& y) override { cuda::cast(launch_, x, y); }
  void dropout(const Tensor& x, double p, const RandomKey& key, const Tensor& y) override {
    cuda::dropout(launch_, x, p, key, step_values_, y);
  }
  void multinomial(const Tensor& weights, const RandomKey& key, const Tensor& y) override {
    cuda::multinomial(launch_, weights, key, step_values_, y);
  }

  void permute(const Tensor& x, std::span<const int> axes, const Tensor& y) override {
    cuda::permute(launch_, x, axes, y);
  }
  void copy_slice(const Tensor& x, int64_t x_start, const Tensor& y, int64_t y_start, int64_t length,
                  int axis) override {
    cuda::copy_slice(launch_, x, x_start, y, y_start, length, axis);
  }
  void gather(const Tensor& x, const Tensor& labels, const Tensor& y) override { cuda::gather(launch_, x, labels, y); }
  void gather_vjp(const Tensor& grad, const Tensor& labels, const Tensor& dx) override {
    cuda::gather_vjp(launch_, grad, labels, dx);
  }
  void embedding(const Tensor& table, const Tensor& indices, const Tensor& y) override {
    cuda::embedding(launch_, table, indices, y);
  }
  void embedding_vjp(const Tensor& grad, const Tensor& indices, const Tensor& dtable) override {
    cuda::embedding_vjp(launch_, grad, indices, dtable);
  }

  void images_from_bytes(const Tensor& bytes, const Tensor& windows, const Tensor& scale, const Tensor& shift,
                         const Tensor& y) override {
    cuda::images_from_bytes(launch_, bytes, windows, scale, shift, y);
  }

  void reduce(ReduceOp op, const Tensor& x, const Tensor& y) override { cuda::reduce(launch_, op, x, y); }
  void argmax(const Tensor& x, const Tensor& y) override { cuda::argmax(launch_, x, y); }
  void softmax(const Tensor& x, bool log, const Tensor& y) override { cuda::softmax(launch_, x, log, y); }
  void softmax_vjp(const Tensor& y, const Tensor& grad, bool log, const Tensor& dx) override {
    cuda::softmax_vjp(launch_, y, grad, log, dx);
  }

  void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
              const Tensor& y) override {
    launch_.run_or_record([=, this] { ReferenceBackend::matmul(a, transpose_a, b, transpose_b, bias, y); });
  }
  void svd_cofactor(const Tensor& u, const Tensor& det, const Tensor& cofactors) override {
    cuda::refuse_svd(pools_.gate(), u.shape());
    ReferenceBackend::svd_cofactor(u, det, cofactors);
  }
  void lu_log_abs_det(const Tensor& u, const Tensor& sign, const Tensor& log_abs,
                      const Tensor& inverse_transposed) override {
    if (u.dim(0) > cuda::kMaxLuClasses) {
      cuda::refuse_large_lu(pools_.gate(), u.shape());
      return ReferenceBackend::lu_log_abs_det(u, sign, log_abs, inverse_transposed);
    }
    launch_.groups_with_memory(1, cuda::LuLogAbsDet{u.data<double>(), static_cast<int>(u.dim(0)), sign.data<double>(),
                                                    log_abs.data<double>(), inverse_transposed.data<double>()});
  }

  void conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params, const Tensor& y) override {
    cuda::direct_conv2d(launch_, x, w, params, y);
    cuda::bias_activation(launch_, b, params.activation, y);
  }
  void conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) override {
    cuda::direct_conv2d_input(launch_, grad, w, params, dx);
  }
  void conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params, const Tensor& dw,
                          const Tensor& db) override {
    cuda::direct_conv2d_weights(launch_, x, grad, params, dw);
    if (db.defined()) cuda::bias_gradient(launch_, grad, db);
  }

  void conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params, const Tensor& y,
                         const Tensor& places) override {
    const Tensor values = Tensor::empty(conv2d_output(x.shape(), w.shape(), params), x.dtype(), device());
    cuda::direct_conv2d(launch_, x, w, params, values);
    cuda::bias_activation(launch_, b, Activation::none, values);
    cuda::global_max(launch_, values, params.activation, y, places);
  }
  void conv2d_global_max_vjp(const Tensor& grad, const Tensor& places, const Tensor& x, const Tensor& w,
                             const Conv2dParams& params, const Tensor& dx, const Tensor& dw,
                             const Tensor& db) override {
    cuda::global_max_vjp(launch_, grad, places, x, w, params, dx, dw, db);
  }

  size_t pool2d_workspace(const Shape&, const Shape& y, DType, const Pool2dParams& params) override {
    return cuda::pool2d_workspace(y, params);
  }
  void pool2d(const Tensor& x, const Pool2dParams& params, const Tensor& y, const Tensor& workspace) override {
    cuda::pool2d(launch_, x, params, y, workspace);
  }
  void pool2d_vjp(const Tensor& grad, const Tensor& workspace, const Pool2dParams& params, const Tensor& dx) override {
    cuda::pool2d_vjp(launch_, grad, workspace, params, dx);
  }

  void batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                  const Tensor& running_variance, const Tensor& residual, const BatchNormParams& params,
                  const Tensor& y, const Tensor& saved_mean, const Tensor& saved_variance) override {
    cuda::batch_norm(launch_, x, scale, shift, running_mean, running_variance, residual, params, y, saved_mean,
                     saved_variance);
  }
  void batch_norm_vjp(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale, const Tensor& mean,
                      const Tensor& variance, const BatchNormParams& params, const Tensor& dx, const Tensor& dscale,
                      const Tensor& dshift, const Tensor& dresidual) override {
    cuda::batch_norm_vjp(launch_, grad, x, y, scale, mean, variance, params, dx, dscale, dshift, dresidual);
  }

  void sgd_step(std::span<const SgdSlot> slots, const SgdParams& params) override {
    cuda::sgd_step(launch_, slots, params, step_values_);
  }
  void adam_step(std::span<const AdamSlot> slots, const AdamParams& params) override {
    cuda::adam_step(launch_, slots, params, step_values_);
  }

 private:
  struct HostStep : CapturedStep {
    explicit HostStep(const RecordingGate& recording_gate) : gate(recording_gate) {}
    void replay(const StepValues& now) override {
      gate.refuse("a replay");
      values = now;
      for (const auto& launch : launches) launch();
    }
    const RecordingGate& gate;
    StepValues values;
    Recording launches;
    CapturePools::Arena arena;
  };

  CapturePools pools_{host_memory(), [this] { return std::make_unique<HostArenaMemory>(arena_bytes); }};
  Recording* recording_ = nullptr;
  const StepValues* step_values_ = nullptr;
  HostLaunch launch_;
};

}  // namespace cofactor::testing
