// Optimizer steps over all parameters in one parallel region.
#include <algorithm>
#include <cmath>

#include "engine/backends/cpu/backend.h"
#include "engine/backends/cpu/parallel.h"

namespace cofactor {

namespace {

template <class Slot>
bool all_f32(std::span<const Slot> slots) {
  return std::ranges::all_of(slots, [](const Slot& slot) { return slot.param.dtype() == DType::f32; });
}

// Calls update(slot, grad, begin, end) for ranges that cover the elements of all slots; grad: const float* or const
// bf16*.
template <class Slot, class Update>
void for_each_share(std::span<const Slot> slots, const Update& update) {
  int64_t total = 0;
  for (const Slot& slot : slots) total += slot.param.numel();
  // Elements counted over all slots.
  cpu::parallel_for(total, 1, [&](int64_t begin, int64_t end) {
    int64_t first = 0;  // of the slot
    for (const Slot& slot : slots) {
      const int64_t count = slot.param.numel();
      const int64_t from = std::clamp<int64_t>(begin - first, 0, count),
                    to = std::clamp<int64_t>(end - first, 0, count);
      if (from < to && slot.grad.dtype() == DType::bf16) {
        update(slot, static_cast<const bf16*>(slot.grad.template data<bf16>()), from, to);
      } else if (from < to) {
        update(slot, static_cast<const float*>(slot.grad.template data<float>()), from, to);
      }
      first += count;
    }
  });
}

}  // namespace

// SgdParams (engine/kernel_params.h) has the formulas.
void CpuBackend::sgd_step(std::span<const SgdSlot> slots, const SgdParams& params) {
  if (!all_f32(slots)) return ReferenceBackend::sgd_step(slots, params);
  const auto lr = static_cast<float>(params.lr);
  const auto momentum = static_cast<float>(params.momentum);
  const auto keep = static_cast<float>(1.0 - params.dampening);
  const auto decay = static_cast<float>(params.weight_decay);
  for_each_share(slots, [=, &params](const SgdSlot& slot, const auto* grad, int64_t begin, int64_t end) {
    float* p = slot.param.data<float>();
    if (!slot.momentum.defined()) {
      for (int64_t i = begin; i < end; ++i) p[i] -= lr * (widen(grad[i]) + decay * p[i]);
      return;
    }
    float* m = slot.momentum.data<float>();
    for (int64_t i = begin; i < end; ++i) {
      const float g = widen(grad[i]) + decay * p[i];
      m[i] = params.first_step ? g : momentum * m[i] + keep * g;
      p[i] -= lr * (params.nesterov ? g + momentum * m[i] : m[i]);
    }
  });
}

// AdamParams (engine/kernel_params.h) has the formulas.
void CpuBackend::adam_step(std::span<const AdamSlot> slots, const AdamParams& params) {
  if (!all_f32(slots)) return ReferenceBackend::adam_step(slots, params);
  const auto t = static_cast<double>(params.step);
  const auto step_size = static_cast<float>(params.lr / (1.0 - std::pow(params.beta1, t)));
  const auto root_correction = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(params.beta2, t)));
  const auto beta1 = static_cast<float>(params.beta1);
  const auto beta2 = static_cast<float>(params.beta2);
  const auto rest1 = static_cast<float>(1.0 - params.beta1);
  const auto rest2 = static_cast<float>(1.0 - params.beta2);
  const auto epsilon = static_cast<float>(params.epsilon);
  const auto decay = static_cast<float>(params.weight_decay);
  for_each_share(slots, [=](const AdamSlot& slot, const auto* grad, int64_t begin, int64_t end) {
    float* p = slot.param.data<float>();
    float* m = slot.exp_avg.data<float>();
    float* v = slot.exp_avg_sq.data<float>();
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const float g = widen(grad[i]) + decay * p[i];
      m[i] = beta1 * m[i] + rest1 * g;
      v[i] = beta2 * v[i] + rest2 * g * g;
      p[i] -= step_size * m[i] / (std::sqrt(v[i]) * root_correction + epsilon);
    }
  });
}

}  // namespace cofactor
