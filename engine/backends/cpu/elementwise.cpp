// Elementwise kernels: the formulas of scalar_functions.h in loops that the compiler vectorises.
#include <algorithm>
#include <array>
#include <optional>

#include "engine/backends/cpu/backend.h"
#include "engine/backends/cpu/parallel.h"

namespace cofactor {

using cpu::parallel_for;

namespace {

bool is_f32(const Tensor& x) {
  return x.dtype() == DType::f32;
}

// How an operand of a broadcast is read when the result is seen as rows of `columns` elements: element (r, c) lies at
// r * row_step + c * column_step.
struct Operand {
  int64_t row_step, column_step;
};
struct RowView {
  int64_t columns;
  Operand a, b;
};

// The extents of the smaller operand without the leading ones.
int64_t suffix_length(const Shape& small, const Shape& y) {
  int64_t columns = 1;
  int matched = 0;
  for (int axis = 1; axis <= small.rank(); ++axis) {
    if (small[-axis] != y[-axis]) break;
    columns *= small[-axis];
    ++matched;
  }
  for (int axis = matched + 1; axis <= small.rank(); ++axis)
    if (small[-axis] != 1) return 0;
  return columns;
}

// The number of rows where `small` has y's extents first and ones after: one value for each row.
int64_t prefix_length(const Shape& small, const Shape& y) {
  if (small.rank() != y.rank()) return 0;
  int64_t rows = 1;
  int axis = 0;
  for (; axis < y.rank() && small[axis] == y[axis]; ++axis) rows *= y[axis];
  for (; axis < y.rank(); ++axis)
    if (small[axis] != 1) return 0;
  return rows;
}

// The smaller operand as a scalar, a row or a column beside a full one; nothing for any other broadcast.
std::optional<std::pair<int64_t, Operand>> small_operand(const Shape& small, const Shape& y) {
  const int64_t count = y.numel();
  if (small.numel() == 1) return {{count, {0, 0}}};
  if (const int64_t columns = suffix_length(small, y); columns == small.numel()) return {{columns, {0, 1}}};
  if (const int64_t rows = prefix_length(small, y); rows == small.numel()) return {{count / rows, {1, 0}}};
  return std::nullopt;
}

std::optional<RowView> row_view(const Shape& a, const Shape& b, const Shape& y) {
  if (y.numel() == 0) return std::nullopt;
  if (a.numel() == y.numel() && b.numel() == y.numel()) return RowView{y.numel(), {0, 1}, {0, 1}};
  if (a.numel() == y.numel())
    if (const auto small = small_operand(b, y)) return RowView{small->first, {small->first, 1}, small->second};
  if (b.numel() == y.numel())
    if (const auto small = small_operand(a, y)) return RowView{small->first, small->second, {small->first, 1}};
  return std::nullopt;
}

// One run of c = begin .. end of one row.
template <BinaryOp op>
void binary_run(const float* a, int64_t step_a, const float* b, int64_t step_b, float* y, int64_t count) {
  if (step_a == 1 && step_b == 1) {
    for (int64_t i = 0; i < count; ++i) y[i] = scalar::binary<op>(a[i], b[i]);
  } else if (step_a == 1) {
    for (int64_t i = 0; i < count; ++i) y[i] = scalar::binary<op>(a[i], *b);
  } else {
    for (int64_t i = 0; i < count; ++i) y[i] = scalar::binary<op>(*a, b[i * step_b]);
  }
}

constexpr bool is_transcendental(UnaryOp op) {
  return op == UnaryOp::exp || op == UnaryOp::log || op == UnaryOp::tanh || op == UnaryOp::sigmoid ||
         op == UnaryOp::pow_scalar;
}

}  // namespace

void CpuBackend::fill(const Tensor& y, double value) {
  if (!is_f32(y)) return ReferenceBackend::fill(y, value);
  float* out = y.data<float>();
  parallel_for(y.numel(), 1,
               [=](int64_t begin, int64_t end) { std::fill(out + begin, out + end, static_cast<float>(value)); });
}

void CpuBackend::unary(UnaryOp op, const Tensor& x, double a, const Tensor& y) {
  if (!is_f32(x)) return ReferenceBackend::unary(op, x, a, y);
  const float* in = x.data<float>();
  float* out = y.data<float>();
  const auto scalar_argument = static_cast<float>(a);
  dispatch_unary(op, [&]<UnaryOp kOp>() {
    parallel_for(y.numel(), is_transcendental(kOp) ? 16 : 1, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = scalar::unary<kOp>(in[i], scalar_argument);
    });
  });
}

