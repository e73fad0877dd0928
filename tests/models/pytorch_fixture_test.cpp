// The two-layer CNN against PyTorch, with its weights: logits, losses, all gradients, ten steps of training.
#include <doctest/doctest.h>

#include <functional>

#include "engine/autograd.h"
#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"
#include "losses/cross_entropy.h"
#include "losses/dmi.h"
#include "models/two_layer_cnn.h"
#include "tests/fixtures/fixture.h"

namespace cofactor::testing {

namespace {

const Fixture& fixture() {
  static const Fixture two_layer_cnn("two_layer_cnn");
  return two_layer_cnn;
}

// The network with the fixture's weights "<prefix>.conv1.weight" ..., in evaluation: the fixture has no dropout.
std::unique_ptr<TwoLayerCnn> model_from(const std::string& prefix, const Setting& setting) {
  Initializer init(setting.device, 0, setting.dtype);
  auto model = std::make_unique<TwoLayerCnn>(init);
  std::vector<NamedTensor> state;
  for (const auto& [name, tensor] : model->parameters())
    state.push_back({name, cast(fixture().stored(prefix + "." + name), setting.dtype)});
  model->load_state(state);
  model->eval();
  return model;
}

// Compares the tensors, in the layout of files, with "<prefix>.<name>", if the fixture has it.
void check_all(const std::string& prefix, const std::vector<NamedTensor>& state, const Setting& setting,
               parity::Tolerance tolerance) {
  size_t compared = 0;
  for (const auto& [name, tensor] : state) {
    if (!fixture().has(prefix + "." + name)) continue;
    parity::check_close(fmt::format("{}.{}, {}", prefix, name, setting.name()), parity::values_of(tensor),
                        parity::values_of(fixture().stored(prefix + "." + name)), tolerance);
    ++compared;
  }
  CHECK(compared >= 2);
}

// The gradients of a network's parameters, in the layout of files.
std::vector<NamedTensor> gradients_of(const Module& model, const Setting& setting) {
  Initializer init(setting.device, 0, setting.dtype);
  TwoLayerCnn holder(init);
  const auto from = model.parameters(), to = holder.parameters();
  for (size_t i = 0; i < from.size(); ++i) to[i].tensor.copy_from(from[i].tensor.grad());
  return holder.state();
}

void check_gradients_of(const std::string& loss, const std::string& weights,
                        const std::function<Tensor(const Tensor&, const Tensor&)>& f) {
  for (const Setting& setting : settings()) {
    const auto model = model_from(weights, setting);
    const Tensor value = f((*model)(fixture().get("images", setting)), fixture().get("labels", setting));
    fixture().check(value, loss + ".loss", setting);
    backward(value);
    check_all(loss + ".grad", gradients_of(*model, setting), setting, setting.tolerance);
  }
}

// Ten steps of cross entropy on one batch.
void check_training(const std::string& name, parity::Tolerance final_tolerance,
                    const std::function<std::unique_ptr<Optimizer>(std::vector<NamedTensor>)>& make) {
  for (const Setting& setting : settings()) {
    const auto model = model_from("weights", setting);
    const auto optimizer = make(model->parameters());
    const Tensor images = fixture().get("images", setting), labels = fixture().get("labels", setting);
    std::vector<double> losses;
    for (int step = 0; step < 10; ++step) {
      optimizer->zero_grad();
      const Tensor loss = cross_entropy((*model)(images), labels);
      backward(loss);
      optimizer->step();
      losses.push_back(loss.item());
    }
    parity::check_close(fmt::format("{}, losses, {}", name, setting.name()), losses,
                        parity::values_of(fixture().stored(name + ".losses")), setting.tolerance);
    check_all(name + ".final", model->state(), setting,
              setting.dtype == DType::f64 ? setting.tolerance : final_tolerance);
  }
}

}  // namespace

TEST_SUITE("parity") {
  TEST_CASE("PyTorch's two-layer CNN: logits") {
    for (const Setting& setting : settings()) {
      const Tensor logits = (*model_from("weights", setting))(fixture().get("images", setting));
      fixture().check(logits, "logits", setting);
    }
  }

  TEST_CASE("PyTorch's two-layer CNN: cross entropy and all its gradients") {
    check_gradients_of("ce", "weights",
                       [](const Tensor& logits, const Tensor& labels) { return cross_entropy(logits, labels); });
  }

  TEST_CASE("PyTorch's two-layer CNN: DMI and all its gradients") {
    check_gradients_of("dmi", "adam.final",
                       [](const Tensor& logits, const Tensor& labels) { return dmi(logits, labels); });
  }

  TEST_CASE("PyTorch's two-layer CNN: ten steps of Adam") {
    // Adam divides by the magnitude of the gradient: if it is near 0, rounding decides the sign of the step.
    check_training("adam", {.absolute = 1e-4, .relative = 1e-4}, [](std::vector<NamedTensor> parameters) {
      return std::make_unique<Adam>(std::move(parameters), AdamOptions{.lr = 1e-3});
    });
  }

  TEST_CASE("PyTorch's two-layer CNN: ten steps of SGD with momentum and weight decay") {
    check_training("sgd", {}, [](std::vector<NamedTensor> parameters) {
      return std::make_unique<Sgd>(std::move(parameters),
                                   SgdOptions{.lr = 0.01, .momentum = 0.9, .weight_decay = 1e-4});
    });
  }

  TEST_CASE("PyTorch's two-layer CNN: ten steps of SGD with Nesterov's momentum") {
    check_training("nesterov", {}, [](std::vector<NamedTensor> parameters) {
      return std::make_unique<Sgd>(std::move(parameters),
                                   SgdOptions{.lr = 0.01, .momentum = 0.9, .weight_decay = 1e-4, .nesterov = true});
    });
  }
}

}  // namespace cofactor::testing
