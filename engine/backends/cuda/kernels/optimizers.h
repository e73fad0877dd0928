// Parameter updates: all parameters of a network in one launch. Computed in the parameters' dtype. The formulas are in
// engine/kernel_params.h.
#pragma once

#include <cmath>
#include <span>

#include "engine/backends/cuda/kernels/slots.h"
#include "engine/captured_step.h"
#include "engine/kernel_params.h"

namespace cofactor::cuda {

// How a slot's gradient is stored.
enum GradientKind { kLikeParameter, kGradientInBf16 };

// base^exponent by repeated squaring: the same few multiplications in a recorded step and outside of one.
COFACTOR_HD inline double power(double base, int64_t exponent) {
  double result = 1.0;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) result *= base;
    base *= base;
  }
  return result;
}

template <class T>
struct SgdStep {
  // What is the same for all elements.
  struct Factors {
    T lr, momentum, keep, decay;  // keep: 1 - dampening
    bool has_momentum, nesterov, first_step;
  };

  SlotTable<3> slots;  // parameter, gradient, momentum
  Factors factors;
  const StepValues* captured;

  // G: the gradient's element type.
  template <class G>
  struct Update {
    Factors f;
    T* p;
    const G* grad;
    T* m;
    template <int N>
    COFACTOR_HD void run(int64_t at) const {
      const auto param = Pack<T, N>::load(p + at);
      const auto gradient = Pack<G, N>::load(grad + at);
      Pack<T, N> before{};
      if (f.has_momentum && !f.first_step) before = Pack<T, N>::load(m + at);
      T params[N], moments[N];
      for (int k = 0; k < N; ++k) {
        const T g = static_cast<T>(gradient[k]) + f.decay * param[k];
        T move = g;
        if (f.has_momentum) {
          moments[k] = f.first_step ? g : f.momentum * before[k] + f.keep * g;
          move = f.nesterov ? g + f.momentum * moments[k] : moments[k];
        }
        params[k] = param[k] - f.lr * move;
      }
      if (f.has_momentum) Pack<T, N>::of(moments).store(m + at);
      Pack<T, N>::of(params).store(p + at);
    }
  };

  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i) const {
    const auto chunk = slots.chunk(i);
    if (slots.kind(chunk.slot) == kGradientInBf16) {
      update<bf16>(group, chunk);
    } else {
      update<T>(group, chunk);
    }
  }
  template <class G, class Group>
  COFACTOR_HD void update(const Group& group, const SlotTable<3>::Chunk& chunk) const {
    const int slot = chunk.slot;
    Factors now = factors;
    if (captured) now.lr = static_cast<T>(captured->lr);
    slots.template over<kPackSize<T>>(
        group, chunk,
        Update<G>{now, slots.address<T>(0, slot), slots.address<const G>(1, slot), slots.address<T>(2, slot)});
  }
};

template <class T>
struct AdamStep {
  SlotTable<4> slots;  // parameter, gradient, m, v
  double lr, beta1, beta2;
  int64_t t;
  T epsilon, decay;
  const StepValues* captured;

  // What is the same for all elements.
  struct Factors {
    T beta1, rest1, beta2, rest2, epsilon, decay;
    T step_size, root_correction;  // lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
  };

  template <class G>
  struct Update {
    Factors f;
    T* p;
    const G* grad;
    T *m, *v;
    template <int N>
    COFACTOR_HD void run(int64_t at) const {
      using std::sqrt;
      const auto param = Pack<T, N>::load(p + at), mean = Pack<T, N>::load(m + at), square = Pack<T, N>::load(v + at);
      const auto gradient = Pack<G, N>::load(grad + at);
      T params[N], means[N], squares[N];
      for (int k = 0; k < N; ++k) {
        const T g = static_cast<T>(gradient[k]) + f.decay * param[k];
        means[k] = f.beta1 * mean[k] + f.rest1 * g;
        squares[k] = f.beta2 * square[k] + f.rest2 * g * g;
        params[k] = param[k] - f.step_size * means[k] / (sqrt(squares[k]) * f.root_correction + f.epsilon);
      }
      Pack<T, N>::of(params).store(p + at);
      Pack<T, N>::of(means).store(m + at);
      Pack<T, N>::of(squares).store(v + at);
    }
  };

