// The tape of a small loss, (w x - 5)^2 at w = 2 and x = 3: the nodes that backward walks, and the gradient.
#include <fmt/format.h>

#include <set>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"

using namespace cofactor;

// Every node that the tensor depends on, each before its inputs.
void print_tape(const Tensor& output) {
  std::vector<std::shared_ptr<Node>> waiting{output.node()};
  std::set<std::shared_ptr<Node>> seen{output.node()};
  while (!waiting.empty()) {
    const std::shared_ptr<Node> node = waiting.back();
    waiting.pop_back();
    std::string inputs;
    for (const std::shared_ptr<Node>& input : node->inputs) {
      inputs += fmt::format(" {}", input ? input->op : "none");
      if (input && seen.insert(input).second) waiting.push_back(input);
    }
    fmt::print("  {:10}  inputs:{}\n", node->op, inputs);
  }
}

int main() {
  Tensor w = Tensor::full({}, 2.0, DType::f32, kHost);
  w.set_requires_grad(true);
  const Tensor x = Tensor::full({}, 3.0, DType::f32, kHost);

  const Tensor product = w * x;
  const Tensor difference = product - 5.0;
  const Tensor loss = difference * difference;

  fmt::print("loss {:.1f}\n", loss.item());
  print_tape(loss);
  backward(loss);
  fmt::print("dloss/dw {:.1f}\n", w.grad().item());
  fmt::print("after backward\n");
  print_tape(loss);
}
