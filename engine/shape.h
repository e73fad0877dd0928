// The extents of a tensor.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "engine/error.h"

namespace cofactor {

// Up to six extents, row-major: the last one is contiguous. A scalar has rank 0 and one element.
// Stored inline: making a shape allocates nothing.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span<const int64_t>(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const int64_t> dims);

  int rank() const { return rank_; }
  // Extent of an axis; negative axes count from the end, as in PyTorch. Throws Error where there is no such axis.
  int64_t dim(int axis) const { return dims_[static_cast<size_t>(normalize_axis(axis))]; }
  int64_t operator[](int axis) const { return dim(axis); }
  int64_t& operator[](int axis) { return dims_[static_cast<size_t>(normalize_axis(axis))]; }
  // Number of elements: the product of the extents.
  int64_t numel() const;
  // The axis counted from the front. Throws Error where it lies outside [-rank, rank).
  int normalize_axis(int axis) const;
  void push_back(int64_t extent);

  const int64_t* begin() const { return dims_.data(); }
  const int64_t* end() const { return dims_.data() + rank_; }
  bool operator==(const Shape& other) const { return std::ranges::equal(*this, other); }

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

// The shape of an elementwise result under NumPy's broadcasting rules. Throws Error, naming `op`, where the extents
// of an axis differ and neither is 1.
Shape broadcast_shape(const Shape& a, const Shape& b, std::string_view op);

// Row-major strides, in elements.
std::array<int64_t, Shape::kMaxRank> strides_of(const Shape& shape);

// "(128, 28, 28, 1)"
std::string to_string(const Shape& shape);

}  // namespace cofactor

template <>
struct fmt::formatter<cofactor::Shape> : fmt::formatter<fmt::string_view> {
  fmt::format_context::iterator format(const cofactor::Shape& value, fmt::format_context& context) const;
};
