// Elementwise kernels, a pack of elements per thread, on the formulas of elementwise_ops.h. Random draws.
#pragma once

#include "engine/backends/cuda/kernels/launch.h"
#include "engine/backends/cuda/kernels/packs.h"
#include "engine/backends/cuda/kernels/slots.h"
#include "engine/backends/cuda/kernels/strides.h"
#include "engine/captured_step.h"
#include "engine/elementwise_ops.h"
#include "engine/random.h"
#include "engine/tensor.h"

namespace cofactor::cuda {

template <class T>
struct Fill {
  Compute<T> value;
  T* y;
  template <int N>
  COFACTOR_HD void run(int64_t at) const {
    Compute<T> values[N];
    for (int k = 0; k < N; ++k) values[k] = value;
    Pack<T, N>::of(values).store(y + at);
  }
};

template <class From, class To>
struct Cast {
  const From* x;
  To* y;
  template <int N>
  COFACTOR_HD void run(int64_t at) const {
    const auto in = Pack<From, N>::load(x + at);
    Compute<To> values[N];
    for (int k = 0; k < N; ++k) values[k] = convert<Compute<To>>(in[k]);
    Pack<To, N>::of(values).store(y + at);
  }
};

// Casts of many tensors, one chunk of one tensor per group.
template <class From, class To>
struct CastSlots {
  SlotTable<2> slots;  // x, y
  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i) const {
    const auto chunk = slots.chunk(i);
    slots.template over<kPackSize<From, To>>(
        group, chunk, Cast<From, To>{slots.address<const From>(0, chunk.slot), slots.address<To>(1, chunk.slot)});
  }
};

template <class Op, class T>
struct Unary {
  const T* x;
  Compute<T> a;
  T* y;
  template <int N>
  COFACTOR_HD void run(int64_t at) const {
    const auto in = Pack<T, N>::load(x + at);
    Compute<T> values[N];
    for (int k = 0; k < N; ++k) values[k] = Op::forward(in[k], a);
    Pack<T, N>::of(values).store(y + at);
  }
};

// x and y are null where the formula does not read them.
template <class Op, class T>
struct UnaryVjp {
  const T *x, *y, *grad;
  Compute<T> a;
  T* dx;
  template <int N>
  COFACTOR_HD void run(int64_t at) const {
    Pack<T, N> in{}, out{};
    if constexpr (Op::kVjpReadsX) in = Pack<T, N>::load(x + at);
    if constexpr (Op::kVjpReadsY) out = Pack<T, N>::load(y + at);
    const auto g = Pack<T, N>::load(grad + at);
    Compute<T> values[N];
    for (int k = 0; k < N; ++k) values[k] = Op::vjp(in[k], out[k], g[k], a);
    Pack<T, N>::of(values).store(dx + at);
  }
};

// An operand of a RowsView.
template <class T>
struct RowsOperand {
  const T* x;
  RowsView::Operand place;
  template <int N>
  COFACTOR_HD Pack<T, N> read(int64_t row, int64_t column) const {
    const T* from = x + row * place.row_stride;
    if (place.has_columns) return Pack<T, N>::load(from + column);
    Compute<T> values[N];
    for (int k = 0; k < N; ++k) values[k] = widen(*from);
    return Pack<T, N>::of(values);
  }
};

template <class Op, class T>
struct BinaryRows {
  RowsOperand<T> a, b;
  Divider columns;
  T* y;
  template <int N>
  COFACTOR_HD void run(int64_t at) const {
    const int64_t row = columns.quotient(at), column = at - row * columns.divisor();
    const Pack<T, N> left = a.template read<N>(row, column), right = b.template read<N>(row, column);
    Compute<T> values[N];
    for (int k = 0; k < N; ++k) values[k] = Op::forward(left[k], right[k]);
    Pack<T, N>::of(values).store(y + at);
  }
};

// Any broadcasting, one element per thread.
template <class Op, class T>
struct BinaryAny {
  const T *a, *b;
  View at_a, at_b;
  T* y;
  COFACTOR_HD void operator()(int64_t i) const {
    y[i] = T(Op::forward(widen(a[at_a.offset(i)]), widen(b[at_b.offset(i)])));
  }
};

