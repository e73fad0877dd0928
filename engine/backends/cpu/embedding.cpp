// Table look-ups, split over threads.
#include <algorithm>

#include "engine/backends/cpu/backend.h"
#include "engine/backends/cpu/parallel.h"

namespace cofactor {

using cpu::parallel_for;

// y[i, :] = table[indices[i], :]
void CpuBackend::embedding(const Tensor& table, const Tensor& indices, const Tensor& y) {
  if (table.dtype() != DType::f32) return ReferenceBackend::embedding(table, indices, y);
  const int64_t width = table.dim(1);
  const float* rows = table.data<float>();
  const int32_t* index = indices.data<int32_t>();
  float* out = y.data<float>();
  parallel_for(indices.numel(), width, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) std::copy_n(rows + index[i] * width, width, out + i * width);
  });
}

// dtable[v, :] = sum of grad[i, :] over the i with indices[i] = v, in order. Each thread owns a range of v.
void CpuBackend::embedding_vjp(const Tensor& grad, const Tensor& indices, const Tensor& dtable) {
  if (grad.dtype() != DType::f32) return ReferenceBackend::embedding_vjp(grad, indices, dtable);
  const int64_t width = dtable.dim(1);
  const int64_t count = indices.numel();
  const int32_t* index = indices.data<int32_t>();
  const float* g = grad.data<float>();
  float* out = dtable.data<float>();
  parallel_for(dtable.dim(0), width, [=](int64_t begin, int64_t end) {
    std::fill(out + begin * width, out + end * width, 0.0f);
    for (int64_t i = 0; i < count; ++i) {
      if (index[i] < begin || index[i] >= end) continue;
      for (int64_t d = 0; d < width; ++d) out[index[i] * width + d] += g[i * width + d];
    }
  });
}

}  // namespace cofactor
