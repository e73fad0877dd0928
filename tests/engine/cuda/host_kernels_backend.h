// The cuda backend's own kernels behind the seam, run on the host: the devices "cuda" and "cuda:1" for the parity tests
// where there is no GPU. What NVIDIA's libraries do (convolution by cuDNN, products, large factorisations) comes from
// the reference.
#pragma once

#include <chrono>

#include "engine/backends/capture_pools.h"
#include "engine/backends/cuda/kernels/batch_norm.h"
#include "engine/backends/cuda/kernels/batch_norm_vjp.h"
#include "engine/backends/cuda/kernels/conv_global_max.h"
#include "engine/backends/cuda/kernels/elementwise.h"
#include "engine/backends/cuda/kernels/images.h"
#include "engine/backends/cuda/kernels/layout.h"
#include "engine/backends/cuda/kernels/linear_algebra.h"
#include "engine/backends/cuda/kernels/lu.h"
#include "engine/backends/cuda/kernels/optimizers.h"
#include "engine/backends/cuda/kernels/pool.h"
#include "engine/backends/cuda/kernels/reduce.h"
#include "engine/backends/cuda/kernels/softmax.h"
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

class HostClock : public DeviceClock {
 public:
  size_t mark() override {
    marks_.push_back(std::chrono::steady_clock::now());
    return marks_.size() - 1;
  }
  std::vector<double> times() override {
    std::vector<double> seconds;
    for (const auto& mark : marks_) seconds.push_back(std::chrono::duration<double>(mark - marks_.front()).count());
    return seconds;
  }

 private:
  std::vector<std::chrono::steady_clock::time_point> marks_;
};

