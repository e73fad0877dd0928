// Rows and elements selected by index.
#include <cstring>
#include <vector>

#include "engine/backends/reference/backend.h"

namespace cofactor {

// y_n = x[n, labels_n], any dtype.
void ReferenceBackend::gather(const Tensor& x, const Tensor& labels, const Tensor& y) {
  const size_t size = size_of(x.dtype());
  const auto* in = static_cast<const std::byte*>(x.raw_data());
  auto* out = static_cast<std::byte*>(y.raw_data());
  const int32_t* label = labels.data<int32_t>();
  for (int64_t n = 0; n < x.dim(0); ++n)
    std::memcpy(out + static_cast<size_t>(n) * size, in + static_cast<size_t>(n * x.dim(1) + label[n]) * size, size);
}

// dx[n, labels_n] = g_n, and 0 elsewhere, which is all bits zero in every dtype.
void ReferenceBackend::gather_vjp(const Tensor& grad, const Tensor& labels, const Tensor& dx) {
  const size_t size = size_of(dx.dtype());
  const auto* in = static_cast<const std::byte*>(grad.raw_data());
  auto* out = static_cast<std::byte*>(dx.raw_data());
  const int32_t* label = labels.data<int32_t>();
  std::memset(out, 0, dx.nbytes());
  for (int64_t n = 0; n < dx.dim(0); ++n)
    std::memcpy(out + static_cast<size_t>(n * dx.dim(1) + label[n]) * size, in + static_cast<size_t>(n) * size, size);
}

// y[n, :] = table[indices_n, :], n running over all of the indices; y in the table's dtype, or bf16 of f32.
void ReferenceBackend::embedding(const Tensor& table, const Tensor& indices, const Tensor& y) {
  const int64_t dims = table.dim(1);
  const int32_t* index = indices.data<int32_t>();
  const int64_t count = indices.numel();
  dispatch_floating(y.dtype(), "embedding", [&]<class T>() {
    const auto look_up = [&](const auto* rows) {
      for (int64_t n = 0; n < count; ++n)
        for (int64_t d = 0; d < dims; ++d) y.data<T>()[n * dims + d] = convert<T>(rows[index[n] * dims + d]);
    };
    if (table.dtype() == y.dtype())
      look_up(table.data<T>());
    else
      look_up(table.data<Compute<T>>());
  });
}

// dtable[v, :] = sum of g[n, :] over the n with indices_n = v; dtable in g's dtype, or f32 of bf16.
void ReferenceBackend::embedding_vjp(const Tensor& grad, const Tensor& indices, const Tensor& dtable) {
  const int64_t dims = dtable.dim(1);
  const int32_t* index = indices.data<int32_t>();
  const int64_t count = indices.numel();
  std::vector<double> sum(static_cast<size_t>(dtable.numel()), 0.0);
  dispatch_floating(grad.dtype(), "embedding", [&]<class T>() {
    const T* g = grad.data<T>();
    for (int64_t n = 0; n < count; ++n)
      for (int64_t d = 0; d < dims; ++d) sum[static_cast<size_t>(index[n] * dims + d)] += widen(g[n * dims + d]);
  });
  dispatch_floating(dtable.dtype(), "embedding", [&]<class T>() {
    for (size_t i = 0; i < sum.size(); ++i) dtable.data<T>()[i] = convert<T>(sum[i]);
  });
}

}  // namespace cofactor