void CpuBackend::unary_vjp(UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a,
                           const Tensor& dx) {
  if (!is_f32(grad)) return ReferenceBackend::unary_vjp(op, x, y, grad, a, dx);
  const float* g = grad.data<float>();
  float* out = dx.data<float>();
  const auto scalar_argument = static_cast<float>(a);
  dispatch_unary(op, [&]<UnaryOp kOp>() {
    // Where the formula does not read x or y, grad stands in: a pointer that is there and goes unread.
    const float* in = scalar::vjp_reads_input(kOp) ? x.data<float>() : g;
    const float* result = scalar::vjp_reads_output(kOp) ? y.data<float>() : g;
    parallel_for(grad.numel(), kOp == UnaryOp::pow_scalar ? 16 : 1, [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) out[i] = scalar::unary_vjp<kOp>(in[i], result[i], g[i], scalar_argument);
    });
  });
}

void CpuBackend::binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) {
  const auto rows = is_f32(y) ? row_view(a.shape(), b.shape(), y.shape()) : std::nullopt;
  if (!rows) return ReferenceBackend::binary(op, a, b, y);
  const float* left = a.data<float>();
  const float* right = b.data<float>();
  float* out = y.data<float>();
  dispatch_binary(op, [&]<BinaryOp kOp>() {
    parallel_for(y.numel(), 1, [=, view = *rows](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end;) {  // row by row, from wherever this thread's range begins
        const int64_t row = i / view.columns;
        const int64_t column = i % view.columns;
        const int64_t count = std::min(view.columns - column, end - i);
        binary_run<kOp>(left + row * view.a.row_step + column * view.a.column_step, view.a.column_step,
                        right + row * view.b.row_step + column * view.b.column_step, view.b.column_step, out + i,
                        count);
        i += count;
      }
    });
  });
}

namespace {

constexpr int kLanes = 8;  // Philox blocks computed side by side: one AVX-512 register of 64-bit products

// The words of blocks first .. first + kLanes - 1 of a stream, in order: the loop of random_words, lane by lane, in a
// form that the compiler vectorises.
void random_words_of(const RandomKey& key, uint64_t first, std::array<uint32_t, 4 * kLanes>& words) {
  uint64_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
  const uint64_t stream = static_cast<uint32_t>(static_cast<uint32_t>(key.purpose) << 24 ^ key.index);
  for (uint64_t lane = 0; lane < kLanes; ++lane) {
    c0[lane] = (first + lane) & 0xffffffffu;
    c1[lane] = ((first + lane) >> 32) ^ stream;
    c2[lane] = key.step & 0xffffffffu;
    c3[lane] = key.step >> 32;
  }
  uint64_t key0 = key.seed & 0xffffffffu;
  uint64_t key1 = key.seed >> 32;
  for (int round = 0; round < 10; ++round) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const uint64_t product0 = 0xD2511F53u * c0[lane];
      const uint64_t product1 = 0xCD9E8D57u * c2[lane];
      c0[lane] = (product1 >> 32) ^ c1[lane] ^ key0;
      c1[lane] = product1 & 0xffffffffu;
      c2[lane] = (product0 >> 32) ^ c3[lane] ^ key1;
      c3[lane] = product0 & 0xffffffffu;
    }
    key0 = (key0 + 0x9E3779B9u) & 0xffffffffu;
    key1 = (key1 + 0xBB67AE85u) & 0xffffffffu;
  }
  for (size_t lane = 0; lane < kLanes; ++lane) {
    words[4 * lane] = static_cast<uint32_t>(c0[lane]);
    words[4 * lane + 1] = static_cast<uint32_t>(c1[lane]);
    words[4 * lane + 2] = static_cast<uint32_t>(c2[lane]);
    words[4 * lane + 3] = static_cast<uint32_t>(c3[lane]);
  }
}

}  // namespace

// y_i = x_i / (1 - p) where the element's draw is at least p, else 0.
void CpuBackend::dropout(const Tensor& x, double p, const RandomKey& key, const Tensor& y) {
  if (!is_f32(x)) return ReferenceBackend::dropout(x, p, key, y);
  const float* in = x.data<float>();
  float* out = y.data<float>();
  constexpr int64_t kGroup = 4 * kLanes;
  const int64_t count = x.numel();
  const auto threshold = static_cast<float>(p);
  const auto scale = static_cast<float>(1.0 / (1.0 - p));
  parallel_for((count + kGroup - 1) / kGroup, kGroup * 4, [=, &key](int64_t begin, int64_t end) {
    std::array<uint32_t, 4 * kLanes> words;
    for (int64_t group = begin; group < end; ++group) {
      random_words_of(key, static_cast<uint64_t>(group) * kLanes, words);
      const int64_t first = group * kGroup;
      const int64_t size = std::min(kGroup, count - first);
      for (int64_t i = 0; i < size; ++i)
        out[first + i] = unit_float(words[static_cast<size_t>(i)]) >= threshold ? in[first + i] * scale : 0.0f;
    }
  });
}

}  // namespace cofactor
