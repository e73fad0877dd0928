// Exercise 6: U in place of its transpose, in the loss and in its gradient.
#include <fmt/format.h>

#include <cmath>

#include "engine/autograd.h"
#include "engine/gradient_check.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "losses/dmi.h"

using namespace cofactor;

// The loss of six samples in three classes, by U or by its transpose, and one element of its gradient.
void print_loss(const char* name, bool transposed_joint) {
  Tensor logits = Tensor::randn({6, 3}, {.seed = 1}, DType::f64, kHost);
  logits.set_requires_grad(true);
  const Tensor labels = Tensor::from({0, 1, 2, 0, 1, 2}, {6}, kHost);
  const Tensor u = joint_matrix(logits, labels);
  const Tensor loss = dmi_from_joint(transposed_joint ? transpose(u) : u);
  backward(loss);
  fmt::print("loss of {:4} {:.6f}  gradient of the first logit {:.6f}\n", name, loss.item(),
             logits.grad().to_vector<double>()[0]);
}

// log|ad - bc| of u = (a b; c d), by hand, with the gradient u^-T, or by mistake u^-1.
Tensor log_abs_det_by_hand(const Tensor& u, bool mistaken) {
  const std::vector<double> at = u.to_vector<double>();
  const double a = at[0], b = at[1], c = at[2], d = at[3], det = a * d - b * c;
  const Tensor right = Tensor::from({d / det, -c / det, -b / det, a / det}, {2, 2}, kHost);
  const Tensor wrong = Tensor::from({d / det, -b / det, -c / det, a / det}, {2, 2}, kHost);
  return record(
      Tensor::full({}, std::log(std::abs(det)), DType::f64, kHost), "log_abs_det_by_hand", {u},
      [inverse = mistaken ? wrong : right](const Tensor& grad) -> std::vector<Tensor> { return {grad * inverse}; });
}

void check_gradient(const char* name, const Tensor& u, bool mistaken) {
  const auto op = [mistaken](const std::vector<Tensor>& in) { return log_abs_det_by_hand(in[0], mistaken); };
  const GradientComparison worst = compare_gradients(op, {u}, {.each_element = true});
  fmt::print("{} at {:9} U: ", mistaken ? "U^-1" : "U^-T", name);
  if (worst.error < 1e-6)
    fmt::print("agrees\n");
  else
    fmt::print("wrong at element {}: backward {:.4f}, difference {:.4f}\n", worst.element, worst.backward,
               worst.difference);
}

int main() {
  print_loss("U", false);
  print_loss("U^T", true);
  const Tensor symmetric = Tensor::from({0.4, 0.1, 0.1, 0.4}, {2, 2}, kHost);
  const Tensor general = Tensor::from({0.5, 0.2, 0.1, 0.2}, {2, 2}, kHost);
  for (const bool mistaken : {false, true}) {
    check_gradient("symmetric", symmetric, mistaken);
    check_gradient("general", general, mistaken);
  }
}
