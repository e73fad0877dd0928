#include "layers/activation.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"

namespace cofactor {

Tensor Relu::forward(const Tensor& x) {
  return relu(x);
}
Tensor Tanh::forward(const Tensor& x) {
  return tanh(x);
}
Tensor Sigmoid::forward(const Tensor& x) {
  return sigmoid(x);
}
Tensor Flatten::forward(const Tensor& x) {
  return flatten(x);
}

}  // namespace cofactor
