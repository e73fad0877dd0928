// Kernels that only move elements, of any dtype: broadcast, permute, slices, rows by index.
#pragma once

#include "engine/backends/cuda/kernels/elementwise.h"
#include "engine/backends/cuda/kernels/launch.h"
#include "engine/backends/cuda/kernels/packs.h"
#include "engine/backends/cuda/kernels/strides.h"
#include "engine/tensor.h"

namespace cofactor::cuda {

// y[i] = x[offset of i]
template <class T>
struct CopyStrided {
  const T* x;
  View at;
  T* y;
  COFACTOR_HD void operator()(int64_t i) const { y[i] = x[at.offset(i)]; }
};

// Runs of elements that follow each other in both tensors: run number k begins at x[x_first + k * x_step] and at
// y[y_first + k * y_step].
template <class T>
struct CopyRuns {
  const T* x;
  int64_t x_first, x_step, y_first, y_step;
  Divider run;  // by a run's length
  T* y;
  COFACTOR_HD void operator()(int64_t i) const {
    const int64_t k = run.quotient(i), rest = i - k * run.divisor();
    y[y_first + k * y_step + rest] = x[x_first + k * x_step + rest];
  }
};

// y_n = x[n, labels_n]
template <class T>
struct Gather {
  const T* x;
  const int32_t* labels;
  int64_t classes;
  T* y;
  COFACTOR_HD void operator()(int64_t n) const { y[n] = x[n * classes + labels[n]]; }
};

// dx[n, c] = g_n where c is n's label, else 0 (all bits zero in every dtype).
template <class T>
struct GatherVjp {
  const T* grad;
  const int32_t* labels;
  Divider classes;
  T* dx;
  COFACTOR_HD void operator()(int64_t i) const {
    const int64_t n = classes.quotient(i), c = i - n * classes.divisor();
    dx[i] = c == labels[n] ? grad[n] : T(0);
  }
};

// y[n, d] = table[indices_n, d]
template <class Table, class T>
struct Embedding {
  const Table* table;
  const int32_t* indices;
  Divider dims;
  T* y;
  template <int N>
  COFACTOR_HD void run(int64_t at) const {
    const int64_t n = dims.quotient(at), d = at - n * dims.divisor();
    const auto row = Pack<Table, N>::load(table + indices[n] * dims.divisor() + d);
    Compute<T> values[N];
    for (int k = 0; k < N; ++k) values[k] = convert<Compute<T>>(row[k]);
    Pack<T, N>::of(values).store(y + at);
  }
};

struct Iota {
  int32_t* y;
  COFACTOR_HD void operator()(int64_t i) const { y[i] = static_cast<int32_t>(i); }
};

// Thread (p, d): where position p begins a run of equal sorted indices, dtable[index, d] is the sum of its rows of g,
// in the order of the places. dtable is 0 beforehand. Rows are read several at a time: the run of a frequent index,
// such as a padding's, is long, and one thread sums it.
template <class T, class Out>
struct SumRuns {
  static constexpr int kAhead = 8;
  const T* grad;
  const int32_t *sorted, *places;
  int64_t count;
  Divider dims;
  Out* dtable;
  template <int N>
  COFACTOR_HD void run(int64_t at) const {
    const int64_t width = dims.divisor(), p = dims.quotient(at), d = at - p * width;
    const int32_t index = sorted[p];
    if (p > 0 && sorted[p - 1] == index) return;
    Compute<T> sum[N] = {};
    int64_t k = p;
    // Where the last of several is of the run, all are: the indices are sorted.
    for (; k + kAhead <= count && sorted[k + kAhead - 1] == index; k += kAhead) {
      Pack<T, N> rows[kAhead];
      for (int j = 0; j < kAhead; ++j) rows[j] = Pack<T, N>::load(grad + places[k + j] * width + d);
      for (int j = 0; j < kAhead; ++j)
        for (int c = 0; c < N; ++c) sum[c] += rows[j][c];
    }
    for (; k < count && sorted[k] == index; ++k) {
      const auto row = Pack<T, N>::load(grad + places[k] * width + d);
      for (int c = 0; c < N; ++c) sum[c] += row[c];
    }
    Pack<Out, N>::of(sum).store(dtable + index * width + d);
  }
};

template <class T>
T* as(const Tensor& x) {
  return static_cast<T*>(x.raw_data());
}

// Calls body.template operator()<U>(n) with the widest type U, n elements of `dtype` wide, of which all of the given
// numbers of elements are multiples and to which x and y are aligned: for kernels that only move.
template <class Body>
void dispatch_unit(DType dtype, const Tensor& x, const Tensor& y, std::initializer_list<int64_t> elements,
                   const Body& body) {
  const size_t size = size_of(dtype);
  uint64_t all = kPackBytes | reinterpret_cast<uintptr_t>(x.raw_data()) | reinterpret_cast<uintptr_t>(y.raw_data());
  for (const int64_t count : elements) all |= static_cast<uint64_t>(count) * size;
  const uint64_t unit = all & (~all + 1);  // the largest power of two that divides each of them
  const auto per_unit = static_cast<int64_t>(unit / size);
  switch (unit) {
    case 1: return body.template operator()<uint8_t>(per_unit);
    case 2: return body.template operator()<uint16_t>(per_unit);
    case 4: return body.template operator()<uint32_t>(per_unit);
    case 8: return body.template operator()<uint64_t>(per_unit);
    default: return body.template operator()<Pack<int32_t, 4>>(per_unit);
  }
}

// y[i] = x[view's offset of i]. Where neighbours in y are neighbours in x, they move in wider units.
template <class Launch>
void copy_strided(const Launch& launch, const Tensor& x, const View& view, const Tensor& y) {
  if (y.numel() == 0) return;
  const int last = view.rank - 1;
  uint64_t all = 0;  // has the trailing zeros of all numbers that must be multiples of a unit
  const bool neighbours = view.rank > 0 && view.strides[last] == 1;
  if (neighbours) all = static_cast<uint64_t>(view.extents[last].divisor());
  for (int axis = 0; axis < last; ++axis) all |= static_cast<uint64_t>(view.strides[axis]);
  dispatch_unit(x.dtype(), x, y, {neighbours ? static_cast<int64_t>(all) : 1}, [&]<class U>(int64_t per_unit) {
    View units = view;
    if (per_unit > 1) {
      units.extents[last] = Divider(view.extents[last].divisor() / per_unit);
      for (int axis = 0; axis < last; ++axis) units.strides[axis] /= per_unit;
    }
    launch.moves(bytes_of(x, y)).each(y.numel() / per_unit, CopyStrided<U>{as<U>(x), units, as<U>(y)});
  });
}

template <class Launch>
void broadcast(const Launch& launch, const Tensor& x, const Tensor& y) {
  copy_strided(launch, x, broadcast_view(x.shape(), y.shape()), y);
}

template <class Launch>
void permute(const Launch& launch, const Tensor& x, std::span<const int> axes, const Tensor& y) {
  const auto own = strides_of(x.shape());
  int64_t strides[Shape::kMaxRank] = {};
  for (size_t k = 0; k < axes.size(); ++k) strides[k] = own[static_cast<size_t>(x.shape().normalize_axis(axes[k]))];
  copy_strided(launch, x, view_of(y.shape(), {strides, axes.size()}), y);
}

// x (outer, x_extent, inner), y (outer, y_extent, inner): one run per index of the outer axes.
template <class Launch>
void copy_slice(const Launch& launch, const Tensor& x, int64_t x_start, const Tensor& y, int64_t y_start,
                int64_t length, int axis) {
  const int at = x.shape().normalize_axis(axis);
  int64_t outer = 1, inner = 1;
  for (int k = 0; k < at; ++k) outer *= x.dim(k);
  for (int k = at + 1; k < x.rank(); ++k) inner *= x.dim(k);
  const int64_t run = length * inner, x_first = x_start * inner, y_first = y_start * inner;
  const int64_t x_step = x.dim(at) * inner, y_step = y.dim(at) * inner;
  if (outer * run == 0) return;
  const int64_t bytes = 2 * outer * run * static_cast<int64_t>(size_of(x.dtype()));
  dispatch_unit(x.dtype(), x, y, {run, x_first, x_step, y_first, y_step}, [&]<class U>(int64_t n) {
    launch.moves(bytes).each(outer * run / n, CopyRuns<U>{as<U>(x), x_first / n, x_step / n, y_first / n, y_step / n,
                                                          Divider(run / n), as<U>(y)});
  });
}

template <class Launch>
void gather(const Launch& launch, const Tensor& x, const Tensor& labels, const Tensor& y) {
  dispatch_size(x.dtype(), [&]<class T>() {
    launch.moves(2 * bytes_of(y) + bytes_of(labels))
        .each(y.numel(), Gather<T>{as<T>(x), labels.data<int32_t>(), x.dim(1), as<T>(y)});
  });
}

template <class Launch>
void gather_vjp(const Launch& launch, const Tensor& grad, const Tensor& labels, const Tensor& dx) {
  dispatch_size(dx.dtype(), [&]<class T>() {
    launch.moves(bytes_of(grad, labels, dx))
        .each(dx.numel(), GatherVjp<T>{as<T>(grad), labels.data<int32_t>(), Divider(dx.dim(1)), as<T>(dx)});
  });
}

template <class Launch>
void embedding(const Launch& launch, const Tensor& table, const Tensor& indices, const Tensor& y) {
  const int64_t dims = table.dim(1);
  dispatch_floating(y.dtype(), "embedding", [&]<class T>() {
    const auto rows_of = [&](const auto* from) {
      using Table = std::remove_cvref_t<decltype(*from)>;
      constexpr int kSize = static_cast<int>(kPackBytes / sizeof(Table));
      T* to = y.data<T>();
      const int64_t read = y.numel() * static_cast<int64_t>(sizeof(Table));
      each_pack_in_rows<kSize>(launch.moves(read + bytes_of(indices, y)), y.numel(), dims, aligned_for_packs(from, to),
                               Embedding<Table, T>{from, indices.data<int32_t>(), Divider(dims), to});
    };
    if (table.dtype() == y.dtype()) {
      rows_of(table.data<T>());
    } else {
      rows_of(table.data<Compute<T>>());
    }
  });
}

// Without atomics: a stable sort of the indices makes each row's summands adjacent, in their original order.
template <class Launch>
void embedding_vjp(const Launch& launch, const Tensor& grad, const Tensor& indices, const Tensor& dtable) {
  const int64_t count = indices.numel(), dims = dtable.dim(1);
  const auto integers = [&] { return Tensor::empty({count}, DType::i32, indices.device()); };
  const Tensor order = integers(), sorted = integers(), places = integers();
  launch.moves(bytes_of(order)).each(count, Iota{order.data<int32_t>()});
  launch.moves(2 * bytes_of(indices, order))
      .sort_pairs(indices.data<int32_t>(), order.data<int32_t>(), count, sorted.data<int32_t>(),
                  places.data<int32_t>());
  dispatch_floating(grad.dtype(), "embedding", [&]<class T>() {
    const auto sum_into = [&](auto* out) {
      using Out = std::remove_pointer_t<decltype(out)>;
      constexpr int kSize = kPackSize<T>;
      const T* from = grad.data<T>();
      fill(launch, dtable, 0.0);
      each_pack_in_rows<kSize>(
          launch.moves(bytes_of(grad, sorted, places, dtable)), count * dims, dims, aligned_for_packs(from, out),
          SumRuns<T, Out>{from, sorted.data<int32_t>(), places.data<int32_t>(), count, Divider(dims), out});
    };
    if (dtable.dtype() == grad.dtype()) {
      sum_into(dtable.data<T>());
    } else {
      sum_into(dtable.data<Compute<T>>());
    }
  });
}

}  // namespace cofactor::cuda
