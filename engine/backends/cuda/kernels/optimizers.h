// Parameter updates: many parameters per launch, one thread per element.
#pragma once

#include <cmath>
#include <span>

#include "engine/backends/cuda/kernels/launch.h"
#include "engine/captured_step.h"
#include "engine/kernel_params.h"

namespace cofactor::cuda {

// As many parameters as fit one launch's arguments (4 KiB).
inline constexpr int kSlotsPerLaunch = 64;

// Parameters as pointers, side by side: element i of the launch belongs to the slot whose range holds i.
template <class T, int kStates>
struct SlotTable {
  int count = 0;
  int64_t ends[kSlotsPerLaunch] = {};  // of each slot's range
  T* param[kSlotsPerLaunch] = {};
  const T* grad[kSlotsPerLaunch] = {};
  T* state[kStates][kSlotsPerLaunch] = {};

  int64_t total() const { return count == 0 ? 0 : ends[count - 1]; }
  // The slot of element i, by bisection; i becomes the element's number in it.
  COFACTOR_HD int find(int64_t& i) const {
    int low = 0, high = count - 1;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (i < ends[middle]) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    if (low > 0) i -= ends[low - 1];
    return low;
  }
};

// In double, as in the reference backend: memory bandwidth limits these kernels, not the few operations per element.
template <class T>
struct SgdStep {
  SlotTable<T, 1> slots;
  SgdParams params;
  const StepValues* captured;
  COFACTOR_HD void operator()(int64_t i) const {
    const int slot = slots.find(i);
    const double lr = captured ? captured->lr : params.lr;
    T& p = slots.param[slot][i];
    const double g = slots.grad[slot][i] + params.weight_decay * p;
    double step = g;
    if (params.momentum != 0.0) {
      T& m = slots.state[0][slot][i];
      const double moved = params.first_step ? g : params.momentum * m + (1.0 - params.dampening) * g;
      step = params.nesterov ? g + params.momentum * moved : moved;
      m = static_cast<T>(moved);
    }
    p = static_cast<T>(p - lr * step);
  }
};

template <class T>
struct AdamStep {
  SlotTable<T, 2> slots;
  AdamParams params;
  const StepValues* captured;
  COFACTOR_HD void operator()(int64_t i) const {
    using std::pow, std::sqrt;
    const int slot = slots.find(i);
    const double lr = captured ? captured->lr : params.lr;
    const auto t = static_cast<double>(captured ? captured->optimizer_step : params.step);
    T& p = slots.param[slot][i];
    T& m = slots.state[0][slot][i];
    T& v = slots.state[1][slot][i];
    const double g = slots.grad[slot][i] + params.weight_decay * p;
    const double mean = params.beta1 * m + (1.0 - params.beta1) * g;
    const double square = params.beta2 * v + (1.0 - params.beta2) * g * g;
    m = static_cast<T>(mean);
    v = static_cast<T>(square);
    const double mean_correction = 1.0 - pow(params.beta1, t), square_correction = 1.0 - pow(params.beta2, t);
    p = static_cast<T>(p - lr / mean_correction * mean / (sqrt(square / square_correction) + params.epsilon));
  }
};

// Fills tables of slots and calls run(table) for each. add(table, index, slot) fills in the state's pointers.
template <class T, int kStates, class Slot, class Add, class Run>
void for_each_table(std::span<const Slot> slots, const Add& add, const Run& run) {
  SlotTable<T, kStates> table;
  for (const Slot& slot : slots) {
    if (slot.param.dtype() != dtype_of<T>) continue;
    table.param[table.count] = slot.param.template data<T>();
    table.grad[table.count] = slot.grad.template data<T>();
    add(table, slot);
    table.ends[table.count] = table.total() + slot.param.numel();
    if (++table.count < kSlotsPerLaunch) continue;
    run(table);
    table = {};
  }
  if (table.count > 0) run(table);
}

// Master weights are f32 (f64 in tests): bf16 has no optimizer of its own.
template <class Slot>
void check_master_weights(std::span<const Slot> slots, std::string_view op) {
  for (const Slot& slot : slots) {
    check(slot.param.dtype() == DType::f32 || slot.param.dtype() == DType::f64,
          "{}: a parameter of shape {} is {}, expected f32 master weights", op, slot.param.shape(), slot.param.dtype());
  }
}

template <class Launch>
void sgd_step(const Launch& launch, std::span<const SgdSlot> slots, const SgdParams& params,
              const StepValues* captured) {
  check_master_weights(slots, "sgd_step");
  const auto run = [&]<class T>() {
    for_each_table<T, 1>(
        slots,
        [&](SlotTable<T, 1>& table, const SgdSlot& slot) {
          if (params.momentum != 0.0) table.state[0][table.count] = slot.momentum.template data<T>();
        },
        [&](const SlotTable<T, 1>& table) {
          launch.each(table.total(), SgdStep<T>{table, params, captured});
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
    for_each_table<T, 2>(
        slots,
        [](SlotTable<T, 2>& table, const AdamSlot& slot) {
          table.state[0][table.count] = slot.exp_avg.template data<T>();
          table.state[1][table.count] = slot.exp_avg_sq.template data<T>();
        },
        [&](const SlotTable<T, 2>& table) {
          launch.each(table.total(), AdamStep<T>{table, params, captured});
        });
  };
  run.template operator()<float>();
  run.template operator()<double>();
}

}  // namespace cofactor::cuda