class HostKernelsBackend : public ReferenceBackend {
 public:
  HostKernelsBackend(Device device, int group_size) : device_(device), group_size_(group_size) {}
  Device device() const override { return device_; }

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
    launch("copy").moves(2 * static_cast<int64_t>(bytes)).run_or_record([=, this] {
      ReferenceBackend::copy(to, from, bytes);
    });
  }

  std::string unique_id() const override { return fmt::format("GPU-{}", device_.index()); }

  // Its kernels run when they are called, so that its clock is the host's.
  std::unique_ptr<DeviceClock> clock() override { return std::make_unique<HostClock>(); }

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
      recorded_.clear();
      for (const RecordedLaunch& launched : captured->launches) recorded_.push_back(launched.cost);
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

  // The launches of the step that was recorded last, in order.
  const std::vector<LaunchCost>& recorded() const { return recorded_; }

  void fill(const Tensor& y, double value) override { cuda::fill(launch("fill"), y, value); }
  void unary(UnaryOp op, const Tensor& x, double a, const Tensor& y) override {
    cuda::unary(launch(name_of(op)), op, x, a, y);
  }
  void unary_vjp(UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a,
                 const Tensor& dx) override {
    cuda::unary_vjp(launch(name_of(op)), op, x, y, grad, a, dx);
  }
  void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) override {
    cuda::binary(launch(name_of(op)), op, a, b, y);
  }
  void broadcast(const Tensor& x, const Tensor& y) override { cuda::broadcast(launch("broadcast"), x, y); }
  void cast(const Tensor& x, const Tensor& y) override { cuda::cast(launch("cast"), x, y); }
  void cast_many(std::span<const CastSlot> slots) override {
    if (!slots.empty()) cuda::cast_many(launch("cast_many"), slots);
  }
  void dropout(const Tensor& x, double p, const RandomDraws& draws, const Tensor& y) override {
    cuda::dropout(launch("dropout"), x, p, draws, step_values_, y);
  }
  void multinomial(const Tensor& weights, const RandomDraws& draws, const Tensor& y) override {
    cuda::multinomial(launch("multinomial"), weights, draws, step_values_, y);
  }

  void permute(const Tensor& x, std::span<const int> axes, const Tensor& y) override {
    cuda::permute(launch("permute"), x, axes, y);
  }
  void copy_slice(const Tensor& x, int64_t x_start, const Tensor& y, int64_t y_start, int64_t length,
                  int axis) override {
    cuda::copy_slice(launch("copy_slice"), x, x_start, y, y_start, length, axis);
  }
  void gather(const Tensor& x, const Tensor& labels, const Tensor& y) override {
    cuda::gather(launch("gather"), x, labels, y);
  }
  void gather_vjp(const Tensor& grad, const Tensor& labels, const Tensor& dx) override {
    cuda::gather_vjp(launch("gather_vjp"), grad, labels, dx);
  }
  void embedding(const Tensor& table, const Tensor& indices, const Tensor& y) override {
    cuda::embedding(launch("embedding"), table, indices, y);
  }
  void embedding_vjp(const Tensor& grad, const Tensor& indices, const Tensor& dtable) override {
    cuda::embedding_vjp(launch("embedding_vjp"), grad, indices, dtable);
  }

  void images_from_bytes(const Tensor& bytes, const Tensor& windows, const Tensor& scale, const Tensor& shift,
                         const Tensor& y) override {
    cuda::images_from_bytes(launch("images_from_bytes"), bytes, windows, scale, shift, y);
  }

  void reduce(ReduceOp op, const Tensor& x, const Tensor& y) override { cuda::reduce(launch("reduce"), op, x, y); }
  void argmax(const Tensor& x, const Tensor& y) override { cuda::argmax(launch("argmax"), x, y); }
  void softmax(const Tensor& x, bool log, const Tensor& y) override { cuda::softmax(launch("softmax"), x, log, y); }
  void softmax_vjp(const Tensor& y, const Tensor& grad, bool log, const Tensor& dx) override {
    cuda::softmax_vjp(launch("softmax_vjp"), y, grad, log, dx);
  }

  void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
              const Tensor& y) override {
    const double flops = 2.0 * static_cast<double>(y.numel()) * static_cast<double>(a.dim(transpose_a ? 0 : 1));
    const auto multiply = [&](const Tensor& added, const Tensor& product) {
      launch("matmul").moves(cuda::bytes_of(a, b, added, product), flops).run_or_record([=, this] {
        ReferenceBackend::matmul(a, transpose_a, b, transpose_b, added, product);
      });
    };
    // cuBLASLt adds a bias where all is f32.
    if (!bias.defined() || y.numel() == 0 || (a.dtype() == DType::f32 && y.dtype() == DType::f32))
      return multiply(bias, y);
    cuda::multiply_then_add(launch("bias_activation"), bias, y, [&](const Tensor& product) { multiply({}, product); });
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
    launch("log_abs_det")
        .groups(1, cuda::LuLogAbsDet{u.data<double>(), static_cast<int>(u.dim(0)), sign.data<double>(),
                                     log_abs.data<double>(), inverse_transposed.data<double>()});
  }

  // Convolutions are calls of cuDNN, which the plain kernels stand in for.
  void conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params, const Tensor& y) override {
    convolution("conv2d", x, w, y).library([&](const HostLaunch& calls) {
      cuda::direct_conv2d(calls, x, w, params, y);
    });
    cuda::bias_activation(launch("bias_activation"), b, params.activation, y);
  }
  void conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) override {
    convolution("conv2d_vjp_input", dx, w, grad).library([&](const HostLaunch& calls) {
      cuda::direct_conv2d_input(calls, grad, w, params, dx);
    });
  }
  bool conv2d_vjp_input_add(const Tensor& grad, const Tensor& w, const Conv2dParams& params,
                            const Tensor& dx) override {
    convolution("conv2d_vjp_input", dx, w, grad, dx).library([&](const HostLaunch& calls) {
      cuda::direct_conv2d_input(calls, grad, w, params, dx, true);
    });
    return true;
  }
  DType conv2d_dw_dtype(DType dtype) const override { return dtype; }
  void conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params, const Tensor& dw,
                          const Tensor& db) override {
    convolution("conv2d_vjp_weights", x, dw, grad).library([&](const HostLaunch& calls) {
      cuda::direct_conv2d_weights(calls, x, grad, params, dw);
    });
    if (db.defined()) cuda::bias_gradient(launch("bias_gradient"), grad, db);
  }

  void conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params, const Tensor& y,
                         const Tensor& places) override {
    const Tensor values = Tensor::empty(conv2d_output(x.shape(), w.shape(), params), x.dtype(), device());
    Conv2dParams plain = params;
    plain.activation = Activation::none;
    conv2d(x, w, b, plain, values);
    cuda::global_max(launch("conv2d_global_max"), values, params.activation, y, places);
  }
  void conv2d_global_max_vjp(const Tensor& grad, const Tensor& places, const Tensor& x, const Tensor& w,
                             const Conv2dParams& params, const Tensor& dx, const Tensor& dw,
                             const Tensor& db) override {
    cuda::global_max_vjp(launch("conv2d_global_max_vjp"), grad, places, x, w, params, dx, dw, db);
  }

  size_t pool2d_workspace(const Shape&, const Shape& y, DType, const Pool2dParams& params) override {
    return cuda::pool2d_workspace(y, params);
  }
  void pool2d(const Tensor& x, const Pool2dParams& params, const Tensor& y, const Tensor& workspace) override {
    cuda::pool2d(launch("pool2d"), x, params, y, workspace);
  }
  void pool2d_vjp(const Tensor& grad, const Tensor& workspace, const Pool2dParams& params, const Tensor& dx) override {
    cuda::pool2d_vjp(launch("pool2d_vjp"), grad, workspace, params, dx);
  }

  void batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                  const Tensor& running_variance, const Tensor& residual, const BatchNormParams& params,
                  const Tensor& y, const Tensor& saved_mean, const Tensor& saved_variance) override {
    cuda::batch_norm(launch("batch_norm"), x, scale, shift, running_mean, running_variance, residual, params, y,
                     saved_mean, saved_variance);
  }
  void batch_norm_vjp(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale, const Tensor& mean,
                      const Tensor& variance, const BatchNormParams& params, const Tensor& dx, const Tensor& dscale,
                      const Tensor& dshift, const Tensor& dresidual) override {
    cuda::batch_norm_vjp(launch("batch_norm_vjp"), grad, x, y, scale, mean, variance, params, dx, dscale, dshift,
                         dresidual);
  }
  void batch_norm_moments(const Tensor& x, const Tensor& mean, const Tensor& variance) override {
    cuda::batch_norm_moments(launch("batch_norm_moments"), x, mean, variance);
  }
  void batch_norm_vjp_sums(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& mean,
                           const Tensor& variance, const BatchNormParams& params, const Tensor& dscale,
                           const Tensor& dshift) override {
    cuda::batch_norm_vjp_sums(launch("batch_norm_vjp_sums"), grad, x, y, mean, variance, params, dscale, dshift);
  }
  void batch_norm_vjp_input(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                            const Tensor& mean, const Tensor& variance, const Tensor& dscale, const Tensor& dshift,
                            int64_t rows, const BatchNormParams& params, const Tensor& dx,
                            const Tensor& dresidual) override {
    cuda::batch_norm_vjp_input(launch("batch_norm_vjp_input"), grad, x, y, scale, mean, variance, dscale, dshift, rows,
                               params, dx, dresidual);
  }

  void sgd_step(std::span<const SgdSlot> slots, const SgdParams& params) override {
    cuda::sgd_step(launch("sgd_step"), slots, params, step_values_);
  }
  void adam_step(std::span<const AdamSlot> slots, const AdamParams& params) override {
    cuda::adam_step(launch("adam_step"), slots, params, step_values_);
  }

 private:
  struct HostStep : CapturedStep {
    explicit HostStep(const RecordingGate& recording_gate) : gate(recording_gate) {}
    void replay(const StepValues& now) override {
      gate.refuse("a replay");
      values = now;
      for (const RecordedLaunch& launched : launches) launched.run();
    }
    const RecordingGate& gate;
    StepValues values;
    Recording launches;
    CapturePools::Arena arena;
  };

  HostLaunch launch(std::string_view op) const { return HostLaunch(group_size_, &recording_, std::string(op)); }
  // The launch of a convolution or of one of its gradients, with its bytes and flops: y are all sums' places, and `sum`
  // is read and written.
  HostLaunch convolution(std::string_view op, const Tensor& x, const Tensor& w, const Tensor& y,
                         const Tensor& sum = {}) const {
    const double products = w.dim(0) == 0 ? 0.0 : static_cast<double>(w.numel() / w.dim(0));
    return launch(op).moves(cuda::bytes_of(x, w, y, sum), 2.0 * static_cast<double>(y.numel()) * products);
  }

  Device device_;
  int group_size_;
  CapturePools pools_{host_memory(), [this] { return std::make_unique<HostArenaMemory>(arena_bytes); }};
  Recording* recording_ = nullptr;
  const StepValues* step_values_ = nullptr;
  std::vector<LaunchCost> recorded_;
};

}  // namespace cofactor::testing
