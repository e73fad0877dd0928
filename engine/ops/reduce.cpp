#include "engine/ops/reduce.h"

#include <bitset>

#include "engine/ops/checks.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/profile/recorder.h"

namespace cofactor {

namespace {

// What a reduction over some axes does to a shape.
struct Reduction {
  Shape kept;         // the reduced axes with extent 1: what the backend writes
  Shape dropped;      // without them
  int64_t count = 1;  // how many values make one
};

Reduction plan_reduction(const Tensor& x, const std::vector<int>& axes, std::string_view op) {
  check_floating(x, op, "x");
  std::bitset<Shape::kMaxRank> reduced;
  for (int axis : axes) {
    check(axis >= -x.rank() && axis < x.rank(), "{}: axis {} does not exist in {}", op, axis, x.shape());
    const auto position = static_cast<size_t>(x.shape().normalize_axis(axis));
    check(!reduced[position], "{}: axis {} of {} is listed twice", op, position, x.shape());
    reduced.set(position);
  }
  if (axes.empty()) reduced.set();
  Reduction result{.kept = x.shape(), .dropped = {}};
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (reduced[static_cast<size_t>(axis)]) {
      result.count *= x.dim(axis);
      result.kept[axis] = 1;
    } else {
      result.dropped.push_back(x.dim(axis));
    }
  }
  return result;
}

// The reduced values, in the kept shape.
Tensor reduce(ReduceOp op, const Tensor& x, const Reduction& reduction) {
  const Tensor y = Tensor::empty(reduction.kept, x.dtype(), x.device());
  x.backend().reduce(op, x, y);
  return y;
}

}  // namespace

Tensor sum(const Tensor& x, const std::vector<int>& axes, bool keep_dims) {
  const Reduction reduction = plan_reduction(x, axes, "sum");
  const Tensor y = reduce(ReduceOp::sum, x, reduction);
  return record(keep_dims ? y : y.view(reduction.dropped), "sum", {x},
                [kept = reduction.kept, shape = x.shape()](const Tensor& grad) -> std::vector<Tensor> {
                  return {broadcast_to(grad.view(kept), shape)};
                });
}

Tensor mean(const Tensor& x, const std::vector<int>& axes, bool keep_dims) {
  const Reduction reduction = plan_reduction(x, axes, "mean");
  check(reduction.count > 0, "mean: {} has no values along the reduced axes", x.shape());
  const Tensor y = reduce(ReduceOp::mean, x, reduction);
  return record(keep_dims ? y : y.view(reduction.dropped), "mean", {x},
                [reduction, shape = x.shape()](const Tensor& grad) -> std::vector<Tensor> {
                  return {broadcast_to(grad.view(reduction.kept) / static_cast<double>(reduction.count), shape)};
                });
}

Tensor max(const Tensor& x, const std::vector<int>& axes, bool keep_dims) {
  const Reduction reduction = plan_reduction(x, axes, "max");
  check(reduction.count > 0, "max: {} has no values along the reduced axes", x.shape());
  const Tensor y = reduce(ReduceOp::max, x, reduction);
  return record(keep_dims ? y : y.view(reduction.dropped), "max", {x},
                [kept_x = keep(x, tracks(x)), kept_y = keep(y, tracks(x))](const Tensor& grad) -> std::vector<Tensor> {
                  const Tensor is_max = equal(kept_x, kept_y);
                  const Tensor ties = Tensor::empty(kept_y.shape(), grad.dtype(), grad.device());
                  grad.backend().reduce(ReduceOp::sum, is_max, ties);
                  return {is_max * (grad.view(kept_y.shape()) / ties)};
                });
}

Tensor argmax(const Tensor& x) {
  check_floating(x, "argmax", "x");
  check_rank(x, 2, "argmax", "x");
  check(x.dim(1) > 0, "argmax: the rows of x, shape {}, hold no values", x.shape());
  const Tensor y = Tensor::empty({x.dim(0)}, DType::i32, x.device());
  x.backend().argmax(x, y);
  profile_op("argmax", y);
  return y;
}

double accuracy(const Tensor& logits, const Tensor& labels) {
  check_indices(labels, "accuracy", "labels");
  const std::vector<int32_t> predicted = argmax(logits).to_vector<int32_t>();
  check(labels.shape() == Shape{logits.dim(0)} && !predicted.empty(), "accuracy: logits have shape {}, labels {}",
        logits.shape(), labels.shape());
  const std::vector<int32_t> expected = labels.to_vector<int32_t>();
  int64_t correct = 0;
  for (size_t i = 0; i < expected.size(); ++i) correct += predicted[i] == expected[i] ? 1 : 0;
  return static_cast<double>(correct) / static_cast<double>(expected.size());
}

}  // namespace cofactor
