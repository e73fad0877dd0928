// Gradients checked against central differences: for whoever writes an op, a loss or a layer.
//
// Let L(x) = sum(f(x) * s), with one random weight s per element of f's output. Backward gives dL/dx; a central
// difference gives the derivative of L in a direction d:
//   (L(x + h d) - L(x - h d)) / (2 h) = <dL/dx, d> + O(h^2) + O(u / h),
// where h is the step and u the rounding error of the arithmetic. A random d tests all elements at once.
//
// How to use it:
//  - Inputs are f64 tensors on kHost: u is then 1e-16, and with h = 1e-5 a right gradient has an error of about 1e-9. A
//    tolerance of 1e-6 tells it from a wrong one. In f32 rounding alone would be far larger, so f32 inputs are an
//    Error.
//  - f must be differentiable within h of the inputs. At a kink (ReLU at 0, the maximum of equal values, |det| at a
//    singular matrix) the difference mixes both sides: choose inputs away from it, or a smaller step.
//  - f must be deterministic: two calls with equal inputs give equal outputs. Dropout takes a fixed RandomKey.
//  - Where the check fails, `each_element` names the element that is wrong.
#pragma once

#include <functional>
#include <vector>

#include "engine/named_tensor.h"
#include "engine/tensor.h"

namespace cofactor {

// A function of tensors, with an output of any shape.
using TensorFunction = std::function<Tensor(const std::vector<Tensor>&)>;

struct GradientCheckOptions {
  double step = 1e-5;         // h
  int directions = 2;         // random ones, each with elements in [-1, 1), per input
  bool each_element = false;  // instead, every element of every input by itself: two calls of f per element
};

// Where backward and the central difference differ most.
struct GradientComparison {
  // |backward - difference|, relative to the larger of the two and to the gradient's size (its norm; with each_element
  // its root mean square), and to 1e-4 at least, so that a gradient of zero is not compared with rounding.
  // Infinite where one of the two is NaN.
  double error = 0.0;
  int input = -1;         // the position of the input; -1 where no input is floating
  int64_t element = -1;   // with each_element, the element of that input, row-major
  double backward = 0.0;  // the derivative in the direction, both ways
  double difference = 0.0;
};

// Compares the gradients of f at `inputs`. Inputs that are not floating (labels, indices), or undefined, are passed on
// as they are. Each other input is checked twice: while all collect gradients, and while it alone does. Throws Error
// for a floating input or output that is not f64, and where f computes other values while its inputs collect gradients.
GradientComparison compare_gradients(const TensorFunction& f, const std::vector<Tensor>& inputs,
                                     const GradientCheckOptions& options = {});

// The largest relative error alone.
double gradient_error(const TensorFunction& f, const std::vector<Tensor>& inputs);

// The same for a layer or a network: `loss` gives one number and reads `inputs`, which collect gradients: parameters,
// say. Each is checked in one random direction; its values are changed in place and put back. The gradients that the
// inputs held are replaced. A network has many kinks, so the default step is smaller.
GradientComparison compare_gradients(const std::function<Tensor()>& loss, const std::vector<NamedTensor>& inputs,
                                     double step = 1e-6);

}  // namespace cofactor
