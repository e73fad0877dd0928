#include "engine/shape.h"

namespace cofactor {

Shape::Shape(std::span<const int64_t> dims) {
  for (int64_t extent : dims) push_back(extent);
}

void Shape::push_back(int64_t extent) {
  check(rank_ < kMaxRank, "shape: rank {} is the largest, cannot add an axis of extent {}", kMaxRank, extent);
  check(extent >= 0, "shape: axis {} has the negative extent {}", rank_, extent);
  dims_[static_cast<size_t>(rank_++)] = extent;
}

int64_t Shape::numel() const {
  int64_t count = 1;
  for (int64_t extent : *this)
    check(!__builtin_mul_overflow(count, extent, &count), "shape: {} has too many elements for 64 bits", *this);
  return count;
}

int Shape::normalize_axis(int axis) const {
  check(axis >= -rank_ && axis < rank_, "shape: axis {} does not exist in {}", axis, *this);
  return axis < 0 ? axis + rank_ : axis;
}

Shape broadcast_shape(const Shape& a, const Shape& b, std::string_view op) {
  Shape result = a.rank() >= b.rank() ? a : b;
  for (int axis = 1; axis <= std::min(a.rank(), b.rank()); ++axis) {
    const int64_t left = a[-axis];
    const int64_t right = b[-axis];
    check(left == right || left == 1 || right == 1, "{}: shapes {} and {} do not broadcast, extents {} and {} differ",
          op, a, b, left, right);
    result[-axis] = left == 1 ? right : left;
  }
  return result;
}

std::array<int64_t, Shape::kMaxRank> strides_of(const Shape& shape) {
  std::array<int64_t, Shape::kMaxRank> strides{};
  int64_t stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[static_cast<size_t>(axis)] = stride;
    stride *= shape[axis];
  }
  return strides;
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (int axis = 0; axis < shape.rank(); ++axis) text += (axis ? ", " : "") + std::to_string(shape[axis]);
  return text + ")";
}

}  // namespace cofactor
