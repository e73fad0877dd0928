#include "engine/ops/dropout.h"

#include "engine/ops/checks.h"

namespace cofactor {

Tensor dropout(const Tensor& x, double p, const RandomKey& key, int64_t first_row) {
  check_floating(x, "dropout", "x");
  check(p >= 0.0 && p < 1.0, "dropout: p is {}, expected [0, 1), for x of shape {}", p, x.shape());
  check(first_row >= 0, "dropout: the first row has number {}, expected at least 0", first_row);
  if (p == 0.0) return x;
  const bool has_rows = x.rank() > 0 && x.dim(0) > 0;
  const RandomDraws draws = RandomDraws::of_rows(key, first_row, has_rows ? x.numel() / x.dim(0) : 0);
  const Tensor y = empty_like(x);
  x.backend().dropout(x, p, draws, y);
  return record(y, "dropout", {x}, [p, draws](const Tensor& grad) -> std::vector<Tensor> {
    const Tensor dx = empty_like(grad);
    grad.backend().dropout(grad, p, draws, dx);
    return {dx};
  });
}

}  // namespace cofactor
