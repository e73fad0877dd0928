#include "layers/embedding.h"

#include "engine/ops/embedding.h"

namespace cofactor {

Embedding::Embedding(Initializer& init, int64_t count, int64_t dimension) {
  check(count >= 1 && dimension >= 1, "embedding layer: {} vectors of {} values, expected at least 1 of each", count,
        dimension);
  weight_ = register_parameter("weight", init.normal({count, dimension}, 1.0));
}

Tensor Embedding::forward(const Tensor& x) {
  return embedding(weight_, x);
}

}  // namespace cofactor
