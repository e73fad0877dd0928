// The optimizers' own rules: options, parameters, states. Their numbers are held against PyTorch's in
// pytorch_fixture_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/optim/adam.h"
#include "engine/optim/schedule.h"
#include "engine/optim/sgd.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::testing {

namespace {

using Values = std::vector<float>;

NamedTensor parameter(const std::string& name, const Values& values, Device device = kHost) {
  Tensor tensor = Tensor::from(values, {static_cast<int64_t>(values.size())}, device);
  tensor.set_requires_grad(true);
  return {name, tensor};
}

using Maker = std::function<std::unique_ptr<Optimizer>(std::vector<NamedTensor>)>;
struct Kind {
  const char* name;
  Maker make;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"sgd", [](auto p) { return std::make_unique<Sgd>(std::move(p), SgdOptions{.lr = 0.1}); }},
      {"momentum",
       [](auto p) {
         return std::make_unique<Sgd>(std::move(p), SgdOptions{.lr = 0.1, .momentum = 0.9, .dampening = 0.5});
       }},
      {"adam", [](auto p) { return std::make_unique<Adam>(std::move(p), AdamOptions{.lr = 0.1}); }}};
  return all;
}

// One step on sum(p^2) / 2 of every parameter.
void step_down(Optimizer& optimizer, const std::vector<NamedTensor>& parameters) {
  optimizer.zero_grad();
  for (const auto& [name, tensor] : parameters) backward(sum(tensor * tensor) * 0.5);
  optimizer.step();
}

std::vector<Values> values_of(const std::vector<NamedTensor>& parameters) {
  std::vector<Values> result;
  for (const auto& [name, tensor] : parameters) result.push_back(tensor.to_vector<float>());
  return result;
}

