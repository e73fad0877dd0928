// Where an operand that is broadcast, permuted or sliced keeps its elements: by strides, with one division per axis.
#pragma once

#include <cstdint>
#include <span>

#include "engine/dtype.h"
#include "engine/shape.h"

namespace cofactor::cuda {

// Extents of the indices and the strides of one operand, as plain arrays that travel to the device by value. Axes that
// follow each other in memory are merged, so that the common cases cost no division.
struct View {
  int rank = 0;
  int64_t extents[Shape::kMaxRank] = {};
  int64_t strides[Shape::kMaxRank] = {};

  // Where element number i (row-major over the extents) lies.
  COFACTOR_HD int64_t offset(int64_t i) const {
    int64_t offset = 0;
    for (int axis = rank - 1; axis > 0; --axis) {
      const int64_t rest = i / extents[axis];
      offset += (i - rest * extents[axis]) * strides[axis];
      i = rest;
    }
    return rank == 0 ? 0 : offset + i * strides[0];
  }
};

// A view of `extents` with `strides`: axes of extent 1 go, and an axis joins the one before it where one step of that
// is the whole of this.
inline View view_of(const Shape& extents, std::span<const int64_t> strides) {
  View view;
  for (int axis = 0; axis < extents.rank(); ++axis) {
    const int64_t extent = extents[axis], stride = strides[static_cast<size_t>(axis)];
    if (extent == 1) continue;
    if (view.rank > 0 && view.strides[view.rank - 1] == extent * stride) {
      view.extents[view.rank - 1] *= extent;
      view.strides[view.rank - 1] = stride;
    } else {
      view.extents[view.rank] = extent;
      view.strides[view.rank++] = stride;
    }
  }
  return view;
}

// `from` read as if it had the shape `to`: an axis that it lacks, or has with extent 1, does not move.
inline View broadcast_view(const Shape& from, const Shape& to) {
  const auto own = strides_of(from);
  int64_t strides[Shape::kMaxRank] = {};
  for (int axis = 1; axis <= from.rank(); ++axis)
    if (from[-axis] != 1) strides[to.rank() - axis] = own[static_cast<size_t>(from.rank() - axis)];
  return view_of(to, {strides, static_cast<size_t>(to.rank())});
}

}  // namespace cofactor::cuda
