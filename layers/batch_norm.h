// Batch normalisation (Ioffe & Szegedy 2015), as torch.nn.BatchNorm2d and BatchNorm1d.
#pragma once

#include "engine/kernel_params.h"
#include "layers/init.h"
#include "layers/module.h"

namespace cofactor {

struct BatchNormOptions {
  int64_t features = 0;  // channels
  double momentum = 0.1, epsilon = 1e-5;
  Activation activation = Activation::none;  // to fuse
};

// x (..., C), of the same shape out: normalised with the batch's statistics in training, with the running ones in
// evaluation. Parameters: weight (C), ones at first, and bias (C), zeros. Buffers: running_mean (C), zeros;
// running_var (C), ones; num_batches_tracked, a scalar that counts the batches trained on. PyTorch's files have it as
// I64, ours as I32 (each side reads both); it is kept on the host, whatever the device.
class BatchNorm : public Module {
 public:
  BatchNorm(Initializer& init, const BatchNormOptions& options);
  Tensor forward(const Tensor& x) override;
  // The same with `residual`, of x's shape, added before the activation: the end of a residual block (He et al. 2016).
  Tensor forward(const Tensor& x, const Tensor& residual);

 private:
  BatchNormOptions options_;
  Tensor scale_, shift_, running_mean_, running_variance_, batches_;
};

}  // namespace cofactor
