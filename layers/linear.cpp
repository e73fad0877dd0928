#include "layers/linear.h"

#include "engine/ops/matmul.h"

namespace cofactor {

Linear::Linear(Initializer& init, const LinearOptions& options) {
  const auto& [in, out, bias, height, width, deviation] = options;
  check(in >= 1 && out >= 1, "linear layer: {} input and {} output features, expected at least 1 of each", in, out);
  const double bound = Initializer::bound(in);
  FileLayout layout;
  if (height != 0 || width != 0) layout = {FileLayout::Kind::flattened_weight, height, width};
  const Shape shape{out, in};
  weight_ = register_weight(
      "weight", deviation ? init.normal(shape, *deviation, layout) : init.uniform(shape, bound, layout), layout);
  if (bias) bias_ = register_parameter("bias", deviation ? init.constant({out}, 0.0) : init.uniform({out}, bound));
}

Tensor Linear::forward(const Tensor& x) {
  return linear(x, weight_, bias_);
}

}  // namespace cofactor
