#include "layers/dropout.h"

#include "engine/error.h"
#include "engine/ops/dropout.h"

namespace cofactor {

Dropout::Dropout(double p) : p_(p) {
  check(p >= 0.0 && p < 1.0, "dropout layer: p is {}, expected a probability in [0, 1)", p);
}

Tensor Dropout::forward(const Tensor& x) {
  return training() ? dropout(x, p_, random_key(Purpose::dropout), first_sample()) : x;
}

}  // namespace cofactor
