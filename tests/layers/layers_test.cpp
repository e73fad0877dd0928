// The layers: each computes its op with its own tensors, in training and evaluation, with the right gradients.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/ops/batch_norm.h"
#include "engine/ops/conv.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "engine/ops/layout.h"
#include "engine/ops/matmul.h"
#include "engine/ops/pool.h"
#include "engine/ops/reduce.h"
#include "layers/activation.h"
#include "layers/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/dropout.h"
#include "layers/embedding.h"
#include "layers/linear.h"
#include "layers/pool.h"
#include "layers/sequential.h"
#include "tests/fixtures/errors.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

using Values = std::vector<float>;

Tensor image(const Shape& shape, Device device, uint32_t index = 1) {
  return Tensor::from(random_values<float>(shape.numel(), index), shape, device);
}

void check_equal(const Tensor& a, const Tensor& b) {
  CHECK(a.shape() == b.shape());
  CHECK(a.to_vector<float>() == b.to_vector<float>());
}

// Checks the gradient with respect to each parameter of a layer in f64 against central differences.
void check_parameter_gradients(Module& layer, const Tensor& x) {
  const Tensor seed = random_tensor(layer(x).shape(), 77);
  check_network_gradients([&] { return sum(layer(x) * seed); }, layer.parameters(), 1e-6);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("conv2d layer: its op with its weights with and without bias") {
    for (const Device device : available_devices()) {
      Initializer init(device, 3);
      const Conv2dParams params{.stride_h = 2, .pad_w = 1, .dilation_h = 2, .activation = Activation::relu};
      const Tensor x = image({2, 7, 6, 3}, device);
      Conv2d layer(init, {.in_channels = 3, .out_channels = 4, .kernel_h = 2, .kernel_w = 3, .params = params});
      const auto p = layer.parameters();
      REQUIRE(p.size() == 2);
      check_equal(layer(x), conv2d(x, p[0].tensor, p[1].tensor, params));

      Conv2dOptions options = Conv2dOptions::square(3, 4, 3, 2, 1);
      options.bias = false;
      Conv2d plain(init, options);
      REQUIRE(plain.parameters().size() == 1);
      const Conv2dParams square{.stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1};
      check_equal(plain(x), conv2d(x, plain.parameters()[0].tensor, {}, square));
    }
  }

  TEST_CASE("linear layer: its op with its weights with and without bias") {
    for (const Device device : available_devices()) {
      Initializer init(device, 3);
      const Tensor x = image({5, 6}, device);
      Linear layer(init, {.in_features = 6, .out_features = 4});
      const auto p = layer.parameters();
      check_equal(layer(x), linear(x, p[0].tensor, p[1].tensor));
      Linear plain(init, {.in_features = 6, .out_features = 4, .bias = false});
      REQUIRE(plain.parameters().size() == 1);
      check_equal(plain(x), linear(x, plain.parameters()[0].tensor, {}));
    }
  }

  TEST_CASE("batch norm layer: batch statistics in training running ones in evaluation") {
    for (const Device device : available_devices()) {
      Initializer init(device, 3);
      BatchNorm layer(init, {.features = 2, .momentum = 0.5, .epsilon = 0.0});
      const auto buffers = layer.buffers();
      // Channel 0: 1 and 3, mean 2, unbiased variance 2. Channel 1: 0 and 8, mean 4, unbiased variance 32.
      const Tensor x = Tensor::from<float>({1, 0, 3, 8}, {2, 2}, device);
      CHECK(layer(x).to_vector<float>() == Values{-1, -1, 1, 1});
      CHECK(buffers[0].tensor.to_vector<float>() == Values{1, 2});
      CHECK(buffers[1].tensor.to_vector<float>() == Values{1.5f, 16.5f});
      CHECK(buffers[2].tensor.to_vector<int32_t>() == std::vector<int32_t>{1});

      layer.eval();
      const Values y = layer(x).to_vector<float>();
      CHECK(y[2] == doctest::Approx(2.0 / std::sqrt(1.5)));
      CHECK(y[3] == doctest::Approx(6.0 / std::sqrt(16.5)));
      CHECK(buffers[0].tensor.to_vector<float>() == Values{1, 2});
      CHECK(buffers[2].tensor.to_vector<int32_t>() == std::vector<int32_t>{1});

      BatchNorm fused(init, {.features = 2, .epsilon = 0.0, .activation = Activation::relu});
      CHECK(fused(x).to_vector<float>() == Values{0, 0, 1, 1});
    }
  }

  TEST_CASE("batch norm layer: a residual is added before the activation and the batch counted") {
    for (const Device device : available_devices()) {
      Initializer init(device, 3);
      BatchNorm layer(init, {.features = 2, .momentum = 0.5, .epsilon = 0.0, .activation = Activation::relu});
      const Tensor x = Tensor::from<float>({1, 0, 3, 8}, {2, 2}, device);  // normalised: -1, -1, 1, 1
      const Tensor residual = Tensor::from<float>({0.5f, 3, -2, 1}, {2, 2}, device);
      CHECK(layer.forward(x, residual).to_vector<float>() == Values{0, 2, 0, 2});
      CHECK(layer.buffers()[0].tensor.to_vector<float>() == Values{1, 2});
      CHECK(layer.buffers()[2].tensor.to_vector<int32_t>() == std::vector<int32_t>{1});
      CHECK(layer.forward(x, {}).to_vector<float>() == Values{0, 0, 1, 1});
      layer.eval();
      const auto y = layer.forward(x, residual).to_vector<float>();
      const auto plain = layer(x).to_vector<float>();
      CHECK(y[1] == doctest::Approx(3.0 + (0 - 3.0) / std::sqrt(24.25)));  // running mean 3, variance 24.25
      CHECK(plain[1] == 0.0f);
    }
  }

  TEST_CASE("embedding layer: rows of its table") {
    for (const Device device : available_devices()) {
      Initializer init(device, 3);
      Embedding layer(init, {.count = 4, .dimension = 3});
      const Values table = layer.parameters()[0].tensor.to_vector<float>();
      const Tensor y = layer(Tensor::from<int32_t>({3, 0}, {1, 2}, device));
      CHECK(y.shape() == Shape{1, 2, 3});
      const Values expected{table[9], table[10], table[11], table[0], table[1], table[2]};
      CHECK(y.to_vector<float>() == expected);
    }
  }

  TEST_CASE("pool layers: their ops") {
    for (const Device device : available_devices()) {
      const Tensor x = image({2, 6, 5, 3}, device);
      check_equal(MaxPool2d(2)(x), max_pool2d(x, 2));
      check_equal(MaxPool2d(3, 2)(x), max_pool2d(x, 3, 2));
      check_equal(AvgPool2d(2)(x), avg_pool2d(x, 2));
      check_equal(AvgPool2d(3, 1)(x), avg_pool2d(x, 3, 1));
      const Pool2dParams params{.kernel_h = 3, .kernel_w = 2, .stride_w = 2, .pad_h = 1};
      check_equal(Pool2d(params)(x), pool2d(x, params));
      check_equal(AdaptivePool2d(PoolKind::max, 2, 3)(x), adaptive_max_pool2d(x, 2, 3));
      check_equal(AdaptivePool2d(PoolKind::average, 1, 1)(x), adaptive_avg_pool2d(x, 1, 1));
    }
  }

  TEST_CASE("activations and flatten as layers") {
    const Tensor x = image({2, 3, 2}, Device::reference);
    check_equal(Relu()(x), relu(x));
    check_equal(Tanh()(x), tanh(x));
    check_equal(Sigmoid()(x), sigmoid(x));
    check_equal(Flatten()(x), x.view({2, 6}));
  }

  TEST_CASE("sequential: layers in order by number or by name") {
    Sequential net({std::make_shared<Flatten>(), std::make_shared<Tanh>()});
    net.append("out", std::make_shared<Relu>());
    CHECK(net.size() == 3);
    const Tensor x = image({2, 3, 2}, Device::reference);
    check_equal(net(x), relu(tanh(x.view({2, 6}))));
    CHECK(Sequential()(x).is_same(x));
    CHECK(throws_saying("'out' is already taken", [&] { net.append("out", std::make_shared<Relu>()); }));
    CHECK(net.size() == 3);
  }

  TEST_CASE("dropout layer: masks depend only on seed and step and position") {
    const auto masked = [](Device device, uint64_t seed, uint64_t step, size_t place) {
      std::vector<std::shared_ptr<Module>> layers(3, nullptr);
      for (auto& layer : layers) layer = std::make_shared<Dropout>(0.25);
      Sequential net(layers);
      net.set_random(seed, step);
      return (*layers[place])(Tensor::full({40, 50}, 3.0, DType::f32, device)).to_vector<float>();
    };
    const Values mask = masked(Device::reference, 1, 2, 0);
    for (const Device device : available_devices()) CHECK(masked(device, 1, 2, 0) == mask);
    CHECK(masked(Device::reference, 2, 2, 0) != mask);
    CHECK(masked(Device::reference, 1, 3, 0) != mask);
    CHECK(masked(Device::reference, 1, 2, 1) != mask);
    CHECK(masked(Device::reference, 1, 2, 2) != masked(Device::reference, 1, 2, 1));

    const auto dropped = std::ranges::count(mask, 0.0f);
    CHECK(dropped > 500 - 100);  // of 2000, five standard errors
    CHECK(dropped < 500 + 100);
    CHECK(std::ranges::count(mask, 4.0f) == 2000 - dropped);
  }

  TEST_CASE("dropout in the middle of a network: the parts of a batch get the masks of the whole") {
    for (const Device device : available_devices())
      for (const bool in_bf16 : {false, true}) {
        Initializer init(device, 3);
        // Shapes by sample: (5, 6, 2), (4, 5, 3) at the first dropout, (60) flat, (7) at the second.
        Sequential net({std::make_shared<Conv2d>(init, Conv2dOptions::square(2, 3, 2)), std::make_shared<Dropout>(0.3),
                        std::make_shared<Flatten>(),
                        std::make_shared<Linear>(init, LinearOptions{.in_features = 60, .out_features = 7}),
                        std::make_shared<Tanh>(), std::make_shared<Dropout>(0.5)});
        net.compute_in_bf16(in_bf16);
        Tensor x = image({10, 5, 6, 2}, device);
        if (in_bf16) x = cast(x, DType::bf16);
        const auto zeros = [](const Tensor& y) {
          std::vector<bool> dropped;
          for (const float value : cast(y, DType::f32).to_vector<float>()) dropped.push_back(value == 0.0f);
          return dropped;
        };
        net.set_random(5, 9);
        const Tensor whole = net(x);
        const std::vector<bool> mask = zeros(whole);
        std::vector<bool> joined;
        for (const auto& [first, rows] : {std::pair<int64_t, int64_t>{0, 3}, {3, 1}, {4, 6}}) {
          net.set_random(5, 9, first);
          const Tensor y = net(slice(x, 0, first, rows));
          const std::vector<bool> part = zeros(y);
          joined.insert(joined.end(), part.begin(), part.end());
          // The values too, which depend on the masks of the first dropout.
          const Tensor expected = cast(slice(whole, 0, first, rows), DType::f64), found = cast(y, DType::f64);
          CHECK(max(abs(found - expected)).item() < (in_bf16 ? 0.05 : 1e-5));
        }
        CHECK(joined == mask);
        CHECK(std::ranges::count(mask, true) > 10);
        net.set_random(5, 9, 1);
        CHECK(zeros(net(x)) != mask);
      }
    Dropout layer(0.5);
    CHECK(throws_saying("set_random: the first sample has number -1", [&] { layer.set_random(1, 1, -1); }));
  }

  TEST_CASE("dropout layer: nothing is dropped in evaluation and p must be in 0 to 1") {
    Dropout layer(0.9);
    layer.eval();
    const Tensor x = image({3, 4}, Device::reference);
    CHECK(layer(x).is_same(x));
    for (const double p : {-0.1, 1.0, std::nan("")})
      CHECK(throws_saying("expected a probability in [0, 1)", [p] { Dropout layer_of_bad_p(p); }));
  }
}

