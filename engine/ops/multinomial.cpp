#include "engine/ops/multinomial.h"

#include "engine/ops/checks.h"
#include "engine/profile/recorder.h"

namespace cofactor {

Tensor multinomial(const Tensor& weights, const RandomKey& key, int64_t first_row) {
  check_floating(weights, "multinomial", "weights");
  check_rank(weights, 2, "multinomial", "weights");
  check(weights.dim(1) > 0, "multinomial: the rows of weights, shape {}, hold no classes", weights.shape());
  check(first_row >= 0, "multinomial: the first row has number {}, expected at least 0", first_row);
  const Tensor y = Tensor::empty({weights.dim(0)}, DType::i32, weights.device());
  weights.backend().multinomial(weights, RandomDraws::of_rows(key, first_row, 1), y);
  profile_op("multinomial", y);
  return y;
}

}  // namespace cofactor
