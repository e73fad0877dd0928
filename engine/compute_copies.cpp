#include "engine/compute_copies.h"

#include <unordered_map>

#include "engine/backend.h"

namespace cofactor {

namespace {

// By the address of the tensor's values.
thread_local std::unordered_map<const void*, Tensor> copies;
thread_local bool in_use = false;

}  // namespace

ComputeCopies::ComputeCopies(const std::vector<Tensor>& tensors, DType dtype) : outermost_(!in_use) {
  if (!outermost_) return;
  std::vector<CastSlot> slots;
  for (const Tensor& x : tensors) {
    if (x.dtype() == dtype || x.numel() == 0) continue;
    slots.push_back({x, Tensor::empty(x.shape(), dtype, x.device())});
  }
  if (!slots.empty()) slots.front().x.backend().cast_many(slots);
  for (const CastSlot& slot : slots) copies.emplace(slot.x.raw_data(), slot.y);
  in_use = true;
}

ComputeCopies::~ComputeCopies() {
  if (!outermost_) return;
  copies.clear();
  in_use = false;
}

bool ComputeCopies::active() {
  return in_use;
}

Tensor ComputeCopies::find(const Tensor& x, DType dtype) {
  if (copies.empty()) return {};
  const auto found = copies.find(x.raw_data());
  const bool fits = found != copies.end() && found->second.dtype() == dtype && found->second.shape() == x.shape();
  return fits ? found->second : Tensor();
}

}  // namespace cofactor
