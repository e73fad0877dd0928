// Elementwise kernels: the formulas of elementwise_ops.h in loops that the compiler vectorises.
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>

#include "engine/backends/cpu/backend.h"
#include "engine/backends/cpu/dispatch.h"
#include "engine/backends/cpu/parallel.h"
#include "engine/backends/cpu/vectors.h"
#include "engine/elementwise_ops.h"

namespace cofactor {

using cpu::parallel_for;

namespace {

// How an operand of a broadcast is read where the result is viewed as rows of `columns` elements: element (r, c) is at
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

// The number of rows where `small` has y's leading extents and then ones: one value per row.
int64_t prefix_length(const Shape& small, const Shape& y) {
  if (small.rank() != y.rank()) return 0;
  int64_t rows = 1;
  int axis = 0;
  for (; axis < y.rank() && small[axis] == y[axis]; ++axis) rows *= y[axis];
  for (; axis < y.rank(); ++axis)
    if (small[axis] != 1) return 0;
  return rows;
}

// The smaller operand as a scalar, a row or a column; nothing for any other broadcast.
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
template <class Op, class T>
void binary_run(const T* a, int64_t step_a, const T* b, int64_t step_b, T* y, int64_t count) {
  if (step_a == 1 && step_b == 1) {
    for (int64_t i = 0; i < count; ++i) y[i] = convert<T>(Op::forward(widen(a[i]), widen(b[i])));
  } else if (step_a == 1) {
    for (int64_t i = 0; i < count; ++i) y[i] = convert<T>(Op::forward(widen(a[i]), widen(*b)));
  } else {
    for (int64_t i = 0; i < count; ++i) y[i] = convert<T>(Op::forward(widen(*a), widen(b[i * step_b])));
  }
}

}  // namespace

void CpuBackend::fill(const Tensor& y, double value) {
  if (!cpu::serves(y.dtype())) return ReferenceBackend::fill(y, value);
  cpu::dispatch(y.dtype(), [&]<class T>() {
    T* out = y.data<T>();
    parallel_for(y.numel(), 1,
                 [=](int64_t begin, int64_t end) { std::fill(out + begin, out + end, convert<T>(value)); });
  });
}

// Between f32 and bf16, for compute copies and gradients.
void CpuBackend::cast(const Tensor& x, const Tensor& y) {
  if (!cpu::serves(x.dtype()) || !cpu::serves(y.dtype())) return ReferenceBackend::cast(x, y);
  cpu::dispatch(x.dtype(), [&]<class From>() {
    cpu::dispatch(y.dtype(), [&]<class To>() {
      const From* in = x.data<From>();
      To* out = y.data<To>();
      parallel_for(y.numel(), 1, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) out[i] = convert<To>(in[i]);
      });
    });
  });
}

void CpuBackend::unary(UnaryOp op, const Tensor& x, double a, const Tensor& y) {
  if (!cpu::serves(x.dtype())) return ReferenceBackend::unary(op, x, a, y);
  cpu::dispatch(x.dtype(), [&]<class T>() {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    const auto scalar_argument = static_cast<float>(a);
    dispatch_unary(op, [&]<class Op>() {
      parallel_for(y.numel(), Op::kCost, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) out[i] = convert<T>(Op::forward(widen(in[i]), scalar_argument));
      });
    });
  });
}

void CpuBackend::unary_vjp(UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a,
                           const Tensor& dx) {
  if (!cpu::serves(grad.dtype())) return ReferenceBackend::unary_vjp(op, x, y, grad, a, dx);
  cpu::dispatch(grad.dtype(), [&]<class T>() {
    const T* g = grad.data<T>();
    T* out = dx.data<T>();
    const auto scalar_argument = static_cast<float>(a);
    dispatch_unary(op, [&]<class Op>() {
      // Where the formula does not read x or y, grad's pointer takes its place and is not read.
      const T* in = Op::kVjpReadsX ? x.data<T>() : g;
      const T* result = Op::kVjpReadsY ? y.data<T>() : g;
      parallel_for(grad.numel(), Op::kVjpCost, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
          out[i] = convert<T>(Op::vjp(widen(in[i]), widen(result[i]), widen(g[i]), scalar_argument));
      });
    });
  });
}

void CpuBackend::binary(BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) {
  const auto rows = cpu::serves(y.dtype()) ? row_view(a.shape(), b.shape(), y.shape()) : std::nullopt;
  if (!rows) return ReferenceBackend::binary(op, a, b, y);
  cpu::dispatch(y.dtype(), [&]<class T>() {
    const T* left = a.data<T>();
    const T* right = b.data<T>();
    T* out = y.data<T>();
    dispatch_binary(op, [&]<class Op>() {
      parallel_for(y.numel(), 1, [=, view = *rows](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end;) {  // row by row, from wherever this thread's range begins
          const int64_t row = i / view.columns;
          const int64_t column = i % view.columns;
          const int64_t count = std::min(view.columns - column, end - i);
          binary_run<Op>(left + row * view.a.row_step + column * view.a.column_step, view.a.column_step,
                         right + row * view.b.row_step + column * view.b.column_step, view.b.column_step, out + i,
                         count);
          i += count;
        }
      });
    });
  });
}

