// bf16 computed in f32: a kernel that has no faster code for bf16 calls itself with f32 copies of its tensors. The
// values are those that engine/backend.h asks for, computed and summed in f32 and rounded once; the conversions are two
// passes over the tensors, a few percent of a convolution.
#pragma once

#include <utility>
#include <vector>

#include "engine/backend.h"
#include "engine/backends/cpu/onednn.h"

namespace cofactor::cpu {

// Whether oneDNN's kernels get f32 in place of this dtype.
inline bool widens(DType dtype) {
  return dtype == DType::bf16 && !onednn::multiplies_bf16();
}

// The tensors of one call in f32. Tensors that are not bf16 are passed on unchanged: undefined, wide, indices.
class F32Tensors {
 public:
  explicit F32Tensors(Backend& backend) : backend_(backend) {}

  Tensor input(const Tensor& x) const {
    if (!is_bf16(x)) return x;
    Tensor wide = Tensor::empty(x.shape(), DType::f32, backend_.device());
    backend_.cast(x, wide);
    return wide;
  }
  // To be written in full; `round_outputs` then converts it to y.
  Tensor output(const Tensor& y) {
    if (!is_bf16(y)) return y;
    return outputs_.emplace_back(Tensor::empty(y.shape(), DType::f32, backend_.device()), y).first;
  }
  void round_outputs() const {
    for (const auto& [wide, y] : outputs_) backend_.cast(wide, y);
  }

 private:
  static bool is_bf16(const Tensor& x) { return x.defined() && x.dtype() == DType::bf16; }

  Backend& backend_;
  std::vector<std::pair<Tensor, Tensor>> outputs_;
};

// Calls kernel(tensors), then rounds the outputs that it asked for.
template <class Kernel>
void in_f32(Backend& backend, const Kernel& kernel) {
  F32Tensors tensors(backend);
  kernel(tensors);
  tensors.round_outputs();
}

}  // namespace cofactor::cpu
