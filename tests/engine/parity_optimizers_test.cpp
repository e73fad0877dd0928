// The optimizers' updates, with gradients in each dtype that they may have.
#include "tests/engine/parity.h"

namespace cofactor::parity {
namespace {

// In which dtype the gradients of an optimizer's step are.
enum class Gradients { like_parameters, bf16, mixed };
constexpr std::array kGradients{Gradients::like_parameters, Gradients::bf16, Gradients::mixed};

std::string_view name_of(Gradients gradients) {
  return gradients == Gradients::bf16 ? "gradients in bf16" : gradients == Gradients::mixed ? "mixed" : "wide";
}

// New gradients for all slots; of mixed ones, every other one is in bf16.
template <class Slot>
void draw_gradients(Run& run, Gradients gradients, std::vector<Slot>& slots) {
  for (size_t k = 0; k < slots.size(); ++k) {
    const Shape& shape = slots[k].param.shape();
    const Tensor drawn = run.random(shape);
    const bool narrow = gradients == Gradients::bf16 || (gradients == Gradients::mixed && k % 2 == 1);
    slots[k].grad = narrow ? run.values(values_of(drawn), shape, DType::bf16) : drawn;
  }
}

TEST_SUITE("parity") {
  TEST_CASE("sgd_step several slots and steps") {
    const Parity parity("sgd_step", false);
    const std::vector<SgdParams> settings{
        {.lr = 0.1},
        {.lr = 0.1, .weight_decay = 0.01},
        {.lr = 0.05, .momentum = 0.9},
        {.lr = 0.05, .momentum = 0.9, .weight_decay = 1e-3},
        {.lr = 0.05, .momentum = 0.9, .dampening = 0.2, .weight_decay = 1e-3},
        {.lr = 0.05, .momentum = 0.8, .weight_decay = 1e-3, .nesterov = true},
    };
    for (const SgdParams& setting : settings)
      for (const Gradients gradients : kGradients)
        parity.check(fmt::format("momentum {} dampening {} weight decay {} nesterov {}, {}", setting.momentum,
                                 setting.dampening, setting.weight_decay, setting.nesterov, name_of(gradients)),
                     {1e-6, 1e-6}, [&](Run& run) {
                       std::vector<SgdSlot> slots;
                       for (const Shape& shape : {Shape{1}, {7}, {33, 3}, {1025}})
                         slots.push_back({run.random(shape), run.random(shape),
                                          setting.momentum != 0.0 ? run.output(shape) : Tensor()});
                       SgdParams params = setting;
                       for (int step = 0; step < 4; ++step) {
                         params.first_step = step == 0;  // the buffer's first content must not be read
                         draw_gradients(run, gradients, slots);
                         run.backend().sgd_step(slots, params);
                       }
                       for (const SgdSlot& slot : slots) {
                         run.keep("param", slot.param);
                         if (slot.momentum.defined()) run.keep("momentum", slot.momentum);
                       }
                     });
  }

  TEST_CASE("adam_step several slots and steps") {
    const Parity parity("adam_step", false);
    const std::vector<AdamParams> settings{
        {}, {.lr = 0.01, .weight_decay = 0.1}, {.lr = 0.05, .beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3}};
    for (const AdamParams& setting : settings)
      for (const Gradients gradients : kGradients)
        parity.check(fmt::format("lr {} beta {} {} weight decay {}, {}", setting.lr, setting.beta1, setting.beta2,
                                 setting.weight_decay, name_of(gradients)),
                     {2e-6, 1e-5}, [&](Run& run) {
                       std::vector<AdamSlot> slots;
                       for (const Shape& shape : {Shape{1}, {7}, {33, 3}, {1025}}) {
                         const std::vector<double> zeros(static_cast<size_t>(shape.numel()), 0.0);
                         slots.push_back({run.random(shape), run.random(shape), run.values(zeros, shape),
                                          run.values(zeros, shape)});
                       }
                       AdamParams params = setting;
                       for (params.step = 1; params.step <= 4; ++params.step) {
                         draw_gradients(run, gradients, slots);
                         run.backend().adam_step(slots, params);
                       }
                       for (const AdamSlot& slot : slots) {
                         run.keep("param", slot.param);
                         run.keep("exp_avg", slot.exp_avg);
                         run.keep("exp_avg_sq", slot.exp_avg_sq);
                       }
                     });
  }
}

using Values = std::vector<double>;

TEST_SUITE("unit") {
  TEST_CASE("reference sgd_step by hand: two steps with momentum dampening Nesterov and weight decay") {
    Backend& backend = backend_of(Device::reference);
    const Tensor p = oracle({1}, {1}), m = oracle_output({1});
    SgdParams params{.lr = 0.1, .momentum = 0.5, .weight_decay = 1, .nesterov = true, .first_step = true};
    backend.sgd_step(std::array{SgdSlot{p, oracle({3}, {1}), m}}, params);
    CHECK(m.item() == doctest::Approx(4));                  // 3 + 1 * 1
    CHECK(p.item() == doctest::Approx(1 - 0.1 * (4 + 2)));  // 0.4
    params.first_step = false;
    params.nesterov = false;
    params.dampening = 0.25;
    backend.sgd_step(std::array{SgdSlot{p, oracle({1}, {1}), m}}, params);
    CHECK(m.item() == doctest::Approx(0.5 * 4 + 0.75 * 1.4));
    CHECK(p.item() == doctest::Approx(0.4 - 0.1 * 3.05));
  }

  TEST_CASE("reference adam_step by hand: the first step moves by lr whatever the gradient's size") {
    Backend& backend = backend_of(Device::reference);
    const Tensor p = oracle({1, 1}, {2}), m = oracle({0, 0}, {2}), v = oracle({0, 0}, {2});
    AdamParams params{.lr = 0.1};
    backend.adam_step(std::array{AdamSlot{p, oracle({1000, -0.001}, {2}), m, v}}, params);
    check_close("p", values_of(p), {0.9, 1.1}, {1e-5, 0});
    check_close("m", values_of(m), {100, -1e-4}, {0, 1e-12});
    check_close("v", values_of(v), {1000, 1e-9}, {0, 1e-12});
    params.step = 2;
    backend.adam_step(std::array{AdamSlot{p, oracle({0, 0}, {2}), m, v}}, params);
    // m = 90, v = 999: p -= 0.1 * (90 / 0.19) / sqrt(999 / (1 - 0.999^2))
    CHECK(values_of(p)[0] == doctest::Approx(0.9 - 0.1 * (90 / 0.19) / std::sqrt(999 / 0.001999)).epsilon(1e-7));
  }
}

}  // namespace
}  // namespace cofactor::parity
