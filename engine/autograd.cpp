#include "engine/autograd.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "engine/elementwise_ops.h"
#include "engine/ops/checks.h"
#include "engine/profile/recorder.h"

namespace cofactor {

namespace {

thread_local bool tracking = true;

// Every node that `root` depends on, inputs before the nodes that use them (depth first, without recursion).
std::vector<std::shared_ptr<Node>> topological_order(const std::shared_ptr<Node>& root) {
  std::vector<std::shared_ptr<Node>> order;
  std::unordered_set<const Node*> seen{root.get()};
  std::vector<std::pair<std::shared_ptr<Node>, size_t>> path{{root, 0}};
  while (!path.empty()) {
    auto& [node, next] = path.back();
    if (next == node->inputs.size()) {
      order.push_back(std::move(node));
      path.pop_back();
    } else if (const auto input = node->inputs[next++]; input && seen.insert(input.get()).second) {
      path.emplace_back(input, 0);
    }
  }
  return order;
}

// A gradient of the broadcast shape, summed to the shape before broadcasting.
Tensor sum_to(const Tensor& grad, const Shape& shape) {
  if (grad.shape() == shape) return grad;
  Shape kept = grad.shape();  // the target's extents, aligned at the end, 1 where the target has no axis
  for (int axis = 1; axis <= grad.rank(); ++axis) kept[-axis] = axis <= shape.rank() ? shape[-axis] : 1;
  Tensor result = Tensor::empty(kept, grad.dtype(), grad.device());
  grad.backend().reduce(ReduceOp::sum, grad, result);
  return result.view(shape);
}

// Whether `shape` broadcasts to `grad`'s shape.
bool broadcasts_to(const Shape& shape, const Shape& grad) {
  if (shape.rank() > grad.rank()) return false;
  for (int axis = 1; axis <= shape.rank(); ++axis)
    if (shape[-axis] != grad[-axis] && shape[-axis] != 1) return false;
  return true;
}

// Adds a gradient of a tensor in `dtype` to its total so far. A first gradient stays in bf16; sums are in `dtype`.
void accumulate(Tensor& total, const Tensor& grad, DType dtype) {
  if (!total.defined()) {
    total = grad;
    return;
  }
  const Tensor result = Tensor::empty(total.shape(), dtype, total.device());
  total.backend().binary(op_of<AddOp>, converted(total, dtype), converted(grad, dtype), result);
  total = result;
}

// Whether a gradient may have this dtype: that of its tensor, or bf16 where the tensor is an f32 parameter of an op in
// bf16.
bool fits(DType gradient, DType tensor) {
  return gradient == tensor || (gradient == DType::bf16 && tensor == DType::f32);
}

// What an input's gradient becomes on the tape: summed to the input's shape, and widened unless it goes to a leaf.
Tensor for_input(const Node& input, const Tensor& grad) {
  const Tensor summed = sum_to(grad, input.shape);
  return input.is_leaf ? summed : converted(summed, input.dtype);
}

using Gradients = std::unordered_map<const Node*, Tensor>;

class InputSums : public GradientSums {
 public:
  InputSums(const Node& node, Gradients& grads) : node_(node), grads_(grads) {}
  Tensor unshared(size_t i) override {
    const Node* input = node_.inputs[i].get();
    const auto found = grads_.find(input);
    // The first gradient of an f32 leaf may be bf16: sums are f32.
    const bool fit = found != grads_.end() && found->second.dtype() == input->dtype && found->second.owns_storage();
    return fit ? found->second : Tensor();
  }
  void added(size_t i) override { grads_.erase(node_.inputs[i].get()); }

