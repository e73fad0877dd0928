// Exercise 11: label noise up to and beyond det T = 0. Theorem 4.1 of the paper has the shift of the loss.
#include <fmt/format.h>

#include <cmath>

#include "data/noise/synthetic.h"
#include "engine/ops/matmul.h"
#include "losses/dmi.h"

using namespace cofactor;

int main() {
  // The joint distribution of a classifier's outputs and the true labels; noise T turns it into Q T.
  const Tensor q = Tensor::from({0.375, 0.125, 0.125, 0.375}, {2, 2}, kHost);
  const double clean = dmi_from_joint(q).item();
  fmt::print("rate  det T    loss   shift  -log|det T|\n");
  for (const double rate : {0.0, 0.2, 0.4, 0.49, 0.5, 0.6, 0.8, 1.0}) {
    const Transition noise = symmetric_noise(2, rate);
    const double loss = dmi_from_joint(matmul(q, noise.tensor())).item();
    fmt::print("{:4.2f}  {:5.2f}  {:>6.4f}  {:>6.4f}  {:>11.4f}\n", rate, noise.determinant(), loss, loss - clean,
               0.0 - std::log(std::abs(noise.determinant())));
  }
  fmt::print("at rate 0.5 {}\n", DmiLoss().uninformative_under(symmetric_noise(2, 0.5)));
}
