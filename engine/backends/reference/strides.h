// How broadcasting, permuting and reducing kernels find their operand's element: by strides, one division an axis.
#pragma once

#include <array>
#include <cstdint>

#include "engine/shape.h"

namespace cofactor::reference {

using Strides = std::array<int64_t, Shape::kMaxRank>;

// Where element number `i` (row-major) of `shape` lies in an operand whose axes have these strides, in elements.
inline int64_t offset_of(int64_t i, const Shape& shape, const Strides& strides) {
  int64_t offset = 0;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    offset += i % shape[axis] * strides[static_cast<size_t>(axis)];
    i /= shape[axis];
  }
  return offset;
}

// The strides with which `from` is read as if it had the shape `to`: axes are matched from the last one, and an axis
// that `from` lacks or has with extent 1 does not move.
inline Strides broadcast_strides(const Shape& from, const Shape& to) {
  const Strides own = strides_of(from);
  Strides result{};
  for (int axis = 1; axis <= from.rank(); ++axis)
    if (from[-axis] != 1) result[static_cast<size_t>(to.rank() - axis)] = own[static_cast<size_t>(from.rank() - axis)];
  return result;
}

}  // namespace cofactor::reference
