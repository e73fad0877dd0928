#include "layers/embedding.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"

namespace cofactor {

Embedding::Embedding(Initializer& init, const EmbeddingOptions& options) {
  const auto& [count, dimension, vectors, trained] = options;
  check(count >= 1 && dimension >= 1, "embedding layer: {} vectors of {} values, expected at least 1 of each", count,
        dimension);
  Tensor weight = init.normal({count, dimension}, 1.0);  // always drawn, so that later layers have the same draws
  if (!vectors.empty()) {
    check(vectors.size() == static_cast<size_t>(count * dimension),
          "embedding layer: {} initial values, expected {} vectors of {} values", vectors.size(), count, dimension);
    weight.copy_from(cast(Tensor::from(vectors, {count, dimension}, init.device()), init.dtype()));
  }
  weight_ = trained ? register_parameter("weight", weight) : register_buffer("weight", weight);
}

Tensor Embedding::forward(const Tensor& x) {
  return embedding(weight_, x, computes_in_bf16() ? DType::bf16 : weight_.dtype());
}

}  // namespace cofactor
