// Batch normalisation (Ioffe & Szegedy 2015), as torch.nn.BatchNorm2d and BatchNorm1d.
#pragma once

#include "engine/kernel_params.h"
#include "layers/init.h"
#include "layers/module.h"

namespace cofactor {

struct BatchNormOptions {
  int64_t features = 0;                      // channels
  double momentum = 0.1;                     // weight of the batch in the running statistics
  double epsilon = 1e-5;                     // added to the variance
  Activation activation = Activation::none;  // fused
};

// x (..., C) to the same shape: normalised with the statistics of the batch in training, and with the running
// statistics in evaluation (formulas and errors: engine/ops/batch_norm.h). The batch is x, or after
// Module::synchronise_batch_norm that of all ranks (engine/distributed/synchronised_batch_norm.h). Parameters: weight
// (C), initially 1, and bias (C), initially 0. Buffers: running_mean (C), initially 0; running_var (C), initially 1;
// and num_batches_tracked, a scalar that counts the training batches and is always on the host. PyTorch's files store
// it as I64, those of this project as I32; both can be read. Throws Error if `features` is below 1.
class BatchNorm : public Module {
 public:
  BatchNorm(Initializer& init, const BatchNormOptions& options);
  Tensor forward(const Tensor& x) override;
  // The same with `residual`, which has the shape of x, added before the activation, as at the end of a residual block
  // (He et al. 2016).
  Tensor forward(const Tensor& x, const Tensor& residual);

 protected:
  void count_forward() override;

 private:
  BatchNormOptions options_;
  Tensor scale_, shift_, running_mean_, running_variance_, batches_;
};

}  // namespace cofactor
