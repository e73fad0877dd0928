// Parameter updates, in place, element by element.
#include <cmath>

#include "engine/backends/reference/backend.h"

namespace cofactor {

namespace {

// Calls update(grad) with the slot's gradient as const T* or const bf16*, T being the parameter's type.
template <class T, class Update>
void with_gradient(const Tensor& grad, const Update& update) {
  if (grad.dtype() == DType::bf16) return update(static_cast<const bf16*>(grad.data<bf16>()));
  update(static_cast<const T*>(grad.data<T>()));
}

}  // namespace

// g = grad + weight_decay p;  m = g in the first step, else momentum m + (1 - dampening) g;
// p = p - lr * (nesterov ? g + momentum m : m), or p - lr g without momentum.
void ReferenceBackend::sgd_step(std::span<const SgdSlot> slots, const SgdParams& params) {
  for (const SgdSlot& slot : slots) {
    dispatch_float(slot.param.dtype(), "sgd_step", [&]<class T>() {
      T* p = slot.param.data<T>();
      T* m = params.momentum != 0.0 ? slot.momentum.data<T>() : nullptr;
      const int64_t count = slot.param.numel();
      with_gradient<T>(slot.grad, [&](const auto* grad) {
        for (int64_t i = 0; i < count; ++i) {
          const double g = widen(grad[i]) + params.weight_decay * p[i];
          double step = g;
          if (m) {
            const double moved = params.first_step ? g : params.momentum * m[i] + (1.0 - params.dampening) * g;
            step = params.nesterov ? g + params.momentum * moved : moved;
            m[i] = static_cast<T>(moved);
          }
          p[i] = static_cast<T>(p[i] - params.lr * step);
        }
      });
    });
  }
}

// g = grad + weight_decay p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
// p = p - lr / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + epsilon).
void ReferenceBackend::adam_step(std::span<const AdamSlot> slots, const AdamParams& params) {
  const auto t = static_cast<double>(params.step);
  const double mean_correction = 1.0 - std::pow(params.beta1, t);
  const double square_correction = 1.0 - std::pow(params.beta2, t);
  for (const AdamSlot& slot : slots) {
    dispatch_float(slot.param.dtype(), "adam_step", [&]<class T>() {
      T* p = slot.param.data<T>();
      T* m = slot.exp_avg.data<T>();
      T* v = slot.exp_avg_sq.data<T>();
      const int64_t count = slot.param.numel();
      with_gradient<T>(slot.grad, [&](const auto* grad) {
        for (int64_t i = 0; i < count; ++i) {
          const double g = widen(grad[i]) + params.weight_decay * p[i];
          const double mean = params.beta1 * m[i] + (1.0 - params.beta1) * g;
          const double square = params.beta2 * v[i] + (1.0 - params.beta2) * g * g;
          m[i] = static_cast<T>(mean);
          v[i] = static_cast<T>(square);
          p[i] = static_cast<T>(p[i] - params.lr / mean_correction * mean /
                                           (std::sqrt(square / square_correction) + params.epsilon));
        }
      });
    });
  }
}

}  // namespace cofactor