  template <class Group>
  COFACTOR_HD void operator()(const Group& group, int64_t i) const {
    const auto chunk = slots.chunk(i);
    if (slots.kind(chunk.slot) == kGradientInBf16) {
      update<bf16>(group, chunk);
    } else {
      update<T>(group, chunk);
    }
  }
  template <class G, class Group>
  COFACTOR_HD void update(const Group& group, const SlotTable<4>::Chunk& chunk) const {
    const int slot = chunk.slot;
    slots.template over<kPackSize<T>>(group, chunk,
                                      Update<G>{factors(), slots.address<T>(0, slot), slots.address<const G>(1, slot),
                                                slots.address<T>(2, slot), slots.address<T>(3, slot)});
  }
  // Once for each thread. The corrections in double: 1 - beta2^t is small in the first steps.
  COFACTOR_HD Factors factors() const {
    using std::sqrt;
    const int64_t step = captured ? captured->optimizer_step : t;
    const T mean_correction = static_cast<T>(1.0 - power(beta1, step));
    const T square_correction = static_cast<T>(1.0 - power(beta2, step));
    return {static_cast<T>(beta1),
            static_cast<T>(1.0 - beta1),
            static_cast<T>(beta2),
            static_cast<T>(1.0 - beta2),
            epsilon,
            decay,
            static_cast<T>(captured ? captured->lr : lr) / mean_correction,
            T(1) / sqrt(square_correction)};
  }
};

// Master weights are f32 (f64 in tests): bf16 has no optimizer of its own.
template <class Slot>
void check_master_weights(std::span<const Slot> slots, std::string_view op) {
  for (const Slot& slot : slots) {
    check(slot.param.dtype() == DType::f32 || slot.param.dtype() == DType::f64,
          "{}: a parameter of shape {} is {}, expected f32 master weights", op, slot.param.shape(), slot.param.dtype());
    check(slot.grad.dtype() == slot.param.dtype() || slot.grad.dtype() == DType::bf16,
          "{}: a parameter of shape {} is {} and its gradient {}, expected {} or bf16", op, slot.param.shape(),
          slot.param.dtype(), slot.grad.dtype(), slot.param.dtype());
  }
}

// Adds a slot to a table of parameters of T. `states`: the optimizer's, updated too; undefined where it has none.
template <class T, int kPointers, class Slot, class... States>
void add_parameter(SlotTable<kPointers>& table, const Slot& slot, const States&... states) {
  if (slot.param.dtype() != dtype_of<T>) return;
  const auto state_of = [](const Tensor& state) -> const T* { return state.defined() ? state.data<T>() : nullptr; };
  const void* const grad = slot.grad.raw_data();
  const T* const param = slot.param.template data<T>();
  table.add(slot.param.numel(), aligned_for_packs(static_cast<const char*>(grad), param, state_of(states)...),
            slot.grad.dtype() == dtype_of<T> ? kLikeParameter : kGradientInBf16,
            bytes_of(slot.grad) + 2 * bytes_of(slot.param, states...), {param, grad, state_of(states)...});
}

template <class Launch>
void sgd_step(const Launch& launch, std::span<const SgdSlot> slots, const SgdParams& params,
              const StepValues* captured) {
  check_master_weights(slots, "sgd_step");
  const bool has_momentum = params.momentum != 0.0;
  const auto run = [&]<class T>() {
    static_assert(sizeof(SgdStep<T>) <= kMaxArgumentBytes);
    for_each_table<SlotTable<3>>(
        slots,
        [&](SlotTable<3>& table, const SgdSlot& slot) {
          add_parameter<T>(table, slot, has_momentum ? slot.momentum : Tensor());
        },
        [&](const SlotTable<3>& table) {
          launch.moves(table.bytes())
              .groups(table.chunks(),
                      SgdStep<T>{table,
                                 {static_cast<T>(params.lr), static_cast<T>(params.momentum),
                                  static_cast<T>(1.0 - params.dampening), static_cast<T>(params.weight_decay),
                                  has_momentum, params.nesterov, params.first_step},
                                 captured});
        });
  };
  run.template operator()<float>();
  run.template operator()<double>();
}

template <class Launch>
void adam_step(const Launch& launch, std::span<const AdamSlot> slots, const AdamParams& params,
               const StepValues* captured) {
  check_master_weights(slots, "adam_step");
  const auto run = [&]<class T>() {
    static_assert(sizeof(AdamStep<T>) <= kMaxArgumentBytes);
    for_each_table<SlotTable<4>>(
        slots,
        [](SlotTable<4>& table, const AdamSlot& slot) { add_parameter<T>(table, slot, slot.exp_avg, slot.exp_avg_sq); },
        [&](const SlotTable<4>& table) {
          launch.moves(table.bytes())
              .groups(table.chunks(),
                      AdamStep<T>{table, params.lr, params.beta1, params.beta2, params.step,
                                  static_cast<T>(params.epsilon), static_cast<T>(params.weight_decay), captured});
        });
  };
  run.template operator()<float>();
  run.template operator()<double>();
}

}  // namespace cofactor::cuda
