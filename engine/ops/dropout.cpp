#include "engine/ops/dropout.h"

#include "engine/ops/checks.h"

namespace cofactor {

Tensor dropout(const Tensor& x, double p, const RandomKey& key) {
  check_floating(x, "dropout", "x");
  check(p >= 0.0 && p < 1.0, "dropout: p is {}, expected [0, 1), for x of shape {}", p, x.shape());
  if (p == 0.0) return x;
  const Tensor y = empty_like(x);
  x.backend().dropout(x, p, key, y);
  return record(y, "dropout", {x}, [p, key](const Tensor& grad) -> std::vector<Tensor> {
    const Tensor dx = empty_like(grad);
    grad.backend().dropout(grad, p, key, dx);
    return {dx};
  });
}

}  // namespace cofactor
