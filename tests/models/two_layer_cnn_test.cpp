// The two-layer CNN: shapes, names, number of parameters, dropout, and the gradients of the whole network.
#include "models/two_layer_cnn.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "engine/ops/conv.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/matmul.h"
#include "engine/ops/pool.h"
#include "losses/cross_entropy.h"
#include "tests/fixtures/errors.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

Tensor images(int64_t count, Device device) {
  return Tensor::from(random_values<float>(count * 28 * 28, 1), {count, 28, 28, 1}, device);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("two-layer CNN: PyTorch's names and shapes 14274 parameters for two classes") {
    Initializer init(Device::reference);
    const TwoLayerCnn model(init);
    const std::vector<std::pair<std::string, Shape>> expected{{"conv1.weight", {16, 1, 5, 5}},  {"conv1.bias", {16}},
                                                              {"conv2.weight", {32, 16, 5, 5}}, {"conv2.bias", {32}},
                                                              {"fc.weight", {2, 512}},          {"fc.bias", {2}}};
    const auto state = model.state();
    REQUIRE(state.size() == expected.size());
    int64_t count = 0;
    for (size_t i = 0; i < state.size(); ++i) {
      CHECK(state[i].name == expected[i].first);
      CHECK(state[i].tensor.shape() == expected[i].second);
      count += state[i].tensor.numel();
    }
    CHECK(count == 14274);
    CHECK(count == 13248 + 2 * 513);
  }

  TEST_CASE("two-layer CNN: any number of images and classes of one size") {
    for (const Device device : available_devices()) {
      Initializer init(device);
      TwoLayerCnn model(init, {.classes = 10});
      CHECK(model(images(1, device)).shape() == Shape{1, 10});
      CHECK(model(images(3, device)).shape() == Shape{3, 10});
      for (const Shape& wrong :
           {Shape{2, 1, 28, 28}, Shape{2, 32, 28, 1}, Shape{2, 28, 32, 1}, Shape{2, 28, 28, 3}, Shape{28, 28, 1}}) {
        const Tensor x = Tensor::zeros(wrong, DType::f32, device);
        CHECK(throws_saying(to_string(wrong) + ", expected (N, 28, 28, 1)", [&] { model(x); }));
      }
      CHECK(throws_saying("expected (N, 28, 28, 1)", [&] { model(Tensor()); }));
    }
  }

  TEST_CASE("two-layer CNN: ReLU after the pooling is ReLU before it gradients included") {
    for (const Device device : available_devices()) {
      Initializer init(device, 4);
      TwoLayerCnn model(init, {.dropout = 0.0});
      const auto p = model.parameters();
      const Tensor x = images(4, device);
      const Tensor seed = Tensor::from(random_values<float>(8, 2), {4, 2}, device);
      const auto gradients = [&](const Tensor& y) {
        for (const auto& [name, tensor] : p) tensor.set_grad({});
        backward(y, seed);
        std::vector<std::vector<float>> values{y.to_vector<float>()};
        for (const auto& [name, tensor] : p) values.push_back(tensor.grad().to_vector<float>());
        return values;
      };
      Tensor y = max_pool2d(relu(conv2d(x, p[0].tensor, p[1].tensor)), 2);
      y = max_pool2d(relu(conv2d(y, p[2].tensor, p[3].tensor)), 2);
      const auto as_written = gradients(linear(flatten(y), p[4].tensor, p[5].tensor));
      CHECK(gradients(model(x)) == as_written);
    }
  }

  TEST_CASE("two-layer CNN: dropout differs between steps but not between devices and is off in evaluation") {
    std::vector<float> reference;
    for (const Device device : available_devices()) {
      Initializer init(device, 4);
      TwoLayerCnn model(init);
      const Tensor x = images(2, device);
      const auto logits = [&](uint64_t step) {
        model.set_random(1, step);
        return model(x).to_vector<float>();
      };
      const auto first = logits(1), again = logits(1), second = logits(2);
      CHECK(first == again);
      CHECK(first != second);
      if (reference.empty()) reference = first;
      for (size_t i = 0; i < first.size(); ++i) CHECK(first[i] == doctest::Approx(reference[i]).epsilon(1e-4));
      model.eval();
      CHECK(logits(1) == logits(2));
      CHECK(logits(1) != first);
    }
  }
}

TEST_SUITE("gradient") {
  TEST_CASE(
      "two-layer CNN: the cross entropy's gradient with respect to every parameter and the images dropout included") {
    Initializer init(Device::reference, 4, DType::f64);
    TwoLayerCnn model(init);
    model.set_random(1, 1);
    Tensor x = random_tensor({2, 28, 28, 1}, 1);
    x.set_requires_grad(true);
    const Tensor labels = Tensor::from<int32_t>({1, 0}, {2}, Device::reference);
    std::vector<NamedTensor> inputs = model.parameters();
    inputs.push_back({"images", x});
    check_network_gradients([&] { return cross_entropy(model(x), labels); }, inputs, 1e-6);
    for (const auto& [name, tensor] : inputs) {
      CAPTURE(name);
      const std::vector<double> gradient = tensor.grad().to_vector<double>();
      // Not 0: otherwise the comparison would be void.
      CHECK(std::inner_product(gradient.begin(), gradient.end(), gradient.begin(), 0.0) > 1e-6);
    }
  }
}

}  // namespace cofactor::testing