namespace {

// A register of 64-bit lanes (GCC's and Clang's vector types), of which Philox uses the lower halves.
using Lanes = uint64_t __attribute__((vector_size(cpu::kVectorBytes)));
constexpr int kBlockLanes = cpu::kVectorBytes / 8;
constexpr int kGroups = 2;                      // registers in flight, to hide the latency of multiplications
constexpr int kBlocks = kBlockLanes * kGroups;  // Philox blocks side by side
constexpr int64_t kWords = 4 * kBlocks;         // the words they make

// 0, 1, 2, ...
inline Lanes lane_numbers() {
  std::array<uint64_t, kBlockLanes> numbers{};
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
  return std::bit_cast<Lanes>(numbers);
}

// The lanes of a and b in turn, from lane `first` of both: a[first], b[first], a[first + 1], b[first + 1], ...
inline Lanes interleave(Lanes a, Lanes b, size_t first) {
  std::array<uint64_t, kBlockLanes> chosen{};
  for (size_t i = 0; i < chosen.size(); ++i) chosen[i] = first + i / 2 + (i % 2) * kBlockLanes;
  return __builtin_shuffle(a, b, std::bit_cast<Lanes>(chosen));
}

// a * b of the lower halves, by an instruction that GCC 12 does not choose by itself.
inline Lanes multiply(Lanes a, uint64_t b) {
#if defined(__AVX512F__)
  return reinterpret_cast<Lanes>(
      _mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a), _mm512_set1_epi64(static_cast<int64_t>(b))));
#elif defined(__AVX2__)
  return reinterpret_cast<Lanes>(
      _mm256_mul_epu32(reinterpret_cast<__m256i>(a), _mm256_set1_epi64x(static_cast<int64_t>(b))));
#else
  return (a & 0xffffffffu) * b;
#endif
}

// The words of blocks first .. first + kBlocks - 1 of a stream, in order: random_words (engine/random.h), side by side.
inline void random_words_from(const RandomKey& key, uint64_t first, uint32_t* words) {
  const uint64_t stream = static_cast<uint32_t>(static_cast<uint32_t>(key.purpose) << 24 ^ key.index);
  Lanes c0[kGroups], c1[kGroups], c2[kGroups], c3[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    const Lanes block = lane_numbers() + (first + kBlockLanes * static_cast<uint64_t>(g));
    c0[g] = block & 0xffffffffu;
    c1[g] = (block >> 32) ^ stream;
    c2[g] = Lanes{} + (key.step & 0xffffffffu);
    c3[g] = Lanes{} + (key.step >> 32);
  }
  auto key0 = static_cast<uint32_t>(key.seed);
  auto key1 = static_cast<uint32_t>(key.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int g = 0; g < kGroups; ++g) {
      const Lanes product0 = multiply(c0[g], 0xD2511F53u);
      const Lanes product1 = multiply(c2[g], 0xCD9E8D57u);
      c0[g] = (product1 >> 32) ^ c1[g] ^ uint64_t { key0 };
      c1[g] = product1 & 0xffffffffu;
      c2[g] = (product0 >> 32) ^ c3[g] ^ uint64_t { key1 };
      c3[g] = product0 & 0xffffffffu;
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  for (int g = 0; g < kGroups; ++g) {  // from one register a word's number to the words of one block after another
    const Lanes front = c0[g] | (c1[g] << 32);
    const Lanes back = c2[g] | (c3[g] << 32);
    const Lanes halves[2] = {interleave(front, back, 0), interleave(front, back, kBlockLanes / 2)};
    std::memcpy(words + 4 * kBlockLanes * g, halves, sizeof(halves));
  }
}

}  // namespace

// y_i = x_i / (1 - p) where the element's draw is at least p, else 0.
void CpuBackend::dropout(const Tensor& x, double p, const RandomDraws& draws, const Tensor& y) {
  if (!cpu::serves(x.dtype())) return ReferenceBackend::dropout(x, p, draws, y);
  const int64_t count = x.numel();
  cpu::dispatch(x.dtype(), [&]<class T>() {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    // Parts begin at blocks. Of the first part's words the first ones may come before the first draw.
    const uint64_t first_block = draws.first / 4;
    const auto skipped = static_cast<int64_t>(draws.first % 4);
    const int64_t parts = (skipped + count + kWords - 1) / kWords;
    parallel_for(parts, kWords * 4, [=, &key = draws.key](int64_t begin, int64_t end) {
      // Local variables, so that the compiler knows that no store changes them and vectorises the loop.
      const auto threshold = static_cast<float>(p);
      const auto scale = static_cast<float>(1.0 / (1.0 - p));
      alignas(64) uint32_t words[kWords];
      for (int64_t part = begin; part < end; ++part) {
        random_words_from(key, first_block + static_cast<uint64_t>(part) * kBlocks, words);
        if (part == 0 && skipped > 0) std::copy(words + skipped, words + kWords, words);
        const int64_t first = part == 0 ? 0 : part * kWords - skipped;
        const int64_t size = std::min(part == 0 ? kWords - skipped : kWords, count - first);
        for (int64_t i = 0; i < size; ++i) {
          // A bit mask: without AVX-512 GCC compiles a conditional to a branch and does not vectorise.
          const uint32_t kept = unit_float(words[i]) >= threshold ? ~0u : 0u;
          words[i] = std::bit_cast<uint32_t>(widen(in[first + i]) * scale) & kept;
        }
        for (int64_t i = 0; i < size; ++i) out[first + i] = convert<T>(std::bit_cast<float>(words[i]));
      }
    });
  });
}

}  // namespace cofactor
