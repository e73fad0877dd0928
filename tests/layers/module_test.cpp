// Module: registration, names, training mode, random draws.
#include <doctest/doctest.h>

#include <set>

#include "layers/activation.h"
#include "layers/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/dropout.h"
#include "layers/linear.h"
#include "layers/sequential.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

// A module that registers the given tensors and modules.
class Registrar : public Module {
 public:
  using Module::random_key;
  using Module::register_buffer;
  using Module::register_module;
  using Module::register_parameter;
  Tensor forward(const Tensor& x) override { return x; }
};

Tensor ones(const Shape& shape, DType dtype = DType::f32) {
  return Tensor::full(shape, 1.0, dtype, Device::reference);
}

std::vector<std::string> names_of(const std::vector<NamedTensor>& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  return names;
}

// conv, batch norm, dropout and a nested block with a linear layer.
std::shared_ptr<Sequential> network(Initializer& init) {
  const auto block = std::make_shared<Sequential>();
  block->append("fc", std::make_shared<Linear>(init, LinearOptions{.in_features = 12, .out_features = 2}));
  return std::make_shared<Sequential>(
      std::vector<std::shared_ptr<Module>>{std::make_shared<Conv2d>(init, Conv2dOptions::square(1, 3, 2)),
                                           std::make_shared<BatchNorm>(init, BatchNormOptions{.features = 3}),
                                           std::make_shared<Dropout>(), std::make_shared<Flatten>(), block});
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("module: tensors are named by their path in the order of registration") {
    Initializer init(Device::reference);
    const auto net = network(init);
    const std::vector<std::string> parameters{"0.weight", "0.bias", "1.weight", "1.bias", "4.fc.weight", "4.fc.bias"};
    CHECK(names_of(net->parameters()) == parameters);
    const std::vector<std::string> buffers{"1.running_mean", "1.running_var", "1.num_batches_tracked"};
    CHECK(names_of(net->buffers()) == buffers);
    const std::vector<std::string> state{
        "0.weight",    "0.bias",   "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
        "4.fc.weight", "4.fc.bias"};
    CHECK(names_of(net->state()) == state);
    for (const auto& [name, tensor] : net->parameters()) CHECK(tensor.requires_grad());
    for (const auto& [name, tensor] : net->buffers()) CHECK_FALSE(tensor.requires_grad());
  }

  TEST_CASE("module: parameters are handles not copies") {
    Initializer init(Device::reference);
    Linear layer(init, {.in_features = 2, .out_features = 1});
    layer.parameters()[0].tensor.copy_from(Tensor::from<float>({2.0f, 3.0f}, {1, 2}, Device::reference));
    layer.parameters()[1].tensor.copy_from(Tensor::from<float>({0.5f}, {1}, Device::reference));
    const Tensor y = layer(Tensor::from<float>({10.0f, 1.0f}, {1, 2}, Device::reference));
    CHECK(y.to_vector<float>() == std::vector<float>{23.5f});
  }

  TEST_CASE("module: names are checked") {
    Registrar module;
    module.register_parameter("weight", ones({2}));
    module.register_buffer("mean", ones({2}));
    module.register_module("child", std::make_shared<Registrar>());
    for (const char* taken : {"weight", "mean", "child"}) {
      CHECK(throws_saying(taken, [&] { module.register_parameter(taken, ones({2})); }));
      CHECK(throws_saying(taken, [&] { module.register_buffer(taken, ones({2})); }));
      CHECK(throws_saying(taken, [&] { module.register_module(taken, std::make_shared<Registrar>()); }));
    }
    CHECK(throws_saying("the name 'a.b' is empty or contains a dot",
                        [&] { module.register_parameter("a.b", ones({2})); }));
    CHECK(throws_saying("the name '' is empty or contains a dot", [&] { module.register_buffer("", ones({2})); }));
    CHECK(throws_saying("'x' is undefined", [&] { module.register_parameter("x", {}); }));
    CHECK(throws_saying("'x' is undefined", [&] { module.register_buffer("x", {}); }));
    CHECK(throws_saying("'x' is null", [&] { module.register_module("x", std::shared_ptr<Registrar>()); }));
    CHECK(throws_saying("i32", [&] { module.register_parameter("x", ones({2}, DType::i32)); }));
    const FileLayout conv{.kind = FileLayout::Kind::conv_weight};
    CHECK(throws_saying("(2, 3)", [&] { module.register_parameter("x", ones({2, 3}), conv); }));
    const FileLayout flattened{.kind = FileLayout::Kind::flattened_weight, .height = 2, .width = 2};
    CHECK(throws_saying("2 x 2", [&] { module.register_parameter("x", ones({3, 6}), flattened); }));
    CHECK(names_of(module.state()) == std::vector<std::string>{"weight", "mean"});
  }

  TEST_CASE("module: training and evaluation mode are set in every layer") {
    const auto inner = std::make_shared<Registrar>(), leaf = std::make_shared<Registrar>();
    inner->register_module("leaf", leaf);
    Registrar root;
    root.register_module("inner", inner);
    CHECK((root.training() && inner->training() && leaf->training()));
    root.eval();
    CHECK_FALSE((root.training() || inner->training() || leaf->training()));
    inner->train();
    CHECK((!root.training() && inner->training() && leaf->training()));
    root.train(false);
    CHECK_FALSE(leaf->training());
  }

  TEST_CASE("module: each layer has a random stream of its own keyed by seed and step and position") {
    const auto first = std::make_shared<Registrar>(), below = std::make_shared<Registrar>(),
               last = std::make_shared<Registrar>();
    first->register_module("below", below);
    Registrar root;
    root.register_module("first", first);
    root.register_module("last", last);
    root.set_random(7, 11);
    std::set<uint32_t> indices;
    for (const Registrar* module : std::vector<const Registrar*>{&root, first.get(), below.get(), last.get()}) {
      const RandomKey key = module->random_key(Purpose::dropout);
      CHECK(key.seed == 7);
      CHECK(key.step == 11);
      CHECK(key.purpose == Purpose::dropout);
      indices.insert(key.index);
    }
    CHECK(indices == std::set<uint32_t>{0, 1, 2, 3});
  }
}

}  // namespace cofactor::testing
