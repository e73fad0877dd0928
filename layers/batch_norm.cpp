#include "layers/batch_norm.h"

#include "engine/distributed/synchronised_batch_norm.h"
#include "engine/ops/batch_norm.h"

namespace cofactor {

BatchNorm::BatchNorm(Initializer& init, const BatchNormOptions& options) : options_(options) {
  check(options.features >= 1, "batch norm layer: {} features, expected at least 1", options.features);
  const Shape shape{options.features};
  scale_ = register_parameter("weight", init.constant(shape, 1.0));
  shift_ = register_parameter("bias", init.constant(shape, 0.0));
  running_mean_ = register_buffer("running_mean", init.constant(shape, 0.0));
  running_variance_ = register_buffer("running_var", init.constant(shape, 1.0));
  batches_ = register_buffer("num_batches_tracked", Tensor::zeros({}, DType::i32, kHost));
}

Tensor BatchNorm::forward(const Tensor& x) {
  return forward(x, {});
}

Tensor BatchNorm::forward(const Tensor& x, const Tensor& residual) {
  const BatchNormParams params{.training = training(),
                               .momentum = options_.momentum,
                               .epsilon = options_.epsilon,
                               .activation = options_.activation};
  Communicator* const ranks = batch_norm_ranks();
  const Tensor y =
      training() && ranks && ranks->size() > 1
          ? synchronised_batch_norm(x, scale_, shift_, running_mean_, running_variance_, params, residual, *ranks)
          : batch_norm(x, scale_, shift_, running_mean_, running_variance_, params, residual);
  count_forward();
  return y;
}

void BatchNorm::count_forward() {
  if (training()) ++*batches_.data<int32_t>();
}

}  // namespace cofactor
