// Reductions over a block of neighbouring axes, and softmax by rows.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "engine/backends/cpu/backend.h"
#include "engine/backends/cpu/dispatch.h"
#include "engine/backends/cpu/in_f32.h"
#include "engine/backends/cpu/parallel.h"

namespace cofactor {

using cpu::parallel_for;

namespace {

// x viewed as (outer, reduced, inner); the middle axis is reduced.
struct Block {
  int64_t outer = 1, reduced = 1, inner = 1;
};

std::optional<Block> reduced_block(const Shape& x, const Shape& y) {
  Block block;
  int axis = 0;
  for (; axis < x.rank() && x[axis] == y[axis]; ++axis) block.outer *= x[axis];
  for (; axis < x.rank() && y[axis] == 1; ++axis) block.reduced *= x[axis];
  for (; axis < x.rank(); ++axis) {
    if (x[axis] != y[axis]) return std::nullopt;
    block.inner *= x[axis];
  }
  return block;
}

// total[i] += sum over rows of x[row, i], where a row has `inner` elements. Sums are in double.
template <class T>
void add_rows(const T* x, int64_t rows, int64_t inner, double* total) {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < inner; ++i) total[i] += widen(x[row * inner + i]);
}

template <class T>
void max_rows(const T* x, int64_t rows, int64_t inner, double* total) {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < inner; ++i) {
      const double value = widen(x[row * inner + i]);
      if (value > total[i] || std::isnan(value)) total[i] = value;
    }
}

template <class T>
using Combine = void (*)(const T*, int64_t, int64_t, double*);

// The reduction of `rows` rows into total (inner). Where `split`, over threads: each reduces a range, then the ranges'
// results are combined in order, so that the result depends only on the number of threads.
template <class T>
void reduce_rows(Combine<T> combine, bool is_max, bool split, const T* x, int64_t rows, int64_t inner, double* total) {
  const double start = is_max ? -std::numeric_limits<double>::infinity() : 0.0;
  std::fill_n(total, inner, start);
  if (rows * inner < cpu::kParallelElements || !split) return combine(x, rows, inner, total);
  const int64_t ranges = std::min(cpu::num_threads(), rows);
  std::vector<double> partial(static_cast<size_t>(ranges * inner), start);
  parallel_for(ranges, rows * inner, [&](int64_t begin, int64_t end) {
    for (int64_t range = begin; range < end; ++range) {
      const int64_t first = rows * range / ranges;
      combine(x + first * inner, rows * (range + 1) / ranges - first, inner, partial.data() + range * inner);
    }
  });
  for (int64_t range = 0; range < ranges; ++range)
    for (int64_t i = 0; i < inner; ++i) {
      const double value = partial[static_cast<size_t>(range * inner + i)];
      if (!is_max) {
        total[i] += value;
      } else if (value > total[i] || std::isnan(value)) {
        total[i] = value;
      }
    }
}

template <class T, class Y>
void reduce_block(ReduceOp op, const T* x, const Block& b, Y* y) {
  const bool is_max = op == ReduceOp::max;
  const Combine<T> combine = is_max ? max_rows<T> : add_rows<T>;
  const double factor = op == ReduceOp::mean ? 1.0 / static_cast<double>(b.reduced) : 1.0;
  const auto reduce_outer = [=](int64_t begin, int64_t end) {
    std::vector<double> total(static_cast<size_t>(b.inner));
    for (int64_t o = begin; o < end; ++o) {
      reduce_rows(combine, is_max, b.outer == 1, x + o * b.reduced * b.inner, b.reduced, b.inner, total.data());
      for (int64_t i = 0; i < b.inner; ++i) y[o * b.inner + i] = convert<Y>(total[static_cast<size_t>(i)] * factor);
    }
  };
  if (b.outer == 1) {
    reduce_outer(0, 1);
  } else {
    parallel_for(b.outer, b.reduced * b.inner, reduce_outer);
  }
}

}  // namespace

// y = sum, mean or max of x over the axes in which y has extent 1.
void CpuBackend::reduce(ReduceOp op, const Tensor& x, const Tensor& y) {
  const auto block = cpu::serves(x.dtype()) ? reduced_block(x.shape(), y.shape()) : std::nullopt;
  if (x.dtype() == DType::bf16 && !block)
    return cpu::in_f32(*this, [&](auto& f32) { reduce(op, f32.input(x), f32.output(y)); });
  if (!block || x.numel() == 0) return ReferenceBackend::reduce(op, x, y);
  cpu::dispatch(x.dtype(), [&]<class T>() {
    cpu::dispatch(y.dtype(), [&]<class Y>() { reduce_block(op, x.data<T>(), *block, y.data<Y>()); });
  });
}

// y = exp(x - max) / sum exp(x - max), or its logarithm x - max - log sum exp(x - max), by row.
void CpuBackend::softmax(const Tensor& x, bool log, const Tensor& y) {
  if (x.dtype() == DType::bf16)
    return cpu::in_f32(*this, [&](auto& f32) { softmax(f32.input(x), log, f32.output(y)); });
  if (x.dtype() != DType::f32 || x.numel() == 0) return ReferenceBackend::softmax(x, log, y);
  const int64_t classes = x.dim(-1);
  const float* in = x.data<float>();
  float* out = y.data<float>();
  parallel_for(x.numel() / classes, classes * 16, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = in + row * classes;
      float* to = out + row * classes;
      const float largest = *std::max_element(from, from + classes);
      float total = 0.0f;
      for (int64_t c = 0; c < classes; ++c) total += to[c] = std::exp(from[c] - largest);
      const float log_total = std::log(total);
      for (int64_t c = 0; c < classes; ++c) to[c] = log ? from[c] - largest - log_total : to[c] / total;
    }
  });
}

// dx = y * (g - sum(g y)), or g - exp(y) * sum(g) for the logarithm, by row.
void CpuBackend::softmax_vjp(const Tensor& y, const Tensor& grad, bool log, const Tensor& dx) {
  if (y.dtype() == DType::bf16)
    return cpu::in_f32(*this, [&](auto& f32) { softmax_vjp(f32.input(y), f32.input(grad), log, f32.output(dx)); });
  if (y.dtype() != DType::f32 || y.numel() == 0) return ReferenceBackend::softmax_vjp(y, grad, log, dx);
  const int64_t classes = y.dim(-1);
  const float* result = y.data<float>();
  const float* g = grad.data<float>();
  float* out = dx.data<float>();
  parallel_for(y.numel() / classes, classes * 16, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* yr = result + row * classes;
      const float* gr = g + row * classes;
      float total = 0.0f;
      for (int64_t c = 0; c < classes; ++c) total += log ? gr[c] : gr[c] * yr[c];
      for (int64_t c = 0; c < classes; ++c)
        out[row * classes + c] = log ? gr[c] - std::exp(yr[c]) * total : yr[c] * (gr[c] - total);
    }
  });
}

}  // namespace cofactor
