// THE SEAM: the kernels that a device must provide. Only sources that call kernels include this header; parameters are
// in engine/kernel_params.h, and what a device can do beside kernels in engine/device_features.h.
//
// Conventions, for every kernel:
//  - the caller allocates outputs with the right shape and dtype; ops/ has checked all shapes before the call;
//  - tensors are contiguous and live on this backend's device; floating tensors of one call share one dtype, except
//    where a parameter says otherwise; integer inputs (labels, indices) are i32;
//  - where that dtype is bf16, it is computed and summed in f32, and "wide" tensors (biases, gradients of parameters)
//    are f32; elsewhere a wide tensor has the call's dtype;
//  - images are NHWC, convolution weights OHWI; where a convention could differ, PyTorch's definition holds
//    (dilation counts from 1, running variance is unbiased, average pooling counts padding unless told otherwise);
//  - state that backward needs is an explicit tensor: `workspace` is u8, of the size that the backend was asked for;
//  - an undefined Tensor means "none";
//  - a library's failure is an Error with the call's own message.
#pragma once

#include <cstddef>
#include <span>

#include "engine/kernel_params.h"
#include "engine/random.h"
#include "engine/tensor.h"

namespace cofactor {

class DeviceFeatures;

struct MemoryStats {
  size_t in_use = 0;           // bytes held by live tensors
  size_t peak = 0;             // the largest value of in_use so far
  size_t reserved = 0;         // bytes obtained from the system
  size_t system_requests = 0;  // how often the system was asked for memory

  // Of two pools together; the sum of their peaks is at least the peak of both.
  MemoryStats& operator+=(const MemoryStats& other) {
    in_use += other.in_use;
    peak += other.peak;
    reserved += other.reserved;
    system_requests += other.system_requests;
    return *this;
  }
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual Device device() const = 0;
  // What the device can do beside kernels; features_of(device) for those who do not include this header.
  virtual DeviceFeatures& features() = 0;

  // ---- memory. Thread-safe and pooled: a freed block serves the next request of its size.
  virtual void* allocate(size_t bytes) = 0;
  virtual void deallocate(void* data, size_t bytes) noexcept = 0;
  virtual MemoryStats memory_stats() const = 0;
  virtual void copy_from_host(void* device_data, const void* host_data, size_t bytes) = 0;
  virtual void copy_to_host(void* host_data, const void* device_data, size_t bytes) = 0;
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  // Waits until the device has finished all queued work.
  virtual void synchronize() = 0;

  // ---- elementwise
  virtual void fill(const Tensor& y, double value) = 0;
  // y = op(x, a), same shape.
  virtual void unary(UnaryOp op, const Tensor& x, double a, const Tensor& y) = 0;
  // dx from grad = dL/dy; x or y is undefined where the op's kVjpReadsX or kVjpReadsY says that it is not read.
  virtual void unary_vjp(UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a,
                         const Tensor& dx) = 0;
  // y = op(a, b), y having the broadcast shape of both.
  virtual void binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) = 0;
  // y = x broadcast to y's shape.
  virtual void broadcast(const Tensor& x, const Tensor& y) = 0;
  // y = x converted to y's dtype, same shape. Float to integer truncates toward zero.
  virtual void cast(const Tensor& x, const Tensor& y) = 0;
  // Each slot's cast. In one launch on a GPU where all casts are from f32 to bf16, or all back.
  virtual void cast_many(std::span<const CastSlot> slots) {
    for (const CastSlot& slot : slots) cast(slot.x, slot.y);
  }

  // ---- layout
  // y[i0, i1, ...] = x with its axes in the order `axes`: y's axis k is x's axis axes[k].
  virtual void permute(const Tensor& x, std::span<const int> axes, const Tensor& y) = 0;
  // y[.., y_start + i, ..] = x[.., x_start + i, ..] for i < length along `axis`; the other extents are equal. The rest
  // of y is unchanged.
  virtual void copy_slice(const Tensor& x, int64_t x_start, const Tensor& y, int64_t y_start, int64_t length,
                          int axis) = 0;

  // ---- reductions
  // Reduces the axes of x in which y has extent 1 (same rank). Max propagates NaN.
  virtual void reduce(ReduceOp op, const Tensor& x, const Tensor& y) = 0;
  // y (N) i32: the index of the largest value in each row of x (N, C), the first among equals.
  virtual void argmax(const Tensor& x, const Tensor& y) = 0;