TEST_SUITE("gradient") {
  TEST_CASE("layers: gradients of every parameter") {
    Initializer init(Device::reference, 3, DType::f64);
    Conv2d conv(init, Conv2dOptions::square(2, 3, 3, 2, 1));
    check_parameter_gradients(conv, random_tensor({2, 5, 4, 2}, 1));
    Linear fc(init, {.in_features = 6, .out_features = 4});
    check_parameter_gradients(fc, random_tensor({3, 6}, 2));
    Embedding table(init, {.count = 5, .dimension = 3});
    check_parameter_gradients(table, Tensor::from<int32_t>({4, 1, 1}, {3}, Device::reference));
    BatchNorm norm(init, {.features = 3});
    check_parameter_gradients(norm, random_tensor({4, 2, 3}, 3));
    norm.eval();
    for (const auto& [name, tensor] : norm.parameters()) tensor.set_grad({});
    check_parameter_gradients(norm, random_tensor({4, 2, 3}, 3));
  }

  TEST_CASE("batch norm layer: gradients of x and of the residual") {
    Initializer init(Device::reference, 3, DType::f64);
    BatchNorm norm(init, {.features = 3, .activation = Activation::relu});
    for (const bool training : {true, false}) {
      norm.train(training);
      check_gradients([&](const std::vector<Tensor>& in) { return norm.forward(in[0], in[1]); },
                      {random_tensor({4, 2, 3}, 5), random_tensor({4, 2, 3}, 6)});
    }
  }

  TEST_CASE("layers: the gradient of a whole network with respect to its input") {
    Initializer init(Device::reference, 3, DType::f64);
    Sequential net({std::make_shared<Conv2d>(init, Conv2dOptions::square(2, 3, 2)),
                    std::make_shared<BatchNorm>(init, BatchNormOptions{.features = 3}), std::make_shared<Tanh>(),
                    std::make_shared<AvgPool2d>(2), std::make_shared<Dropout>(0.5), std::make_shared<Flatten>(),
                    std::make_shared<Linear>(init, LinearOptions{.in_features = 12, .out_features = 2})});
    net.set_random(1, 1);
    check_gradients([&](const std::vector<Tensor>& in) { return net(in[0]); }, {random_tensor({2, 5, 5, 2}, 4)});
  }
}

}  // namespace cofactor::testing
