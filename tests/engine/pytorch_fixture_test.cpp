// Single ops and the optimizers against PyTorch's numbers: values, gradients, running statistics, ten steps.
#include <functional>
#include <map>

#include "engine/autograd.h"
#include "engine/ops/batch_norm.h"
#include "engine/ops/conv.h"
#include "engine/ops/embedding.h"
#include "engine/ops/pool.h"
#include "engine/ops/softmax.h"
#include "engine/optim/adam.h"
#include "engine/optim/sgd.h"
#include "tests/fixtures/fixture.h"

namespace cofactor::testing {

namespace {

const Fixture& ops() {
  static const Fixture fixture("ops");
  return fixture;
}

using Leaves = std::map<std::string, Tensor>;

// Compares f's output and the gradients of its inputs with the case `name` in every setting.
void check_case(const std::string& name, const std::vector<std::string>& inputs,
                const std::function<Tensor(Leaves&, const Setting&)>& f) {
  for (const Setting& setting : settings()) {
    Leaves leaves;
    for (const std::string& input : inputs) leaves[input] = ops().leaf(name + "." + input, setting);
    const Tensor y = f(leaves, setting);
    ops().check(y, name + ".y", setting);
    backward(y, ops().get(name + ".seed", setting));
    for (const auto& [input, leaf] : leaves)
      if (leaf.defined()) ops().check(leaf.grad(), name + ".d" + input, setting);
  }
}

// An optimizer of "a" and "b" with the fixture's ten gradients and falling rates; "b" has none in step 4.
void check_optimizer(const std::string& name, double lr,
                     const std::function<std::unique_ptr<Optimizer>(std::vector<NamedTensor>)>& make) {
  for (const Setting& setting : settings()) {
    const std::vector<NamedTensor> parameters{{"a", ops().leaf("optim.a", setting)},
                                              {"b", ops().leaf("optim.b", setting)}};
    const auto optimizer = make(parameters);
    for (int step = 0; step < 10; ++step) {
      optimizer->set_lr(lr / (1 + step));
      optimizer->zero_grad();
      for (const auto& [key, tensor] : parameters) {
        if (step == 4 && key == "b") continue;
        const Tensor gradients = ops().get("optim.gradients." + key, setting);
        tensor.set_grad(slice(gradients, 0, step, 1).view(tensor.shape()));
      }
      optimizer->step();
    }
    for (const auto& [key, tensor] : parameters) ops().check(tensor, "optim." + name + "." + key, setting);
    size_t moments = 0;
    for (const auto& [key, tensor] : optimizer->state()) {
      if (key == "step") {
        CHECK(tensor.to_vector<int32_t>() == std::vector<int32_t>{10, 9});
        continue;
      }
      ops().check(tensor, "optim." + name + "." + key, setting);
      ++moments;
    }
    CHECK(moments == (name == "sgd" ? 0 : name.starts_with("adam") ? 4 : 2));
  }
}

TEST_SUITE("parity") {
  TEST_CASE("PyTorch's convolutions: padding stride dilation no bias fused ReLU") {
    const std::map<std::string, Conv2dParams> cases{
        {"padded", {.pad_h = 1, .pad_w = 1}},
        {"dilated", {.stride_h = 2, .pad_h = 2, .pad_w = 1, .dilation_h = 2, .dilation_w = 3}},
        {"pointwise", {.stride_h = 2, .stride_w = 2}},
        {"relu", {.activation = Activation::relu}}};
    for (const auto& [name, params] : cases)
      check_case("conv." + name, {"x", "w", "b"},
                 [&](Leaves& in, const Setting&) { return conv2d(in["x"], in["w"], in["b"], params); });
  }

  TEST_CASE("PyTorch's pools: max average with and without its padding adaptive") {
    const std::map<std::string, std::function<Tensor(const Tensor&)>> cases{
        {"max", [](const Tensor& x) { return max_pool2d(x, 3, 2, 1); }},
        {"max_rectangle",
         [](const Tensor& x) {
           return pool2d(x, {.kernel_h = 2, .kernel_w = 3, .stride_h = 1, .stride_w = 2, .pad_h = 1});
         }},
        {"average", [](const Tensor& x) { return avg_pool2d(x, 3, 2, 1); }},
        {"average_inside", [](const Tensor& x) { return avg_pool2d(x, 3, 2, 1, false); }},
        {"adaptive_max", [](const Tensor& x) { return adaptive_max_pool2d(x, 3, 4); }},
        {"adaptive_average", [](const Tensor& x) { return adaptive_avg_pool2d(x, 5, 2); }}};
    for (const auto& [name, f] : cases)
      check_case("pool." + name, {"x"}, [&](Leaves& in, const Setting&) { return f(in["x"]); });
  }

  TEST_CASE("PyTorch's batch norm in training with the running statistics it leaves") {
    check_case("batch_norm.train", {"x", "scale", "shift"}, [](Leaves& in, const Setting& setting) {
      const Tensor mean = ops().get("batch_norm.running_mean", setting).clone();
      const Tensor variance = ops().get("batch_norm.running_var", setting).clone();
      const Tensor y =
          batch_norm(in["x"], in["scale"], in["shift"], mean, variance, {.momentum = 0.2, .epsilon = 1e-3});
      ops().check(mean, "batch_norm.train.running_mean", setting);
      ops().check(variance, "batch_norm.train.running_var", setting);
      return y;
    });
  }

  TEST_CASE("PyTorch's batch norm with a residual and ReLU") {
    for (const bool training : {true, false})
      check_case(training ? "batch_norm.residual_train" : "batch_norm.residual_eval",
                 {"x", "scale", "shift", "residual"}, [&](Leaves& in, const Setting& setting) {
                   const Tensor mean = ops().get("batch_norm.residual_running_mean", setting).clone();
                   const Tensor variance = ops().get("batch_norm.residual_running_var", setting).clone();
                   return batch_norm(in["x"], in["scale"], in["shift"], mean, variance,
                                     {.training = training, .epsilon = 1e-3, .activation = Activation::relu},
                                     in["residual"]);
                 });
  }

  TEST_CASE("PyTorch's batch norm in evaluation") {
    check_case("batch_norm.eval", {"x", "scale", "shift"}, [](Leaves& in, const Setting& setting) {
      return batch_norm(in["x"], in["scale"], in["shift"], ops().get("batch_norm.running_mean", setting),
                        ops().get("batch_norm.running_var", setting), {.training = false, .epsilon = 1e-3});
    });
  }

  TEST_CASE("PyTorch's embedding softmax and log-softmax") {
    check_case("embedding", {"table"}, [](Leaves& in, const Setting& setting) {
      return embedding(in["table"], ops().get("embedding.indices", setting));
    });
    check_case("softmax", {"x"}, [](Leaves& in, const Setting&) { return softmax(in["x"]); });
    check_case("log_softmax", {"x"}, [](Leaves& in, const Setting&) { return log_softmax(in["x"]); });
  }

  TEST_CASE("PyTorch's SGD: ten steps with changing rates") {
    const std::map<std::string, SgdOptions> cases{
        {"sgd", {.lr = 0.1, .weight_decay = 0.01}},
        {"momentum", {.lr = 0.1, .momentum = 0.9, .dampening = 0.1, .weight_decay = 0.01}},
        {"nesterov", {.lr = 0.1, .momentum = 0.9, .nesterov = true}}};
    for (const auto& [name, options] : cases)
      check_optimizer(name, options.lr, [&](std::vector<NamedTensor> parameters) {
        return std::make_unique<Sgd>(std::move(parameters), options);
      });
  }

  TEST_CASE("PyTorch's Adam: ten steps with changing rates") {
    const std::map<std::string, AdamOptions> cases{
        {"adam", {.lr = 0.01}},
        {"adam_decay", {.lr = 0.01, .beta1 = 0.8, .beta2 = 0.99, .epsilon = 1e-4, .weight_decay = 0.1}}};
    for (const auto& [name, options] : cases)
      check_optimizer(name, options.lr, [&](std::vector<NamedTensor> parameters) {
        return std::make_unique<Adam>(std::move(parameters), options);
      });
  }
}

}  // namespace

}  // namespace cofactor::testing
