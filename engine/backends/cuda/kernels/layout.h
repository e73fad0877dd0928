// Kernels that only move elements, of any dtype: broadcast, permute, slices, rows by index.
#pragma once

#include "engine/backends/cuda/kernels/elementwise.h"
#include "engine/backends/cuda/kernels/launch.h"
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

// x (outer, x_extent, inner), y (outer, y_extent, inner): rows x_start .. of x to rows y_start .. of y.
template <class T>
struct CopySlice {
  const T* x;
  int64_t x_extent, x_start, y_extent, y_start, length, inner;
  T* y;
  COFACTOR_HD void operator()(int64_t i) const {
    const int64_t run = length * inner;
    const int64_t outer = i / run, rest = i % run;
    y[(outer * y_extent + y_start) * inner + rest] = x[(outer * x_extent + x_start) * inner + rest];
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
  int64_t classes;
  T* dx;
  COFACTOR_HD void operator()(int64_t i) const {
    const int64_t n = i / classes;
    dx[i] = i % classes == labels[n] ? grad[n] : T(0);
  }
};

// y[n, d] = table[indices_n, d]
template <class Table, class T>
struct Embedding {
  const Table* table;
  const int32_t* indices;
  int64_t dims;
  T* y;
  COFACTOR_HD void operator()(int64_t i) const { y[i] = convert<T>(table[indices[i / dims] * dims + i % dims]); }
};

struct Iota {
  int32_t* y;
  COFACTOR_HD void operator()(int64_t i) const { y[i] = static_cast<int32_t>(i); }
};

// Thread (p, d): where position p begins a run of equal sorted indices, dtable[index, d] is the sum of its rows of g,
// in the order of the places. dtable is 0 beforehand.
template <class T, class Out>
struct SumRuns {
  const T* grad;
  const int32_t *sorted, *places;
  int64_t count, dims;
  Out* dtable;
  COFACTOR_HD void operator()(int64_t i) const {
    const int64_t p = i / dims, d = i % dims;
    if (p > 0 && sorted[p - 1] == sorted[p]) return;
    Compute<T> sum = 0;
    for (int64_t k = p; k < count && sorted[k] == sorted[p]; ++k) sum += widen(grad[places[k] * dims + d]);
    dtable[sorted[p] * dims + d] = Out(sum);
  }
};

template <class T>
T* as(const Tensor& x) {
  return static_cast<T*>(x.raw_data());
}

template <class Launch>
void broadcast(const Launch& launch, const Tensor& x, const Tensor& y) {
  dispatch_size(x.dtype(), [&]<class T>() {
    launch.each(y.numel(), CopyStrided<T>{as<T>(x), broadcast_view(x.shape(), y.shape()), as<T>(y)});
  });
}

template <class Launch>
void permute(const Launch& launch, const Tensor& x, std::span<const int> axes, const Tensor& y) {
  const auto own = strides_of(x.shape());
  int64_t strides[Shape::kMaxRank] = {};
  for (size_t k = 0; k < axes.size(); ++k) strides[k] = own[static_cast<size_t>(x.shape().normalize_axis(axes[k]))];
  dispatch_size(x.dtype(), [&]<class T>() {
    launch.each(y.numel(), CopyStrided<T>{as<T>(x), view_of(y.shape(), {strides, axes.size()}), as<T>(y)});
  });
}

template <class Launch>
void copy_slice(const Launch& launch, const Tensor& x, int64_t x_start, const Tensor& y, int64_t y_start,
                int64_t length, int axis) {
  const int at = x.shape().normalize_axis(axis);
  int64_t outer = 1, inner = 1;
  for (int k = 0; k < at; ++k) outer *= x.dim(k);
  for (int k = at + 1; k < x.rank(); ++k) inner *= x.dim(k);
  dispatch_size(x.dtype(), [&]<class T>() {
    launch.each(outer * length * inner,
                CopySlice<T>{as<T>(x), x.dim(at), x_start, y.dim(at), y_start, length, inner, as<T>(y)});
  });
}

template <class Launch>
void gather(const Launch& launch, const Tensor& x, const Tensor& labels, const Tensor& y) {
  dispatch_size(x.dtype(), [&]<class T>() {
    launch.each(y.numel(), Gather<T>{as<T>(x), labels.data<int32_t>(), x.dim(1), as<T>(y)});
  });
}

template <class Launch>
void gather_vjp(const Launch& launch, const Tensor& grad, const Tensor& labels, const Tensor& dx) {
  dispatch_size(dx.dtype(), [&]<class T>() {
    launch.each(dx.numel(), GatherVjp<T>{as<T>(grad), labels.data<int32_t>(), dx.dim(1), as<T>(dx)});
  });
}

template <class Launch>
void embedding(const Launch& launch, const Tensor& table, const Tensor& indices, const Tensor& y) {
  const int32_t* index = indices.data<int32_t>();
  dispatch_floating(y.dtype(), "embedding", [&]<class T>() {
    if (table.dtype() == y.dtype()) {
      launch.each(y.numel(), Embedding<T, T>{table.data<T>(), index, table.dim(1), y.data<T>()});
    } else {
      launch.each(y.numel(), Embedding<Compute<T>, T>{table.data<Compute<T>>(), index, table.dim(1), y.data<T>()});
    }
  });
}

// Without atomics: a stable sort of the indices makes each row's summands adjacent, in their original order.
template <class Launch>
void embedding_vjp(const Launch& launch, const Tensor& grad, const Tensor& indices, const Tensor& dtable) {
  const int64_t count = indices.numel(), dims = dtable.dim(1);
  const auto integers = [&] { return Tensor::empty({count}, DType::i32, indices.device()); };
  const Tensor order = integers(), sorted = integers(), places = integers();
  launch.each(count, Iota{order.data<int32_t>()});
  launch.sort_pairs(indices.data<int32_t>(), order.data<int32_t>(), count, sorted.data<int32_t>(),
                    places.data<int32_t>());
  dispatch_floating(grad.dtype(), "embedding", [&]<class T>() {
    const auto sum_into = [&](auto* out) {
      using Out = std::remove_pointer_t<decltype(out)>;
      launch.each(dtable.numel(), Fill<Out>{convert<Out>(0.0), out});
      launch.each(count * dims,
                  SumRuns<T, Out>{grad.data<T>(), sorted.data<int32_t>(), places.data<int32_t>(), count, dims, out});
    };
    if (dtable.dtype() == grad.dtype()) {
      sum_into(dtable.data<T>());
    } else {
      sum_into(dtable.data<Compute<T>>());
    }
  });
}

}  // namespace cofactor::cuda
