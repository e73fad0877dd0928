// A backend that times the calls of another and counts what they have to do. It takes the other's place while a step is
// recorded (Tensor::backend), so that the kernels of all devices are recorded in one place.
#include <deque>
#include <mutex>

#include "engine/backend.h"
#include "engine/cost.h"
#include "engine/elementwise_ops.h"
#include "engine/profile/recorder.h"

namespace cofactor {

namespace {

std::string_view reduction_name(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum: return "sum";
    case ReduceOp::mean: return "mean";
    case ReduceOp::max: return "max";
  }
  return "";
}

std::string_view pooling_name(const Pool2dParams& params) {
  return params.kind == PoolKind::max ? "max" : "average";
}

class ProfiledBackend : public Backend {
 public:
  explicit ProfiledBackend(Backend& backend) : to_(backend) {}
  const Backend& times() const { return to_; }

  Device device() const override { return to_.device(); }
  DeviceFeatures& features() override { return to_.features(); }
  void* allocate(size_t bytes) override { return to_.allocate(bytes); }
  void deallocate(void* data, size_t bytes) noexcept override { to_.deallocate(data, bytes); }
  MemoryStats memory_stats() const override { return to_.memory_stats(); }

  void copy_from_host(void* device_data, const void* host_data, size_t bytes) override {
    const Timed timed(to_, "copy_from_host", "", cost::copy(bytes));
    to_.copy_from_host(device_data, host_data, bytes);
  }
  void copy_to_host(void* host_data, const void* device_data, size_t bytes) override {
    const Timed timed(to_, "copy_to_host", "", cost::copy(bytes));
    to_.copy_to_host(host_data, device_data, bytes);
  }
  void copy(void* to, const void* from, size_t bytes) override {
    const Timed timed(to_, "copy", "", cost::copy(bytes));
    to_.copy(to, from, bytes);
  }
  void synchronize() override {
    const Timed timed(to_, "synchronize", "", {});
    to_.synchronize();
  }

  void fill(const Tensor& y, double value) override {
    const Timed timed(to_, "fill", "", cost::fill(y), {y});
    to_.fill(y, value);
  }
  void unary(UnaryOp op, const Tensor& x, double a, const Tensor& y) override {
    const Timed timed(to_, "unary", name_of(op), cost::unary(op, x, y), {x, y});
    to_.unary(op, x, a, y);
  }
  void unary_vjp(UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a,
                 const Tensor& dx) override {
    const Timed timed(to_, "unary_vjp", name_of(op), cost::unary_vjp(op, x, y, grad, dx), {x, y, grad, dx});
    to_.unary_vjp(op, x, y, grad, a, dx);
  }
  void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) override {
    const Timed timed(to_, "binary", name_of(op), cost::binary(op, a, b, y), {a, b, y});
    to_.binary(op, a, b, y);
  }
  void broadcast(const Tensor& x, const Tensor& y) override {
    const Timed timed(to_, "broadcast", "", cost::broadcast(x, y), {x, y});
    to_.broadcast(x, y);
  }
  void cast(const Tensor& x, const Tensor& y) override {
    const Timed timed(to_, "cast", "", cost::cast(x, y), {x, y});
    to_.cast(x, y);
  }
  void cast_many(std::span<const CastSlot> slots) override {
    const Timed timed(to_, "cast_many", "", cost::cast_many(slots));
    to_.cast_many(slots);
  }

  void permute(const Tensor& x, std::span<const int> axes, const Tensor& y) override {
    const Timed timed(to_, "permute", "", cost::permute(x, y), {x, y});
    to_.permute(x, axes, y);
  }
  void copy_slice(const Tensor& x, int64_t x_start, const Tensor& y, int64_t y_start, int64_t length,
                  int axis) override {
    const Timed timed(to_, "copy_slice", "", cost::copy_slice(x, y, length, axis), {x, y});
    to_.copy_slice(x, x_start, y, y_start, length, axis);
  }

  void reduce(ReduceOp op, const Tensor& x, const Tensor& y) override {
    const Timed timed(to_, "reduce", reduction_name(op), cost::reduce(op, x, y), {x, y});
    to_.reduce(op, x, y);
  }
  void argmax(const Tensor& x, const Tensor& y) override {
    const Timed timed(to_, "argmax", "", cost::argmax(x, y), {x, y});
    to_.argmax(x, y);
  }