 private:
  const Node& node_;
  Gradients& grads_;
};

// Runs a node's vjp and adds what it returns to the gradients of the node's inputs.
void propagate(const Node& node, const Tensor& grad, Gradients& grads) {
  InputSums sums(node, grads);
  const std::vector<Tensor> input_grads = node.vjp(grad, sums);
  check(input_grads.size() == node.inputs.size(), "backward of {}: its vjp returned {} gradients for {} inputs",
        node.op, input_grads.size(), node.inputs.size());
  for (size_t i = 0; i < input_grads.size(); ++i) {
    const Node* input = node.inputs[i].get();
    if (!input || !input_grads[i].defined()) continue;
    check(broadcasts_to(input->shape, input_grads[i].shape()) && fits(input_grads[i].dtype(), input->dtype),
          "backward of {}: the gradient of input {} has shape {} in {}, the input has {} in {}", node.op, i,
          input_grads[i].shape(), input_grads[i].dtype(), input->shape, input->dtype);
    accumulate(grads[input], for_input(*input, input_grads[i]), input->dtype);
  }
}

void deposit(const Node& node, const Tensor& grad, const GradientDone& done) {
  const Tensor leaf = leaf_of(node);
  if (!leaf.defined()) return;
  Tensor total = leaf.grad();
  accumulate(total, grad, node.dtype);
  leaf.set_grad(total);
  if (done) done(leaf);
}

// A profile's names of ops come from here, tracked or not.
void note_op(std::string_view op, const Tensor& output, std::span<const Tensor> inputs) {
  if (profiling()) [[unlikely]]
    profile::op_done(op, output, inputs);
}

bool any_tracked(std::span<const Tensor> inputs) {
  return tracking && std::ranges::any_of(inputs, &Tensor::requires_grad);
}

Tensor record_inputs(Tensor output, std::string_view op, std::span<const Tensor> inputs, AddingVjp vjp) {
  auto node = std::make_shared<Node>();
  node->op = op;
  node->shape = output.shape();
  node->dtype = output.dtype();
  node->inputs.reserve(inputs.size());
  for (const Tensor& input : inputs) node->inputs.push_back(input.requires_grad() ? input.node() : nullptr);
  node->vjp = std::move(vjp);
  output.set_node(std::move(node));
  return output;
}

// A vjp that knows no sums.
Tensor record_plain(Tensor output, std::string_view op, std::span<const Tensor> inputs, Vjp vjp) {
  note_op(op, output, inputs);
  if (!any_tracked(inputs)) return output;
  return record_inputs(std::move(output), op, inputs,
                       [vjp = std::move(vjp)](const Tensor& grad, GradientSums&) { return vjp(grad); });
}

}  // namespace

Node::~Node() {
  // A chain of shared pointers is destroyed by recursion; take it apart in a loop instead.
  std::vector<std::shared_ptr<Node>> pending = std::move(inputs);
  while (!pending.empty()) {
    const std::shared_ptr<Node> node = std::move(pending.back());
    pending.pop_back();
    if (!node || node.use_count() > 1) continue;
    for (auto& input : node->inputs) pending.push_back(std::move(input));
    node->inputs.clear();
  }
}

Tensor record(Tensor output, std::string_view op, std::initializer_list<Tensor> inputs, Vjp vjp) {
  return record_plain(std::move(output), op, {inputs.begin(), inputs.size()}, std::move(vjp));
}

Tensor record(Tensor output, std::string_view op, const std::vector<Tensor>& inputs, Vjp vjp) {
  return record_plain(std::move(output), op, inputs, std::move(vjp));
}

Tensor record(Tensor output, std::string_view op, std::initializer_list<Tensor> inputs, AddingVjp vjp) {
  note_op(op, output, {inputs.begin(), inputs.size()});
  if (!any_tracked({inputs.begin(), inputs.size()})) return output;
  return record_inputs(std::move(output), op, {inputs.begin(), inputs.size()}, std::move(vjp));
}

void backward(const Tensor& output, const Tensor& seed, const GradientDone& gradient_done) {
  check(output.requires_grad(), "backward: the output does not depend on a tensor that requires a gradient");
  check(seed.defined() || output.numel() == 1,
        "backward: an output of shape {} needs a seed; without one it must have a single element", output.shape());
  check(!seed.defined() || (seed.shape() == output.shape() && seed.dtype() == output.dtype()),
        "backward: the seed has shape {} in {}, the output {} in {}", seed.defined() ? seed.shape() : Shape{},
        seed.defined() ? seed.dtype() : output.dtype(), output.shape(), output.dtype());
  const NoGrad no_grad;
  auto order = topological_order(output.node());
  Gradients grads;
  grads[output.node().get()] =
      seed.defined() ? seed.detach() : Tensor::full(output.shape(), 1.0, output.dtype(), output.device());
  for (; !order.empty(); order.pop_back()) {
    Node& node = *order.back();
    const Tensor grad = std::move(grads[&node]);
    grads.erase(&node);
    if (node.is_leaf) {
      if (grad.defined()) deposit(node, grad, gradient_done);
      continue;
    }
    check(!node.freed, "backward of {}: an earlier backward has freed this part of the graph", node.op);
    const ProfileSpan span(EventKind::backward_op, node.op);
    if (grad.defined()) propagate(node, grad, grads);
    node.freed = true;
    node.vjp = nullptr;
    node.inputs.clear();
  }
}

std::vector<std::shared_ptr<Node>> tape_of(const Tensor& output) {
  if (!output.requires_grad()) return {};
  return topological_order(output.node());
}

bool grad_enabled() {
  return tracking;
}

NoGrad::NoGrad() : previous_(tracking) {
  tracking = false;
}
NoGrad::~NoGrad() {
  tracking = previous_;
}

}  // namespace cofactor
