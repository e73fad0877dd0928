// Where an operand that is broadcast, permuted or sliced keeps its elements: by strides, with one division per axis.
#pragma once

#include <cstdint>
#include <span>

#include "engine/backends/cuda/kernels/divider.h"
#include "engine/shape.h"

namespace cofactor::cuda {

// Extents of the indices and the strides of one operand, as plain arrays that travel to the device by value. Axes that
// follow each other in memory are merged, so that the common cases cost no division.
struct View {
  int rank = 0;
  Divider extents[Shape::kMaxRank] = {};
  int64_t strides[Shape::kMaxRank] = {};

  // Where element number i (row-major over the extents) lies.
  COFACTOR_HD int64_t offset(int64_t i) const {
    int64_t offset = 0;
    for (int axis = rank - 1; axis > 0; --axis) {
      const int64_t rest = extents[axis].quotient(i);
      offset += (i - rest * extents[axis].divisor()) * strides[axis];
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
    const bool joins = view.rank > 0 && view.strides[view.rank - 1] == extent * stride;
    const int at = joins ? view.rank - 1 : view.rank++;
    view.extents[at] = Divider(joins ? view.extents[at].divisor() * extent : extent);
    view.strides[at] = stride;
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

// Two operands and their broadcast result seen as (rows, columns), where each operand has all of the rows or one, and
// all of the columns or one: equal shapes, a number, a row, a column. Not every pair of shapes has this form.
struct RowsView {
  // Where an operand keeps element (row, column): row * row_stride, and column further on where it has columns.
  struct Operand {
    int64_t row_stride = 0;
    bool has_columns = false;
  };
  bool found = false;
  int64_t rows = 1, columns = 1;
  Operand a, b;
};

inline RowsView rows_view(const Shape& a, const Shape& b, const Shape& y) {
  // Neighbouring axes form one, from the last on, where an operand has both of them or neither.
  struct Axes {
    int64_t extent = 1;
    bool in_a = false, in_b = false;
  };
  Axes groups[2];
  int count = 0;
  const auto has = [](const Shape& shape, int axis) { return axis <= shape.rank() && shape[-axis] != 1; };
  for (int axis = 1; axis <= y.rank(); ++axis) {
    if (y[-axis] == 1) continue;
    const bool in_a = has(a, axis), in_b = has(b, axis);
    if (count == 0 || groups[count - 1].in_a != in_a || groups[count - 1].in_b != in_b) {
      if (count == 2) return {};
      groups[count++] = {1, in_a, in_b};
    }
    groups[count - 1].extent *= y[-axis];
  }
  const auto& [columns, rows] = groups;
  const auto operand = [&](bool has_rows, bool has_columns) {
    return RowsView::Operand{has_rows ? (has_columns ? columns.extent : 1) : 0, has_columns};
  };
  return {true, rows.extent, columns.extent, operand(rows.in_a, columns.in_a), operand(rows.in_b, columns.in_b)};
}

}  // namespace cofactor::cuda