  void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
              const Tensor& y) override {
    const Timed timed(to_, "matmul", "", cost::matmul(a, transpose_a, b, transpose_b, bias, y), {a, b, bias, y});
    to_.matmul(a, transpose_a, b, transpose_b, bias, y);
  }
  void lu_log_abs_det(const Tensor& u, const Tensor& sign, const Tensor& log_abs,
                      const Tensor& inverse_transposed) override {
    const Timed timed(to_, "lu_log_abs_det", "", cost::lu_log_abs_det(u, sign, log_abs, inverse_transposed),
                      {u, sign, log_abs, inverse_transposed});
    to_.lu_log_abs_det(u, sign, log_abs, inverse_transposed);
  }
  void svd_cofactor(const Tensor& u, const Tensor& det, const Tensor& cofactors) override {
    const Timed timed(to_, "svd_cofactor", "", cost::svd_cofactor(u, det, cofactors), {u, det, cofactors});
    to_.svd_cofactor(u, det, cofactors);
  }

  void softmax(const Tensor& x, bool log, const Tensor& y) override {
    const Timed timed(to_, "softmax", log ? "log" : "", cost::softmax(x, log, y), {x, y});
    to_.softmax(x, log, y);
  }
  void softmax_vjp(const Tensor& y, const Tensor& grad, bool log, const Tensor& dx) override {
    const Timed timed(to_, "softmax_vjp", log ? "log" : "", cost::softmax_vjp(y, grad, log, dx), {y, grad, dx});
    to_.softmax_vjp(y, grad, log, dx);
  }

  void gather(const Tensor& x, const Tensor& labels, const Tensor& y) override {
    const Timed timed(to_, "gather", "", cost::gather(x, labels, y), {x, labels, y});
    to_.gather(x, labels, y);
  }
  void gather_vjp(const Tensor& grad, const Tensor& labels, const Tensor& dx) override {
    const Timed timed(to_, "gather_vjp", "", cost::gather_vjp(grad, labels, dx), {grad, labels, dx});
    to_.gather_vjp(grad, labels, dx);
  }
  void embedding(const Tensor& table, const Tensor& indices, const Tensor& y) override {
    const Timed timed(to_, "embedding", "", cost::embedding(table, indices, y), {table, indices, y});
    to_.embedding(table, indices, y);
  }
  void embedding_vjp(const Tensor& grad, const Tensor& indices, const Tensor& dtable) override {
    const Timed timed(to_, "embedding_vjp", "", cost::embedding_vjp(grad, indices, dtable), {grad, indices, dtable});
    to_.embedding_vjp(grad, indices, dtable);
  }

  void images_from_bytes(const Tensor& bytes, const Tensor& windows, const Tensor& scale, const Tensor& shift,
                         const Tensor& y) override {
    const Timed timed(to_, "images_from_bytes", "", cost::images_from_bytes(bytes, windows, scale, shift, y),
                      {bytes, windows, scale, shift, y});
    to_.images_from_bytes(bytes, windows, scale, shift, y);
  }

  void conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params, const Tensor& y) override {
    const Timed timed(to_, "conv2d", "", cost::conv2d(x, w, b, params, y), {x, w, b, y});
    to_.conv2d(x, w, b, params, y);
  }
  void conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) override {
    const Timed timed(to_, "conv2d_vjp_input", "", cost::conv2d_vjp_input(grad, w, dx), {grad, w, dx});
    to_.conv2d_vjp_input(grad, w, params, dx);
  }
  bool conv2d_vjp_input_add(const Tensor& grad, const Tensor& w, const Conv2dParams& params,
                            const Tensor& dx) override {
    Timed timed(to_, "conv2d_vjp_input_add", "", cost::conv2d_vjp_input_add(grad, w, dx), {grad, w, dx});
    const bool done = to_.conv2d_vjp_input_add(grad, w, params, dx);
    if (!done) timed.drop();
    return done;
  }
  DType conv2d_dw_dtype(DType dtype) const override { return to_.conv2d_dw_dtype(dtype); }
  void conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params, const Tensor& dw,
                          const Tensor& db) override {
    const Timed timed(to_, "conv2d_vjp_weights", "", cost::conv2d_vjp_weights(x, grad, dw, db), {x, grad, dw, db});
    to_.conv2d_vjp_weights(x, grad, params, dw, db);
  }
  void conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params, const Tensor& y,
                         const Tensor& places) override {
    const Timed timed(to_, "conv2d_global_max", "", cost::conv2d_global_max(x, w, b, params, y, places),
                      {x, w, b, y, places});
    to_.conv2d_global_max(x, w, b, params, y, places);
  }
  void conv2d_global_max_vjp(const Tensor& grad, const Tensor& places, const Tensor& x, const Tensor& w,
                             const Conv2dParams& params, const Tensor& dx, const Tensor& dw,
                             const Tensor& db) override {
    const Timed timed(to_, "conv2d_global_max_vjp", "", cost::conv2d_global_max_vjp(grad, places, x, w, dx, dw, db),
                      {grad, places, x, w, dx, dw, db});
    to_.conv2d_global_max_vjp(grad, places, x, w, params, dx, dw, db);
  }

  size_t pool2d_workspace(const Shape& x, const Shape& y, DType dtype, const Pool2dParams& params) override {
    return to_.pool2d_workspace(x, y, dtype, params);
  }
  void pool2d(const Tensor& x, const Pool2dParams& params, const Tensor& y, const Tensor& workspace) override {
    const Timed timed(to_, "pool2d", pooling_name(params), cost::pool2d(x, params, y, workspace), {x, y, workspace});
    to_.pool2d(x, params, y, workspace);
  }
  void pool2d_vjp(const Tensor& grad, const Tensor& workspace, const Pool2dParams& params, const Tensor& dx) override {
    const Timed timed(to_, "pool2d_vjp", pooling_name(params), cost::pool2d_vjp(grad, workspace, params, dx),
                      {grad, workspace, dx});
    to_.pool2d_vjp(grad, workspace, params, dx);
  }

  void batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                  const Tensor& running_variance, const Tensor& residual, const BatchNormParams& params,
                  const Tensor& y, const Tensor& saved_mean, const Tensor& saved_variance) override {
    const Timed timed(to_, "batch_norm", "", cost::batch_norm(x, residual, params, y), {x, scale, residual, y});
    to_.batch_norm(x, scale, shift, running_mean, running_variance, residual, params, y, saved_mean, saved_variance);
  }
  void batch_norm_vjp(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale, const Tensor& mean,
                      const Tensor& variance, const BatchNormParams& params, const Tensor& dx, const Tensor& dscale,
                      const Tensor& dshift, const Tensor& dresidual) override {
    const Timed timed(to_, "batch_norm_vjp", "", cost::batch_norm_vjp(grad, x, y, params, dx, dresidual),
                      {grad, x, y, scale, dx, dresidual});
    to_.batch_norm_vjp(grad, x, y, scale, mean, variance, params, dx, dscale, dshift, dresidual);
  }
  void batch_norm_moments(const Tensor& x, const Tensor& mean, const Tensor& variance) override {
    const Timed timed(to_, "batch_norm_moments", "", cost::batch_norm_moments(x), {x, mean, variance});
    to_.batch_norm_moments(x, mean, variance);
  }
  void batch_norm_vjp_sums(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& mean,
                           const Tensor& variance, const BatchNormParams& params, const Tensor& dscale,
                           const Tensor& dshift) override {
    const Timed timed(to_, "batch_norm_vjp_sums", "", cost::batch_norm_vjp_sums(grad, x, y),
                      {grad, x, y, dscale, dshift});
    to_.batch_norm_vjp_sums(grad, x, y, mean, variance, params, dscale, dshift);
  }
  void batch_norm_vjp_input(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                            const Tensor& mean, const Tensor& variance, const Tensor& dscale, const Tensor& dshift,
                            int64_t rows, const BatchNormParams& params, const Tensor& dx,
                            const Tensor& dresidual) override {
    const Timed timed(to_, "batch_norm_vjp_input", "", cost::batch_norm_vjp_input(grad, x, y, dx, dresidual),
                      {grad, x, y, scale, dx, dresidual});
    to_.batch_norm_vjp_input(grad, x, y, scale, mean, variance, dscale, dshift, rows, params, dx, dresidual);
  }

  void dropout(const Tensor& x, double p, const RandomDraws& draws, const Tensor& y) override {
    const Timed timed(to_, "dropout", "", cost::dropout(x, y), {x, y});
    to_.dropout(x, p, draws, y);
  }
  void multinomial(const Tensor& weights, const RandomDraws& draws, const Tensor& y) override {
    const Timed timed(to_, "multinomial", "", cost::multinomial(weights, y), {weights, y});
    to_.multinomial(weights, draws, y);
  }

  void sgd_step(std::span<const SgdSlot> slots, const SgdParams& params) override {
    Cost sum;
    for (const SgdSlot& slot : slots) sum += cost::sgd_step(slot.param, slot.grad, params);
    const Timed timed(to_, "sgd_step", "", sum);
    to_.sgd_step(slots, params);
  }
  void adam_step(std::span<const AdamSlot> slots, const AdamParams& params) override {
    Cost sum;
    for (const AdamSlot& slot : slots) sum += cost::adam_step(slot.param, slot.grad, params);
    const Timed timed(to_, "adam_step", "", sum);
    to_.adam_step(slots, params);
  }

 private:
  // Records the kernel that runs while it lives.
  class Timed {
   public:
    Timed(Backend& backend, std::string_view name, std::string_view detail, const Cost& cost,
          std::initializer_list<TensorSpec> tensors = {})
        : event_{.name = name, .detail = detail, .cost = cost, .tensors = tensors},
          begin_(profile::kernel_begins(backend.device())) {}
    ~Timed() {
      if (!dropped_) profile::kernel_ends(begin_, std::move(event_));
    }
    Timed(const Timed&) = delete;
    Timed& operator=(const Timed&) = delete;
    // For a call that did nothing.
    void drop() { dropped_ = true; }

   private:
    ProfileEvent event_;
    profile::KernelBegin begin_;
    bool dropped_ = false;
  };

  Backend& to_;
};

}  // namespace

namespace profile {

// One for each backend, never destroyed, as backends are.
Backend& timed(Backend& backend) {
  static std::mutex& mutex = *new std::mutex;
  static auto& all = *new std::deque<ProfiledBackend>;
  const std::scoped_lock lock(mutex);
  for (ProfiledBackend& one : all)
    if (&one.times() == &backend) return one;
  return all.emplace_back(backend);
}

}  // namespace profile

}  // namespace cofactor
