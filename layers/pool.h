// Pooling of images (N, H, W, C) as layers, for Sequential. Formulas and errors are those of engine/ops/pool.h.
#pragma once

#include "engine/kernel_params.h"
#include "layers/module.h"

namespace cofactor {

// Maximum or average over sliding windows, (N, H, W, C) to (N, OH, OW, C).
class Pool2d : public Module {
 public:
  explicit Pool2d(const Pool2dParams& params) : params_(params) {}
  Tensor forward(const Tensor& x) override;

 private:
  Pool2dParams params_;
};

// Square windows without padding, as torch.nn.MaxPool2d and AvgPool2d. A stride of 0 means the size of the kernel.
class MaxPool2d : public Pool2d {
 public:
  explicit MaxPool2d(int kernel, int stride = 0);
};
class AvgPool2d : public Pool2d {
 public:
  explicit AvgPool2d(int kernel, int stride = 0);
};

// Images of any size to (N, height, width, C), as torch.nn.AdaptiveAvgPool2d and AdaptiveMaxPool2d.
class AdaptivePool2d : public Module {
 public:
  AdaptivePool2d(PoolKind kind, int64_t height, int64_t width) : kind_(kind), height_(height), width_(width) {}
  Tensor forward(const Tensor& x) override;

 private:
  PoolKind kind_;
  int64_t height_, width_;
};

}  // namespace cofactor
