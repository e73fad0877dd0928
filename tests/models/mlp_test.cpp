// The networks for features: names and shapes, forward as composed of ops, gradients, dropout, bf16 and states.
#include "models/mlp.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "losses/cross_entropy.h"
#include "tests/fixtures/errors.h"
#include "tests/gradient_check.h"
#include "tests/models/logits_and_gradients.h"

namespace cofactor::testing {

namespace {

const MlpOptions kSmallMlp{.features = 5, .hidden = {7, 6}, .classes = 3};

Tensor feature_rows(int64_t count, Device device, int64_t features = 5) {
  return Tensor::from(random_values<float>(count * features, 1), {count, features}, device);
}

void check_names(const Module& model, const std::vector<std::pair<std::string, Shape>>& expected) {
  const auto state = model.state();
  REQUIRE(state.size() == expected.size());
  for (size_t i = 0; i < state.size(); ++i) {
    CHECK(state[i].name == expected[i].first);
    CHECK(state[i].tensor.shape() == expected[i].second);
  }
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("MLP: names and shapes of mlp and of linear") {
    Initializer init(Device::reference);
    check_names(Mlp(init, kSmallMlp), {{"hidden.0.weight", {7, 5}},
                                       {"hidden.0.bias", {7}},
                                       {"hidden.1.weight", {6, 7}},
                                       {"hidden.1.bias", {6}},
                                       {"fc.weight", {3, 6}},
                                       {"fc.bias", {3}}});
    check_names(*make_feature_network("linear", init, kSmallMlp), {{"fc.weight", {3, 5}}, {"fc.bias", {3}}});
    check_names(*make_feature_network("mlp", init, {.features = 4}), {{"hidden.0.weight", {256, 4}},
                                                                      {"hidden.0.bias", {256}},
                                                                      {"hidden.1.weight", {256, 256}},
                                                                      {"hidden.1.bias", {256}},
                                                                      {"fc.weight", {2, 256}},
                                                                      {"fc.bias", {2}}});
    CHECK(feature_network_names() == std::vector<std::string>{"linear", "mlp"});
  }

  TEST_CASE("MLP: forward and gradients are those of the ops that it is made of") {
    for (const Device device : available_devices()) {
      Initializer init(device, 4);
      Mlp model(init, kSmallMlp);
      const auto p = model.parameters();
      const Tensor x = feature_rows(9, device);
      const Tensor seed = Tensor::from(random_values<float>(27, 2), {9, 3}, device);
      const auto outputs_and_gradients = [&](const Tensor& y) {
        for (const auto& [name, tensor] : p) tensor.set_grad({});
        backward(y, seed);
        std::vector<std::vector<float>> values{y.to_vector<float>()};
        for (const auto& [name, tensor] : p) values.push_back(tensor.grad().to_vector<float>());
        return values;
      };
      Tensor y = relu(linear(x, p[0].tensor, p[1].tensor));
      y = relu(linear(y, p[2].tensor, p[3].tensor));
      const auto as_ops = outputs_and_gradients(linear(y, p[4].tensor, p[5].tensor));
      CHECK(outputs_and_gradients(model(x)) == as_ops);
    }
  }

  TEST_CASE("MLP: dropout differs between steps and is off in evaluation") {
    Initializer init(Device::reference, 4);
    MlpOptions options = kSmallMlp;
    options.dropout = 0.5;
    Mlp model(init, options);
    const Tensor x = feature_rows(4, Device::reference);
    const auto logits = [&](uint64_t step) {
      model.set_random(1, step);
      return model(x).to_vector<float>();
    };
    CHECK(logits(1) == logits(1));
    CHECK(logits(1) != logits(2));
    model.eval();
    CHECK(logits(1) == logits(2));
  }

  TEST_CASE("MLP: a state moves to another network and device with the same logits") {
    Initializer first(Device::reference, 1);
    Mlp model(first, kSmallMlp);
    const std::vector<float> expected = model(feature_rows(3, Device::reference)).to_vector<float>();
    for (const Device device : available_devices()) {
      Initializer second(device, 2);
      Mlp other(second, kSmallMlp);
      CHECK(other(feature_rows(3, device)).to_vector<float>() != expected);
      other.load_state(model.state());
      const std::vector<float> logits = other(feature_rows(3, device)).to_vector<float>();
      for (size_t i = 0; i < expected.size(); ++i) CHECK(logits[i] == doctest::Approx(expected[i]).epsilon(1e-5));
    }
  }

  TEST_CASE("MLP: bf16 keeps logits and gradients in f32 and comes near f32") {
    for (const Device device : available_devices()) {
      Initializer init(device, 3);
      Mlp model(init, {.features = 16, .hidden = {32}, .classes = 3});
      const Tensor x = feature_rows(6, device, 16);
      const Tensor labels = Tensor::from<int32_t>({0, 1, 2, 1, 0, 2}, {6}, device);
      const auto exact = logits_and_gradients(model, x, labels, false);
      const auto rounded = logits_and_gradients(model, x, labels, true);
      CHECK(exact != rounded);
      for (size_t k = 0; k < exact.size(); ++k) {
        double error = 0.0, size = 0.0;
        for (size_t i = 0; i < exact[k].size(); ++i) {
          error += std::pow(exact[k][i] - rounded[k][i], 2);
          size += std::pow(exact[k][i], 2);
        }
        CHECK(std::sqrt(error) < 0.1 * std::sqrt(size));
      }
    }
  }

  TEST_CASE("MLP: invalid options and inputs are errors") {
    Initializer init(Device::reference);
    Mlp model(init, kSmallMlp);
    CHECK(throws_saying("MLP: x has shape (2, 4), expected (N, 5)",
                        [&] { model(feature_rows(2, Device::reference, 4)); }));
    CHECK(throws_saying("expected (N, 5)", [&] { model(Tensor()); }));
    CHECK(throws_saying("0 input", [&] { Mlp(init, {.features = 0}); }));
    CHECK(throws_saying("-1 output", [&] { Mlp(init, {.features = 3, .hidden = {-1}}); }));
    CHECK(throws_saying("dropout layer: p is 1", [&] { Mlp(init, {.features = 3, .hidden = {2}, .dropout = 1.0}); }));
    CHECK(throws_saying("unknown network 'deep', expected one of linear, mlp",
                        [&] { make_feature_network("deep", init, kSmallMlp); }));
    CHECK(throws_saying("an mlp without hidden layers",
                        [&] { make_feature_network("mlp", init, {.features = 3, .hidden = {}}); }));
  }
}

TEST_SUITE("gradient") {
  TEST_CASE("MLP: the cross entropy's gradient with respect to every parameter and the features dropout included") {
    Initializer init(Device::reference, 4, DType::f64);
    MlpOptions options = kSmallMlp;
    options.dropout = 0.25;
    Mlp model(init, options);
    model.set_random(1, 1);
    Tensor x = random_tensor({4, 5}, 1);
    x.set_requires_grad(true);
    const Tensor labels = Tensor::from<int32_t>({1, 0, 2, 1}, {4}, Device::reference);
    std::vector<NamedTensor> inputs = model.parameters();
    inputs.push_back({"features", x});
    check_network_gradients([&] { return cross_entropy(model(x), labels); }, inputs, 1e-6);
    for (const auto& [name, tensor] : inputs) {
      CAPTURE(name);
      const std::vector<double> gradient = tensor.grad().to_vector<double>();
      // Not 0: otherwise the comparison would be void.
      CHECK(std::inner_product(gradient.begin(), gradient.end(), gradient.begin(), 0.0) > 1e-6);
    }
  }
}

TEST_SUITE("parity") {
  TEST_CASE("MLP: every device's logits are those of the reference over odd shapes") {
    const std::vector<MlpOptions> shapes = {{.features = 1, .hidden = {1}, .classes = 2},
                                            {.features = 33, .hidden = {17, 65, 3}, .classes = 11},
                                            {.features = 129, .hidden = {}, .classes = 3}};
    for (const MlpOptions& options : shapes) {
      Initializer reference_init(Device::reference, 9);
      Mlp reference(reference_init, options);
      const int64_t rows = 13;
      const auto expected = reference(feature_rows(rows, Device::reference, options.features)).to_vector<float>();
      for (const Device device : available_devices()) {
        Initializer init(device, 9);
        Mlp model(init, options);
        const auto logits = model(feature_rows(rows, device, options.features)).to_vector<float>();
        for (size_t i = 0; i < expected.size(); ++i) {
          CHECK(logits[i] == doctest::Approx(expected[i]).epsilon(1e-5).scale(1.0));
        }
      }
    }
  }
}

}  // namespace cofactor::testing