bool has(const std::vector<NamedTensor>& state, const std::string& name) {
  return std::ranges::find(state, name, &NamedTensor::name) != state.end();
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("options out of range are errors with their values") {
    const std::vector<NamedTensor> p{parameter("w", {1.0f})};
    CHECK(throws_saying("-0.1", [&] { Sgd(p, {.lr = -0.1}); }));
    CHECK(throws_saying("nan", [&] { Sgd(p, {.lr = kNan}); }));
    CHECK(throws_saying("-0.9", [&] { Sgd(p, {.momentum = -0.9}); }));
    CHECK(throws_saying("-0.001", [&] { Sgd(p, {.weight_decay = -0.001}); }));
    CHECK(throws_saying("inf", [&] { Sgd(p, {.dampening = INFINITY}); }));
    CHECK(throws_saying("momentum is 0", [&] { Sgd(p, {.nesterov = true}); }));
    CHECK(throws_saying("dampening 0.25", [&] { Sgd(p, {.momentum = 0.9, .dampening = 0.25, .nesterov = true}); }));
    CHECK(throws_saying("inf", [&] { Adam(p, {.lr = INFINITY}); }));
    CHECK(throws_saying("1.5", [&] { Adam(p, {.beta1 = 1.5}); }));
    CHECK(throws_saying("[0, 1)", [&] { Adam(p, {.beta2 = 1.0}); }));
    CHECK(throws_saying("-1e-08", [&] { Adam(p, {.epsilon = -1e-8}); }));
    CHECK(throws_saying("nan", [&] { Adam(p, {.weight_decay = kNan}); }));
    CHECK_NOTHROW(Adam(p, {.lr = 0.0, .beta1 = 0.0}));

    Sgd sgd(p, {.lr = 0.5});
    CHECK(sgd.lr() == 0.5);
    CHECK(throws_saying("nan", [&] { sgd.set_lr(kNan); }));
    CHECK(sgd.lr() == 0.5);
    sgd.set_lr(0.25);
    CHECK(sgd.lr() == 0.25);
  }

  TEST_CASE("parameters must be distinct leaves that require gradients") {
    const NamedTensor w = parameter("w", {1.0f, 2.0f});
    const auto make = [](std::vector<NamedTensor> p) { return Sgd(std::move(p), {}); };
    CHECK(throws_saying("no parameters", [&] { make({}); }));
    CHECK(throws_saying("two parameters are named 'w'", [&] { make({w, parameter("w", {1.0f})}); }));
    CHECK(throws_saying("listed twice", [&] { make({w, {"v", w.tensor}}); }));
    CHECK(throws_saying("'v' does not require a gradient", [&] { make({w, {"v", w.tensor.clone()}}); }));
    CHECK(throws_saying("'v' does not require a gradient", [&] { make({{"v", Tensor()}}); }));
    CHECK(throws_saying("output of mul", [&] { make({{"v", w.tensor * w.tensor}}); }));
    for (const Device device : available_devices())
      if (device != kHost) CHECK(throws_saying("'v' is on", [&] { make({w, parameter("v", {1.0f}, device)}); }));
  }

  TEST_CASE("a parameter without a gradient is left alone and its first step comes later") {
    for (const Device device : available_devices()) {
      for (const Kind& kind : kinds()) {
        CAPTURE(kind.name);
        const std::vector<NamedTensor> both{parameter("a", {1.0f, -2.0f}, device), parameter("b", {3.0f}, device)};
        const std::vector<NamedTensor> alone{parameter("b", {3.0f}, device)};
        const auto optimizer = kind.make(both), expected = kind.make(alone);
        step_down(*optimizer, {both[0]});
        step_down(*optimizer, {both[0]});
        CHECK(both[1].tensor.to_vector<float>() == Values{3.0f});
        CHECK_FALSE(has(optimizer->state(), "b.exp_avg"));
        CHECK_FALSE(has(optimizer->state(), "b.momentum_buffer"));
        // From here on "b" moves as it would have from the start, whatever "a" has been through.
        for (int step = 0; step < 3; ++step) {
          step_down(*optimizer, both);
          step_down(*expected, alone);
          CHECK(both[1].tensor.to_vector<float>() == alone[0].tensor.to_vector<float>());
        }
        CHECK(both[0].tensor.to_vector<float>() != Values{1.0f, -2.0f});
        CHECK(optimizer->state()[0].tensor.to_vector<int32_t>() == std::vector<int32_t>{5, 3});
      }
    }
  }

  TEST_CASE("a gradient of another shape is an error and nothing moves") {
    const std::vector<NamedTensor> p{parameter("a", {1.0f}), parameter("b", {1.0f, 2.0f})};
    Adam adam(p, {.lr = 0.1});
    p[0].tensor.set_grad(Tensor::full({1}, 1.0, DType::f32, kHost));
    p[1].tensor.set_grad(Tensor::full({3}, 1.0, DType::f32, kHost));
    CHECK(throws_saying("'b'", [&] { adam.step(); }));
    CHECK(values_of(p) == std::vector<Values>{{1.0f}, {1.0f, 2.0f}});
    CHECK(adam.state()[0].tensor.to_vector<int32_t>() == std::vector<int32_t>{0, 0});
  }

  TEST_CASE("zero_grad forgets the gradients") {
    const std::vector<NamedTensor> p{parameter("a", {1.0f})};
    Sgd sgd(p, {.lr = 0.5});
    backward(sum(p[0].tensor * 3.0));
    CHECK(p[0].tensor.grad().to_vector<float>() == Values{3.0f});
    sgd.zero_grad();
    CHECK_FALSE(p[0].tensor.grad().defined());
    sgd.step();
    CHECK(p[0].tensor.to_vector<float>() == Values{1.0f});
  }

  TEST_CASE("a resumed optimizer goes on bitwise as the uninterrupted one") {
    for (const Device device : available_devices()) {
      for (const Kind& kind : kinds()) {
        CAPTURE(kind.name);
        const std::vector<NamedTensor> p{parameter("a", {1.0f, -2.0f, 0.3f}, device), parameter("b", {3.0f}, device)};
        const auto optimizer = kind.make(p);
        for (int step = 0; step < 3; ++step) step_down(*optimizer, p);

        const std::vector<NamedTensor> q{{"a", p[0].tensor.clone()}, {"b", p[1].tensor.clone()}};
        for (Tensor tensor : {q[0].tensor, q[1].tensor}) tensor.set_requires_grad(true);
        const auto resumed = kind.make(q);
        const std::vector<NamedTensor> state = optimizer->state();
        for (const auto& [name, tensor] : state) CHECK(tensor.device() == kHost);
        resumed->load_state(state);
        const auto without = values_of(q);
        for (int step = 0; step < 3; ++step) {
          step_down(*optimizer, p);
          step_down(*resumed, q);
        }
        CHECK(values_of(p) == values_of(q));
        CHECK(values_of(q) != without);
        // The state was a copy: the steps after it did not move it.
        CHECK(state[0].tensor.to_vector<int32_t>() == std::vector<int32_t>{3, 3});
      }
    }
  }

  TEST_CASE("a state that does not fit is an error and changes nothing") {
    const std::vector<NamedTensor> p{parameter("a", {1.0f, -2.0f}), parameter("b", {3.0f})};
    Adam adam(p, {.lr = 0.1});
    step_down(adam, p);
    const std::vector<NamedTensor> good = adam.state();
    REQUIRE(good.size() == 5);

    const auto changed = [&](const std::string& name, const Tensor& tensor) {
      std::vector<NamedTensor> state = good;
      std::ranges::find(state, name, &NamedTensor::name)->tensor = tensor;
      return state;
    };
    const auto longer = [&](const std::string& name) {
      std::vector<NamedTensor> state = good;
      state.push_back({name, good.back().tensor});
      return state;
    };
    const Tensor other = Tensor::zeros({3}, DType::f32, kHost);
    const Tensor wide = Tensor::zeros({2}, DType::f64, kHost);
    const std::vector<int32_t> negative{1, -1};
    const std::vector<std::pair<std::string, std::vector<NamedTensor>>> bad{
        {"no 'step'", {good.begin() + 1, good.end()}},
        {"no 'b.exp_avg_sq'", {good.begin(), good.end() - 1}},
        {"'c.exp_avg'", longer("c.exp_avg")},
        {"'a.exp_avg' twice", longer("a.exp_avg")},
        {"(3)", changed("a.exp_avg", other)},
        {"f64", changed("a.exp_avg_sq", wide)},
        {"'b.exp_avg' in the state is undefined", changed("b.exp_avg", {})},
        {"expected (2) in i32", changed("step", Tensor::zeros({2}, DType::f32, kHost))},
        {"-1 updates", changed("step", Tensor::from(negative, {2}, kHost))}};
    for (const auto& [part, state] : bad) {
      CAPTURE(part);
      CHECK(throws_saying(part, [&] { adam.load_state(state); }));
    }
    // A state of another optimizer.
    for (const Kind& kind : kinds())
      if (kind.name != std::string("adam")) CHECK(throws_saying("'a.", [&] { kind.make(p)->load_state(good); }));

    const std::vector<NamedTensor> after = adam.state();
    for (size_t i = 1; i < good.size(); ++i)
      CHECK(after[i].tensor.to_vector<float>() == good[i].tensor.to_vector<float>());
    CHECK(after[0].tensor.to_vector<int32_t>() == good[0].tensor.to_vector<int32_t>());
  }

  TEST_CASE("schedules count epochs from 0") {
    const Schedule rate = step_rate(0.1, {{40, 0.01}, {80, 0.001}});
    CHECK(rate(0) == 0.1);
    CHECK(rate(39) == 0.1);
    CHECK(rate(40) == 0.01);
    CHECK(rate(79) == 0.01);
    CHECK(rate(80) == 0.001);
    CHECK(constant_rate(0.5)(1000) == 0.5);
  }
}

}  // namespace cofactor::testing