// A draw keeps an element where its unit_float is at least p, that is, where its upper 24 bits are at least
// p * 2^24. A block of the generator gives four words. kWhole: the first draw is the first of a block, so that a pack
// takes whole blocks.
template <class T, bool kWhole>
struct Dropout {
  static constexpr int kSize = std::max(4, kPackSize<T>);
  const T* x;
  uint32_t threshold;
  Compute<T> keep;  // 1 - p
  RandomDraws draws;
  const StepValues* captured;  // in a captured step: where the step's number is read
  T* y;

  template <int N>
  COFACTOR_HD void run(int64_t at) const {
    RandomKey now = draws.key;
    if (captured) now.step = captured->random_step;
    const uint64_t draw = draws.first + static_cast<uint64_t>(at);
    const auto in = Pack<T, N>::load(x + at);
    Compute<T> values[N] = {};
    if constexpr (N == 1) {
      const auto words = random_words(now, draw / 4);
      for (unsigned k = 0; k < 4; ++k)
        if (k == draw % 4) values[0] = dropped(in[0], words[k]);
    } else {
      for (int first = 0; first < N; first += 4) {
        const uint64_t position = draw + static_cast<uint64_t>(first);
        const auto words = kWhole ? random_words(now, position / 4) : four_random_words(now, position);
        for (int k = 0; k < 4; ++k) values[first + k] = dropped(in[first + k], words[static_cast<size_t>(k)]);
      }
    }
    Pack<T, N>::of(values).store(y + at);
  }
  COFACTOR_HD Compute<T> dropped(Compute<T> value, uint32_t word) const {
    return word >> 8 >= threshold ? value / keep : Compute<T>(0);
  }
};

// y_n: a class of row n, drawn with probability proportional to its weight; one thread per row.
template <class T>
struct Multinomial {
  const T* weights;
  int64_t classes;
  RandomDraws draws;
  const StepValues* captured;  // in a captured step: where the step's number is read
  int32_t* y;
  COFACTOR_HD void operator()(int64_t n) const {
    RandomKey now = draws.key;
    if (captured) now.step = captured->random_step;
    const uint32_t word = random_word(now, draws.first + static_cast<uint64_t>(n));
    y[n] = draw_class(weights + n * classes, classes, unit_float(word));
  }
};

template <class Launch>
void fill(const Launch& launch, const Tensor& y, double value) {
  dispatch_any(y.dtype(), [&]<class T>() {
    constexpr int kSize = kPackSize<T>;
    T* to = y.data<T>();
    each_pack<kSize>(launch.moves(bytes_of(y)), y.numel(), aligned_for_packs(to),
                     Fill<T>{convert<Compute<T>>(value), to});
  });
}

template <class Launch>
void cast(const Launch& launch, const Tensor& x, const Tensor& y) {
  dispatch_any(x.dtype(), [&]<class From>() {
    dispatch_any(y.dtype(), [&]<class To>() {
      constexpr int kSize = kPackSize<From, To>;
      const From* from = x.data<From>();
      To* to = y.data<To>();
      each_pack<kSize>(launch.moves(bytes_of(x, y)), y.numel(), aligned_for_packs(from, to), Cast<From, To>{from, to});
    });
  });
}

// In one launch for each direction between f32 and bf16; other casts one by one.
template <class Launch>
void cast_many(const Launch& launch, std::span<const CastSlot> slots) {
  const auto is = [](const CastSlot& slot, DType from, DType to) {
    return slot.x.dtype() == from && slot.y.dtype() == to;
  };
  const auto run = [&]<class From, class To>() {
    for_each_table<SlotTable<2>>(
        slots,
        [&](SlotTable<2>& table, const CastSlot& slot) {
          if (!is(slot, dtype_of<From>, dtype_of<To>)) return;
          const From* from = slot.x.data<From>();
          const To* to = slot.y.data<To>();
          table.add(slot.y.numel(), aligned_for_packs(from, to), 0, bytes_of(slot.x, slot.y), {from, to});
        },
        [&](const SlotTable<2>& table) {
          launch.moves(table.bytes()).groups(table.chunks(), CastSlots<From, To>{table});
        });
  };
  run.template operator()<float, bf16>();
  run.template operator()<bf16, float>();
  for (const CastSlot& slot : slots)
    if (!is(slot, DType::f32, DType::bf16) && !is(slot, DType::bf16, DType::f32)) cast(launch, slot.x, slot.y);
}

