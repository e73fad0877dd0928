// Exercise 4: a tensor that is detached from the tape.
#include <fmt/format.h>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "losses/dmi.h"

using namespace cofactor;

int main() {
  Tensor x = Tensor::full({}, 3.0, DType::f64, kHost);
  x.set_requires_grad(true);

  const Tensor whole = x * x;
  backward(whole);
  fmt::print("x * x           value {:.1f}  gradient {:.1f}\n", whole.item(), x.grad().item());

  x.set_grad({});
  const Tensor half = x * x.detach();
  backward(half);
  fmt::print("x * x.detach()  value {:.1f}  gradient {:.1f}\n", half.item(), x.grad().item());

  Tensor logits = Tensor::from({2.0, 0.0, 0.0, 1.0, 3.0, 0.5}, {3, 2}, kHost);
  logits.set_requires_grad(true);
  const Tensor labels = Tensor::from({0, 1, 0}, {3}, kHost);
  const Tensor loss = dmi(logits.detach(), labels);
  fmt::print("loss of the detached outputs {:.4f}\n", loss.item());
  try {
    backward(loss);
  } catch (const Error& error) {
    fmt::print("{}\n", error.what());
  }
}