  // ---- linear algebra
  // y (M, N) = op(a) op(b) + bias, where op transposes on request and bias (N), wide, may be undefined. y has the
  // factors' dtype, or is wide.
  virtual void matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
                      const Tensor& y) = 0;
  // u (C, C) f64. sign (scalar): sign of det u, 0 if singular. log_abs (scalar): log|det u|, -inf if singular.
  // inverse_transposed (C, C): u^-T, NaN if singular. By LU with partial pivoting.
  virtual void lu_log_abs_det(const Tensor& u, const Tensor& sign, const Tensor& log_abs,
                              const Tensor& inverse_transposed) = 0;
  // u (C, C) f64. det (scalar): det u. cofactors (C, C): the cofactor matrix, finite for every u. By SVD:
  // u = W S V^T, cof u = det(W) det(V) W diag(product of the other singular values) V^T.
  virtual void svd_cofactor(const Tensor& u, const Tensor& det, const Tensor& cofactors) = 0;

  // ---- softmax over the last axis
  virtual void softmax(const Tensor& x, bool log, const Tensor& y) = 0;
  // dx from y and grad: y * (g - sum(g y)), or g - exp(y) * sum(g) for the log.
  virtual void softmax_vjp(const Tensor& y, const Tensor& grad, bool log, const Tensor& dx) = 0;

  // ---- labels and embeddings. Indices outside the table are undefined behaviour here: callers check on the host.
  // y (N): y_i = x[i, labels_i], x (N, C).
  virtual void gather(const Tensor& x, const Tensor& labels, const Tensor& y) = 0;
  // dx (N, C): grad_i at [i, labels_i], 0 elsewhere.
  virtual void gather_vjp(const Tensor& grad, const Tensor& labels, const Tensor& dx) = 0;
  // y (..., D): rows of table (V, D) at indices (...). y has the table's dtype, or is bf16 where that is f32.
  virtual void embedding(const Tensor& table, const Tensor& indices, const Tensor& y) = 0;
  // dtable (V, D): row v is the sum of grad's rows whose index is v, added in the order of the indices. In
  // grad's dtype, or wide.
  virtual void embedding_vjp(const Tensor& grad, const Tensor& indices, const Tensor& dtable) = 0;

  // ---- images that stay on the device as bytes: bytes (S, H, W, C) u8, windows (N, 4) i32 (see ImageWindow), scale
  // and shift (C) f32, y (N, OH, OW, C) f32. What lies outside the image counts as byte 0, before scale and shift: y[n,
  // h, w, c] = fma(bytes[image, row + h, column + (mirrored ? OW - 1 - w : w), c], scale_c, shift_c), the same bits on
  // every device. An image outside the bytes is undefined behaviour: callers check on the host.
  virtual void images_from_bytes(const Tensor& bytes, const Tensor& windows, const Tensor& scale, const Tensor& shift,
                                 const Tensor& y) = 0;

  // ---- convolution. x (N, H, W, I), w (O, KH, KW, I), b (O) or undefined, y (N, OH, OW, O); b and db are wide.
  virtual void conv2d(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params,
                      const Tensor& y) = 0;
  // grad is dL/d(conv + b), before any activation.
  virtual void conv2d_vjp_input(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) = 0;
  // Adds to dx instead, in one pass; false, and nothing done, where the device cannot.
  virtual bool conv2d_vjp_input_add(const Tensor& grad, const Tensor& w, const Conv2dParams& params, const Tensor& dx) {
    (void)grad, (void)w, (void)params, (void)dx;
    return false;
  }
  // The dtype in which dw is asked for, for inputs in `dtype`: wide, or bf16 where the device's library writes no f32
  // from bf16.
  virtual DType conv2d_dw_dtype(DType dtype) const { return compute_dtype(dtype); }
  // dw as w, wide or in x's dtype; db (O) or undefined.
  virtual void conv2d_vjp_weights(const Tensor& x, const Tensor& grad, const Conv2dParams& params, const Tensor& dw,
                                  const Tensor& db) = 0;
  // The maximum over all places of what conv2d gives: y (N, O), and places (N, O) i32: oh * OW + ow of the first
  // largest value, -1 where ReLU stops the gradient. NaN wins over any number.
  virtual void conv2d_global_max(const Tensor& x, const Tensor& w, const Tensor& b, const Conv2dParams& params,
                                 const Tensor& y, const Tensor& places) = 0;
  // Of each image and filter one place alone has a gradient, so this is OH * OW times less work than the convolution's
  // own gradients. grad (N, O) is dL/dy. dx as x, dw as w, db (O); dw and db are wide; each may be
  // undefined: not wanted.
  virtual void conv2d_global_max_vjp(const Tensor& grad, const Tensor& places, const Tensor& x, const Tensor& w,
                                     const Conv2dParams& params, const Tensor& dx, const Tensor& dw,
                                     const Tensor& db) = 0;

  // ---- pooling. x (N, H, W, C), y (N, OH, OW, C). Max pooling pads with -infinity.
  virtual size_t pool2d_workspace(const Shape& x, const Shape& y, DType dtype, const Pool2dParams& params) = 0;
  // Fills the workspace for the vjp; an undefined one asks for y alone.
  virtual void pool2d(const Tensor& x, const Pool2dParams& params, const Tensor& y, const Tensor& workspace) = 0;
  virtual void pool2d_vjp(const Tensor& grad, const Tensor& workspace, const Pool2dParams& params,
                          const Tensor& dx) = 0;

  // ---- batch norm over all axes but the last: y = activation(batch_norm(x) + residual). x, residual and y (..., C),
  // all of one dtype; scale, shift and the statistics (C), f32 where that dtype is bf16, else of that dtype too.
  // Training: writes the batch's mean and biased variance to saved_mean, saved_variance and updates the running ones.
  // Otherwise reads running_mean and running_variance, and saved_* are undefined. residual may be undefined.
  virtual void batch_norm(const Tensor& x, const Tensor& scale, const Tensor& shift, const Tensor& running_mean,
                          const Tensor& running_variance, const Tensor& residual, const BatchNormParams& params,
                          const Tensor& y, const Tensor& saved_mean, const Tensor& saved_variance) = 0;
  // mean and variance are the ones that forward normalised with. y is the forward's output, undefined where there is no
  // activation. dresidual (undefined: not wanted) is the gradient that the activation lets through: grad where y > 0
  // for ReLU. grad, dx and dresidual have x's dtype; dscale and dshift have scale's.
  virtual void batch_norm_vjp(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                              const Tensor& mean, const Tensor& variance, const BatchNormParams& params,
                              const Tensor& dx, const Tensor& dscale, const Tensor& dshift,
                              const Tensor& dresidual) = 0;

  // ---- the same in training where x has some of a batch's rows, at least one, and other processes have the others.
  // Tensors as above. The forward: moments of x's rows; the caller joins those of all rows, which batch_norm takes as
  // running ones in evaluation.
  virtual void batch_norm_moments(const Tensor& x, const Tensor& mean, const Tensor& variance) = 0;
  // The gradient: dscale and dshift as sums over x's rows, for the mean and variance of all rows.
  virtual void batch_norm_vjp_sums(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& mean,
                                   const Tensor& variance, const BatchNormParams& params, const Tensor& dscale,
                                   const Tensor& dshift) = 0;
  // dx and dresidual from the sums over all rows, of which there are `rows`.
  virtual void batch_norm_vjp_input(const Tensor& grad, const Tensor& x, const Tensor& y, const Tensor& scale,
                                    const Tensor& mean, const Tensor& variance, const Tensor& dscale,
                                    const Tensor& dshift, int64_t rows, const BatchNormParams& params, const Tensor& dx,
                                    const Tensor& dresidual) = 0;

  // ---- random draws. Number i is draw_i = unit_float(random_word(draws.key, draws.first + i)).
  // Dropout: y_i = x_i / (1 - p) where draw_i >= p, else 0. The same call with grad for x is the vjp: the mask is drawn
  // again, not stored.
  virtual void dropout(const Tensor& x, double p, const RandomDraws& draws, const Tensor& y) = 0;

  // y (N) i32: a class of each row of weights (N, C), drawn with probability proportional to its weight:
  // y_n = draw_class(weights[n], C, draw_n). Any floating dtype that the backend computes in.
  virtual void multinomial(const Tensor& weights, const RandomDraws& draws, const Tensor& y) = 0;

  // ---- optimizers: all parameters in one call, updated in place. A gradient has its parameter's dtype or is bf16.
  virtual void sgd_step(std::span<const SgdSlot> slots, const SgdParams& params) = 0;
  virtual void adam_step(std::span<const AdamSlot> slots, const AdamParams& params) = 0;
};

}  // namespace cofactor
