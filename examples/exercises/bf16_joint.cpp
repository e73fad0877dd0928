// Exercise 12: the joint matrix U rounded to f32 and to bf16.
#include <fmt/format.h>

#include <cmath>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/log_abs_det.h"
#include "engine/ops/softmax.h"
#include "losses/dmi.h"

using namespace cofactor;

int main() {
  // 1000 samples in 10 classes: a classifier that favours the right class by `margin` in the logits.
  std::vector<int32_t> classes(1000);
  for (size_t i = 0; i < classes.size(); ++i) classes[i] = static_cast<int32_t>(i % 10);
  const Tensor labels = Tensor::from(classes, {1000}, kHost);
  const Tensor noise = Tensor::randn({1000, 10}, {.seed = 1}, DType::f64, kHost);
  for (const double margin : {6.0, 0.5, 0.05}) {
    const Tensor u = joint_matrix(margin * one_hot(labels, 10, DType::f64) + noise, labels);
    double exact = 1.0;
    for (const DType dtype : {DType::f64, DType::f32, DType::bf16}) {
      Tensor rounded = cast(cast(u, dtype), DType::f64).clone();
      rounded.set_requires_grad(true);
      const Tensor loss = dmi_from_joint(rounded);
      backward(loss);
      const double first = rounded.grad().to_vector<double>()[0];
      if (dtype == DType::f64) exact = first;
      fmt::print("margin {:.2f}  U in {:4}  loss {:.4f}  dloss/dU_00 {:.4f}  relative error {:.0e}\n", margin,
                 name_of(dtype), loss.item(), first, std::abs(first / exact - 1.0));
    }
  }
  try {
    log_abs_det(Tensor::full({2, 2}, 0.25, DType::bf16, kHost));
  } catch (const Error& error) {
    fmt::print("{}\n", error.what());
  }
}
