// The tape: what made a tensor, and how gradients flow back through it.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/tensor.h"

namespace cofactor {

// A vector-Jacobian product: from dL/d(output) to dL/d(input) for each input, in the order of the inputs. An undefined
// tensor means that the input gets no gradient. A gradient may have the output's broadcast shape: the tape sums it. The
// gradient of an input in f32 may be bf16: a leaf keeps it so, and elsewhere the tape widens it.
// A vjp captures only the tensors it needs, detached, and runs with gradient tracking off.
using Vjp = std::function<std::vector<Tensor>(const Tensor& grad)>;

// The gradients that a node's inputs have so far, from nodes whose vjp has run: for a vjp that saves a pass over memory
// by adding its own to them.
class GradientSums {
 public:
  virtual ~GradientSums() = default;
  // The sum of input i, where there is one and nothing else holds its storage, else undefined. The vjp may add to its
  // values.
  virtual Tensor unshared(size_t i) = 0;
  // Says that the gradient which the vjp will return for input i contains the sum.
  virtual void added(size_t i) = 0;
};
using AddingVjp = std::function<std::vector<Tensor>(const Tensor& grad, GradientSums& sums)>;

// One recorded application of an op, or a leaf: a tensor that collects a gradient.
struct Node {
  bool is_leaf = false;
  std::string_view op;                        // a string literal, named in errors; "leaf" of a leaf
  Shape shape;                                // of the output, and so of its gradient
  DType dtype;                                // likewise
  std::vector<std::shared_ptr<Node>> inputs;  // null where an input tracks no gradient
  AddingVjp vjp;                              // empty for a leaf, and once backward has passed
  std::weak_ptr<TensorImpl> leaf;             // where a leaf's gradient goes
  bool freed = false;                         // backward has passed

  ~Node();  // iterative, so that a deep graph does not overflow the stack
};

// Records `output` as made by `op` from `inputs`, if gradient tracking is on and one of the inputs tracks it.
// Every op ends in this call, which also names it in a profile (engine/profile/recorder.h). Returns `output`.
Tensor record(Tensor output, std::string_view op, std::initializer_list<Tensor> inputs, Vjp vjp);
Tensor record(Tensor output, std::string_view op, const std::vector<Tensor>& inputs, Vjp vjp);
Tensor record(Tensor output, std::string_view op, std::initializer_list<Tensor> inputs, AddingVjp vjp);

// Called with a leaf once backward has left its whole gradient in it.
using GradientDone = std::function<void(const Tensor& leaf)>;

// Computes the gradient of a one-element tensor with respect to every leaf that it depends on, and adds it to the
// leaves' `grad()`. Frees the graph on the way; a second backward through it is an Error.
// With `seed` (the shape of `output`), computes the gradient of sum(output * seed) for an output of any shape.
// `gradient_done` hears of each leaf while the rest of backward has yet to run.
void backward(const Tensor& output, const Tensor& seed = {}, const GradientDone& gradient_done = {});

// The nodes that a tensor was made from and its own, which is last, each after its inputs: to draw or print the tape.
// Empty where the tensor tracks no gradient. backward() takes the tape apart, so ask before it.
std::vector<std::shared_ptr<Node>> tape_of(const Tensor& output);

// Whether this thread records ops.
bool grad_enabled();

// While it lives, ops in this thread are not recorded.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool previous_;
};

}  // namespace cofactor
