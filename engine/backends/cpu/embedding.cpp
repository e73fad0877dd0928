// Table lookups, divided among threads.
#include <algorithm>

#include "engine/backends/cpu/backend.h"
#include "engine/backends/cpu/dispatch.h"
#include "engine/backends/cpu/parallel.h"

namespace cofactor {

using cpu::parallel_for;

namespace {

template <class T>
void look_up(const Tensor& table, const Tensor& indices, const Tensor& y) {
  const int64_t width = table.dim(1);
  const float* rows = table.data<float>();
  const int32_t* index = indices.data<int32_t>();
  T* out = y.data<T>();
  parallel_for(indices.numel(), width, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t d = 0; d < width; ++d) out[i * width + d] = convert<T>(rows[index[i] * width + d]);
  });
}

// Sums in f32. Each thread computes a range of rows and reads all indices.
template <class T>
void sum_rows(const Tensor& grad, const Tensor& indices, const Tensor& dtable) {
  const int64_t width = dtable.dim(1);
  const int64_t count = indices.numel();
  const int32_t* index = indices.data<int32_t>();
  const T* g = grad.data<T>();
  float* out = dtable.data<float>();
  parallel_for(dtable.dim(0), width, [=](int64_t begin, int64_t end) {
    std::fill(out + begin * width, out + end * width, 0.0f);
    for (int64_t i = 0; i < count; ++i) {
      if (index[i] < begin || index[i] >= end) continue;
      for (int64_t d = 0; d < width; ++d) out[index[i] * width + d] += widen(g[i * width + d]);
    }
  });
}

}  // namespace

// y[i, :] = table[indices[i], :]
void CpuBackend::embedding(const Tensor& table, const Tensor& indices, const Tensor& y) {
  if (table.dtype() != DType::f32) return ReferenceBackend::embedding(table, indices, y);
  cpu::dispatch(y.dtype(), [&]<class T>() { look_up<T>(table, indices, y); });
}

// dtable[v, :] = sum of grad[i, :] over the i with indices[i] = v, in order.
void CpuBackend::embedding_vjp(const Tensor& grad, const Tensor& indices, const Tensor& dtable) {
  if (dtable.dtype() != DType::f32) return ReferenceBackend::embedding_vjp(grad, indices, dtable);
  cpu::dispatch(grad.dtype(), [&]<class T>() { sum_rows<T>(grad, indices, dtable); });
}

}  // namespace cofactor
