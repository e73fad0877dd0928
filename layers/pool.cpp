#include "layers/pool.h"

#include "engine/ops/pool.h"

namespace cofactor {

namespace {

Pool2dParams square(PoolKind kind, int kernel, int stride) {
  const int step = stride == 0 ? kernel : stride;
  return {.kind = kind, .kernel_h = kernel, .kernel_w = kernel, .stride_h = step, .stride_w = step};
}

}  // namespace

Tensor Pool2d::forward(const Tensor& x) {
  return pool2d(x, params_);
}

MaxPool2d::MaxPool2d(int kernel, int stride) : Pool2d(square(PoolKind::max, kernel, stride)) {}
AvgPool2d::AvgPool2d(int kernel, int stride) : Pool2d(square(PoolKind::average, kernel, stride)) {}

Tensor AdaptivePool2d::forward(const Tensor& x) {
  return kind_ == PoolKind::max ? adaptive_max_pool2d(x, height_, width_) : adaptive_avg_pool2d(x, height_, width_);
}

}  // namespace cofactor
