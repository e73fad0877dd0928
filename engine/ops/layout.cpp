#include "engine/ops/layout.h"

#include <fmt/ranges.h>

#include "engine/ops/checks.h"

namespace cofactor {

namespace {

// The shape that `dims` asks for, its -1 replaced so that it has as many elements as x.
Shape resolve_shape(const Tensor& x, std::vector<int64_t> dims) {
  const std::string asked = fmt::format("({})", fmt::join(dims, ", "));
  int64_t known = 1;
  auto unknown = dims.end();
  for (auto dim = dims.begin(); dim != dims.end(); ++dim) {
    check(*dim >= -1, "reshape: extent {} in {} is negative", *dim, asked);
    check(*dim != -1 || unknown == dims.end(), "reshape: more than one extent of {} is -1", asked);
    if (*dim == -1)
      unknown = dim;
    else
      check(!__builtin_mul_overflow(known, *dim, &known), "reshape: {} has too many elements for 64 bits", asked);
  }
  if (unknown != dims.end()) {
    check(known > 0 && x.numel() % known == 0, "reshape: shape {} with {} elements does not fit {}", x.shape(),
          x.numel(), asked);
    *unknown = x.numel() / known;
    known = x.numel();
  }
  check(dims.size() <= Shape::kMaxRank, "reshape: {} has more than {} axes", asked, Shape::kMaxRank);
  check(known == x.numel(), "reshape: shape {} with {} elements does not fit {}", x.shape(), x.numel(), asked);
  return Shape(dims);
}

}  // namespace

Tensor reshape(const Tensor& x, std::vector<int64_t> dims) {
  check_defined(x, "reshape", "x");
  return record(x.view(resolve_shape(x, std::move(dims))), "reshape", {x},
                [shape = x.shape()](const Tensor& grad) -> std::vector<Tensor> { return {grad.view(shape)}; });
}

Tensor flatten(const Tensor& x) {
  check_defined(x, "flatten", "x");
  check(x.rank() >= 1, "flatten: a scalar, shape {}, has no first axis to keep", x.shape());
  int64_t rest = 1;
  for (int axis = 1; axis < x.rank(); ++axis) rest *= x.dim(axis);
  return reshape(x, {x.dim(0), rest});
}

Tensor permute(const Tensor& x, const std::vector<int>& axes) {
  check_defined(x, "permute", "x");
  check(static_cast<int>(axes.size()) == x.rank(), "permute: {} axes ({}) for shape {}", axes.size(),
        fmt::join(axes, ", "), x.shape());
  std::vector<int> inverse(axes.size(), -1);
  Shape shape = x.shape();
  for (size_t k = 0; k < axes.size(); ++k) {
    check(axes[k] >= 0 && axes[k] < x.rank() && inverse[static_cast<size_t>(axes[k])] == -1,
          "permute: ({}) is not a permutation of the axes of shape {}", fmt::join(axes, ", "), x.shape());
    inverse[static_cast<size_t>(axes[k])] = static_cast<int>(k);
    shape[static_cast<int>(k)] = x.dim(axes[k]);
  }
  const Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  x.backend().permute(x, axes, y);
  return record(y, "permute", {x},
                [inverse](const Tensor& grad) -> std::vector<Tensor> { return {permute(grad, inverse)}; });
}

Tensor transpose(const Tensor& x) {
  check_defined(x, "transpose", "x");
  check(x.rank() == 2, "transpose: x has shape {}, expected a matrix", x.shape());
  return permute(x, {1, 0});
}

Tensor concatenate(const std::vector<Tensor>& parts, int axis) {
  check(!parts.empty(), "concatenate: no tensors to join");
  for (const Tensor& part : parts) check_defined(part, "concatenate", "a part");
  const Tensor& first = parts.front();
  check(axis >= -first.rank() && axis < first.rank(), "concatenate: axis {} does not exist in {}", axis, first.shape());
  const int along = first.shape().normalize_axis(axis);
  Shape shape = first.shape();
  shape[along] = 0;
  for (const Tensor& part : parts) {
    check_alike(first, "the first part", part, "another", "concatenate");
    Shape others = part.shape();
    if (part.rank() == first.rank()) others[along] = first.dim(along);
    check(others == first.shape(), "concatenate: shapes {} and {} differ outside axis {}", first.shape(), part.shape(),
          along);
    shape[along] += part.dim(along);
  }

  const Tensor y = Tensor::empty(shape, first.dtype(), first.device());
  struct Piece {
    int64_t start, length;
    bool needed;
  };
  std::vector<Piece> pieces;
  int64_t start = 0;
  for (const Tensor& part : parts) {
    const int64_t length = part.dim(along);
    if (part.numel() > 0) y.backend().copy_slice(part, 0, y, start, length, along);
    pieces.push_back({start, length, tracks(part)});
    start += length;
  }
  return record(y, "concatenate", parts, [pieces, along](const Tensor& grad) {
    std::vector<Tensor> grads;
    for (const auto& [from, length, needed] : pieces)
      grads.push_back(needed ? slice(grad, along, from, length) : Tensor());
    return grads;
  });
}

Tensor slice(const Tensor& x, int axis, int64_t start, int64_t length) {
  check_defined(x, "slice", "x");
  check(axis >= -x.rank() && axis < x.rank(), "slice: axis {} does not exist in {}", axis, x.shape());
  const int along = x.shape().normalize_axis(axis);
  check(start >= 0 && length >= 0 && start <= x.dim(along) - length,
        "slice: {} elements from {} are not within axis {} of {}", length, start, along, x.shape());
  Shape shape = x.shape();
  shape[along] = length;
  const Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  if (y.numel() > 0) x.backend().copy_slice(x, start, y, 0, length, along);
  return record(y, "slice", {x}, [whole = x.shape(), along, start, length](const Tensor& grad) -> std::vector<Tensor> {
    const Tensor dx = Tensor::zeros(whole, grad.dtype(), grad.device());
    if (grad.numel() > 0) grad.backend().copy_slice(grad, 0, dx, start, length, along);
    return {dx};
  });
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) {
  check_defined(x, "broadcast_to", "x");
  check(broadcast_shape(x.shape(), shape, "broadcast_to") == shape, "broadcast_to: shape {} does not broadcast to {}",
        x.shape(), shape);
  const Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  x.backend().broadcast(x, y);
  return record(y, "broadcast_to", {x}, [](const Tensor& grad) -> std::vector<Tensor> { return {grad}; });
}

}  // namespace cofactor
