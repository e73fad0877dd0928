// The parameters of kernels and ops: what the layers, the ops and the backends pass to each other.
#pragma once

#include <cmath>
#include <cstdint>

#include "engine/tensor.h"

namespace cofactor {

// An elementwise op by its position in UnaryOps or BinaryOps (engine/elementwise_ops.h); op_of<ReluOp> is the ReLU.
enum class UnaryOp : int {};
enum class BinaryOp : int {};

enum class ReduceOp { sum, mean, max };
enum class Activation { none, relu };
enum class PoolKind { max, average };

struct Conv2dParams {
  int stride_h = 1, stride_w = 1;
  int pad_h = 0, pad_w = 0;
  int dilation_h = 1, dilation_w = 1;
  Activation activation = Activation::none;  // applied to the output: y = activation(conv(x, w) + b)

  bool operator==(const Conv2dParams&) const = default;
};

// The shape of conv2d's y: each extent is floor((extent + 2 pad - dilation (kernel - 1) - 1) / stride) + 1.
inline Shape conv2d_output(const Shape& x, const Shape& w, const Conv2dParams& p) {
  const auto windows = [](int64_t extent, int64_t kernel, int stride, int pad, int dilation) {
    return (extent + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
  };
  return {x[0], windows(x[1], w[1], p.stride_h, p.pad_h, p.dilation_h),
          windows(x[2], w[2], p.stride_w, p.pad_w, p.dilation_w), w[0]};
}

struct Pool2dParams {
  PoolKind kind = PoolKind::max;
  // adaptive: the output's extents decide the windows, and kernel, stride and padding are unused. Window i of n over H
  // rows is [floor(i H / n), ceil((i + 1) H / n)).
  bool adaptive = false;
  int kernel_h = 1, kernel_w = 1;
  int stride_h = 1, stride_w = 1;
  int pad_h = 0, pad_w = 0;
  bool count_include_pad = true;  // average: divide by the kernel's size, not by the cells inside the image
  // max only: y = activation(max of the window). ReLU and max commute, so this is also a ReLU before the pooling, on a
  // smaller tensor.
  Activation activation = Activation::none;

  bool operator==(const Pool2dParams&) const = default;
};

struct BatchNormParams {
  bool training = true;   // normalise with the batch's statistics and update the running ones
  double momentum = 0.1;  // running = (1 - momentum) * running + momentum * batch
  double epsilon = 1e-5;  // added to the (biased) variance under the root
  Activation activation = Activation::none;

  bool operator==(const BatchNormParams&) const = default;
};

// One of many casts in one call: y = x converted to y's dtype, same shape.
struct CastSlot {
  Tensor x, y;
};

// The slots of an optimizer's step are f32 or f64 parameters with their state in the same dtype. A gradient has the
// parameter's dtype, or is bf16, and is then widened as it is read.

// torch.optim.SGD: g += weight_decay * p; m = first ? g : momentum * m + (1 - dampening) * g;
// g = nesterov ? g + momentum * m : m (with momentum); p -= lr * g.
struct SgdParams {
  double lr = 0.0, momentum = 0.0, dampening = 0.0, weight_decay = 0.0;
  bool nesterov = false;
  bool first_step = false;  // the momentum buffer is taken from the gradient
};
struct SgdSlot {
  Tensor param, grad;
  Tensor momentum;  // undefined where momentum is 0
};

// torch.optim.Adam (Kingma & Ba 2015): g += weight_decay * p; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
// p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + epsilon).
struct AdamParams {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.0;
  int64_t step = 1;  // t, counting from 1
};
struct AdamSlot {
  Tensor param, grad;
  Tensor exp_avg, exp_avg_sq;  // m and v
};

// The part of an image that sample n of images_from_bytes shows: row n of its `windows`.
struct ImageWindow {
  int32_t image = 0;            // its number
  int32_t row = 0, column = 0;  // of the image at the window's first pixel, before mirroring; may be outside it
  int32_t mirrored = 0;         // not 0: left and right are exchanged within the window
};

// A pixel from its byte: byte * scale + shift. Rounded once, so that the host and every device give the same bits.
COFACTOR_HD inline float pixel_from_byte(uint8_t byte, float scale, float shift) {
  using std::fma;
  return fma(static_cast<float>(byte), scale, shift);
}

}  // namespace cofactor