template <class Launch>
void unary(const Launch& launch, UnaryOp op, const Tensor& x, double a, const Tensor& y) {
  dispatch_floating(x.dtype(), name_of(op), [&]<class T>() {
    constexpr int kSize = kPackSize<T>;
    const T* from = x.data<T>();
    T* to = y.data<T>();
    dispatch_unary(op, [&]<class Op>() {
      each_pack<kSize>(launch.moves(bytes_of(x, y)), y.numel(), aligned_for_packs(from, to),
                       Unary<Op, T>{from, static_cast<Compute<T>>(a), to});
    });
  });
}

template <class Launch>
void unary_vjp(const Launch& launch, UnaryOp op, const Tensor& x, const Tensor& y, const Tensor& grad, double a,
               const Tensor& dx) {
  dispatch_floating(grad.dtype(), name_of(op), [&]<class T>() {
    constexpr int kSize = kPackSize<T>;
    dispatch_unary(op, [&]<class Op>() {
      const T* in = Op::kVjpReadsX ? x.data<T>() : nullptr;
      const T* out = Op::kVjpReadsY ? y.data<T>() : nullptr;
      const T* g = grad.data<T>();
      T* to = dx.data<T>();
      const int64_t bytes = bytes_of(Op::kVjpReadsX ? x : Tensor(), Op::kVjpReadsY ? y : Tensor(), grad, dx);
      each_pack<kSize>(launch.moves(bytes), dx.numel(), aligned_for_packs(in, out, g, to),
                       UnaryVjp<Op, T>{in, out, g, static_cast<Compute<T>>(a), to});
    });
  });
}

template <class Launch>
void binary(const Launch& launch, BinaryOp op, const Tensor& a, const Tensor& b, const Tensor& y) {
  const RowsView view = rows_view(a.shape(), b.shape(), y.shape());
  const auto counted = launch.moves(bytes_of(a, b, y));
  dispatch_floating(y.dtype(), name_of(op), [&]<class T>() {
    constexpr int kSize = kPackSize<T>;
    const T *left = a.data<T>(), *right = b.data<T>();
    T* to = y.data<T>();
    dispatch_binary(op, [&]<class Op>() {
      if (!view.found) {
        counted.each(y.numel(), BinaryAny<Op, T>{left, right, broadcast_view(a.shape(), y.shape()),
                                                 broadcast_view(b.shape(), y.shape()), to});
        return;
      }
      const bool fit = (view.rows == 1 || view.columns % kSize == 0) &&
                       aligned_for_packs(view.a.has_columns ? left : nullptr, view.b.has_columns ? right : nullptr, to);
      each_pack<kSize>(counted, y.numel(), fit,
                       BinaryRows<Op, T>{{left, view.a}, {right, view.b}, Divider(view.columns), to});
    });
  });
}

template <class Launch>
void dropout(const Launch& launch, const Tensor& x, double p, const RandomDraws& draws, const StepValues* captured,
             const Tensor& y) {
  const auto threshold = static_cast<uint32_t>(std::ceil(p * 0x1p24));
  dispatch_floating(x.dtype(), "dropout", [&]<class T>() {
    const T* from = x.data<T>();
    T* to = y.data<T>();
    const auto run = [&]<bool kWhole>() {
      using Kernel = Dropout<T, kWhole>;
      each_pack<Kernel::kSize>(launch.moves(bytes_of(x, y)), y.numel(), aligned_for_packs(from, to),
                               Kernel{from, threshold, static_cast<Compute<T>>(1.0 - p), draws, captured, to});
    };
    if (draws.first % 4 == 0)
      run.template operator()<true>();
    else
      run.template operator()<false>();
  });
}

template <class Launch>
void multinomial(const Launch& launch, const Tensor& weights, const RandomDraws& draws, const StepValues* captured,
                 const Tensor& y) {
  dispatch_floating(weights.dtype(), "multinomial", [&]<class T>() {
    launch.moves(bytes_of(weights, y))
        .each(y.numel(), Multinomial<T>{weights.data<T>(), weights.dim(1), draws, captured, y.data<int32_t>()});
  });
}

}  // namespace cofactor::cuda
