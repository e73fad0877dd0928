// Weights from another network: what is loaded, what may differ, and errors.
#include "layers/pretrained.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "layers/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "layers/sequential.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

// conv, batch norm, linear ("fc.0"), and the classifier "fc.3" after it.
std::shared_ptr<Sequential> pretrainable(int64_t classes, uint64_t seed, Device device = Device::reference) {
  Initializer init(device, seed);
  const auto head = std::make_shared<Sequential>();
  head->append("0", std::make_shared<Linear>(init, LinearOptions{.in_features = 4, .out_features = 4}));
  head->append("3", std::make_shared<Linear>(init, LinearOptions{.in_features = 4, .out_features = classes}));
  const auto network = std::make_shared<Sequential>();
  network->append("conv", std::make_shared<Conv2d>(init, Conv2dOptions::square(2, 4, 3)));
  network->append("bn", std::make_shared<BatchNorm>(init, BatchNormOptions{.features = 4}));
  network->append("fc", head);
  return network;
}

using State = std::vector<NamedTensor>;

Tensor& find(State& state, const std::string& name) {
  return std::ranges::find(state, name, &NamedTensor::name)->tensor;
}

bool same_values(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  return a.dtype() == DType::i32 ? a.to_vector<int32_t>() == b.to_vector<int32_t>()
                                 : a.to_vector<float>() == b.to_vector<float>();
}

bool same_values(const State& a, const State& b) {
  return std::ranges::equal(a, b, [](const NamedTensor& left, const NamedTensor& right) {
    return left.name == right.name && same_values(left.tensor, right.tensor);
  });
}

// The state of another network, for these classes, with other batch statistics.
State foreign_state(int64_t classes) {
  State state = pretrainable(classes, 1)->state();
  find(state, "bn.running_mean") = Tensor::full({4}, 0.5, DType::f32, Device::reference);
  find(state, "bn.num_batches_tracked") = Tensor::full({}, 7.0, DType::i32, Device::reference);
  return state;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("pretrained: a state for the same classes is loaded whole") {
    for (const Device device : available_devices()) {
      const auto network = pretrainable(3, 2, device);
      CHECK(load_pretrained(*network, foreign_state(3)) == "loaded 11 of 11 tensors");
      CHECK(same_values(network->state(), foreign_state(3)));
    }
  }

  TEST_CASE("pretrained: a classifier for other classes keeps its initial weights and the rest is loaded") {
    const auto network = pretrainable(3, 2);
    const State before = network->state(), given = foreign_state(1000);
    CHECK(load_pretrained(*network, given) ==
          "loaded 9 of 11 tensors; fc.3 keeps its initial weights: fc.3.weight has shape (1000, 4) in the state and "
          "(3, 4) in the network, "
          "fc.3.bias has shape (1000) in the state and (3) in the network");
    const State after = network->state();
    for (size_t i = 0; i < after.size(); ++i) {
      CAPTURE(after[i].name);
      CHECK(same_values(after[i].tensor, (after[i].name.starts_with("fc.3") ? before : given)[i].tensor));
    }
  }

  TEST_CASE("pretrained: counters that are missing in old files start at 0") {
    const auto network = pretrainable(3, 2);
    network->load_state(foreign_state(3));
    State given = foreign_state(3);
    std::erase_if(given, [](const NamedTensor& named) { return named.name == "bn.num_batches_tracked"; });
    CHECK(load_pretrained(*network, given) ==
          "loaded 10 of 11 tensors; 1 num_batches_tracked are not in the state and start at 0");
    State after = network->state();
    CHECK(find(after, "bn.num_batches_tracked").to_vector<int32_t>() == std::vector<int32_t>{0});
  }

  TEST_CASE("pretrained: a common prefix is removed and tensors without it are ignored") {
    for (const std::string prefix : {"module.", "model.", "backbone.", "module.encoder_q.", "0."}) {
      CAPTURE(prefix);
      State given = foreign_state(3);
      for (NamedTensor& named : given) named.name = prefix + named.name;
      const auto network = pretrainable(3, 2);
      CHECK(load_pretrained(*network, given) ==
            "loaded 11 of 11 tensors; the prefix '" + prefix + "' was removed from their names");
      CHECK(same_values(network->state(), foreign_state(3)));
      given.push_back({"head.weight", Tensor::zeros({2}, DType::f32, Device::reference)});
      CHECK(contains(load_pretrained(*network, given),
                     "' was removed from their names and 1 without it were ignored (head.weight)"));
    }
  }

  TEST_CASE("pretrained: without a classifier in the state the network's own keeps its initial weights") {
    const auto network = pretrainable(3, 2);
    const State before = network->state();
    State given = foreign_state(1000);
    std::erase_if(given, [](const NamedTensor& named) { return named.name.starts_with("fc.3."); });
    CHECK(load_pretrained(*network, given) ==
          "loaded 9 of 11 tensors; fc.3 keeps its initial weights: it is not in the state");
    std::erase_if(given, [](const NamedTensor& named) { return named.name.starts_with("fc."); });
    CHECK(load_pretrained(*network, given) ==
          "loaded 7 of 11 tensors; fc keeps its initial weights: it is not in the state");
    const State after = network->state();
    for (size_t i = 0; i < after.size(); ++i)
      if (after[i].name.starts_with("fc.3.")) CHECK(same_values(after[i].tensor, before[i].tensor));
  }

  TEST_CASE("pretrained: f64 and bf16 are converted and reported") {
    for (const DType dtype : {DType::f64, DType::bf16}) {
      State given = foreign_state(3);
      // Values that every dtype can represent.
      for (NamedTensor& named : given)
        if (named.tensor.dtype() == DType::f32)
          named.tensor = Tensor::full(named.tensor.shape(), -0.375, dtype, Device::reference);
      for (const Device device : available_devices()) {
        const auto network = pretrainable(3, 2, device);
        CHECK(load_pretrained(*network, given) ==
              fmt::format("loaded 11 of 11 tensors; 10 converted from {} to f32", dtype));
        const State after = network->state();
        for (const NamedTensor& named : after)
          if (named.tensor.dtype() == DType::f32)
            for (const float value : named.tensor.to_vector<float>()) CHECK(value == -0.375f);
      }
    }
    // The counter is converted too.
    for (const auto& [count, expected] : {std::pair{7.0, 7}, std::pair{double{INFINITY}, 0}}) {
      State halved = foreign_state(3);
      find(halved, "bn.num_batches_tracked") = Tensor::full({}, count, DType::f32, Device::reference);
      const auto network = pretrainable(3, 2);
      CHECK(load_pretrained(*network, halved) == "loaded 11 of 11 tensors");
      State after = network->state();
      CHECK(find(after, "bn.num_batches_tracked").to_vector<int32_t>() == std::vector<int32_t>{expected});
    }
    State given = foreign_state(3);
    find(given, "bn.bias") = Tensor::full({4}, 1e300, DType::f64, Device::reference);
    CHECK(throws_saying("element 0 of 'bn.bias' is inf", [&] { load_pretrained(*pretrainable(3, 2), given); }));
  }

  TEST_CASE("pretrained: every other mismatch is an error and changes nothing") {
    const auto network = pretrainable(3, 2);
    const State before = network->state();
    const auto zeros = [](const Shape& shape, DType dtype = DType::f32) {
      return Tensor::zeros(shape, dtype, Device::reference);
    };
    const auto changed = [](const std::string& name, const Tensor& tensor, int64_t classes = 3) {
      State state = foreign_state(classes);
      find(state, name) = tensor;
      return state;
    };
    const auto without = [](const std::string& name, int64_t classes) {
      State state = foreign_state(classes);
      std::erase_if(state, [&](const NamedTensor& named) { return named.name == name; });
      return state;
    };
    const auto of = [](const std::vector<float>& values) {
      return Tensor::from(values, {static_cast<int64_t>(values.size())}, Device::reference);
    };
    State twice = foreign_state(3);
    twice.push_back(twice.front());
    State longer = foreign_state(1000);
    longer.push_back({"aux.weight", zeros({1})});
    const std::vector<std::pair<std::string, State>> bad{
        {"'conv.weight' is missing", without("conv.weight", 1000)},
        {"'bn.running_var' is missing", without("bn.running_var", 3)},
        {"'fc.3.bias' is missing", without("fc.3.bias", 3)},
        {"'fc.3.weight' has shape (1000, 4)", without("fc.3.bias", 1000)},
        {"this network has no tensor 'aux.weight'", longer},
        {"'fc.0.weight' has shape (5, 4)", changed("fc.0.weight", zeros({5, 4}))},  // not the classifier
        {"'conv.weight' has shape (8, 2, 3, 3)", changed("conv.weight", zeros({8, 2, 3, 3}))},
        // Another number of inputs, of classes in one of two tensors only, and another dtype.
        {"'fc.3.weight' has shape (1000, 5)", changed("fc.3.weight", zeros({1000, 5}), 1000)},
        {"'fc.3.weight' has shape (5, 4)", changed("fc.3.weight", zeros({5, 4}))},
        {"'fc.3.weight' has shape (1000, 4)", changed("fc.3.bias", zeros({999}), 1000)},
        {"'fc.3.weight' has shape (1000, 4) in i32", changed("fc.3.weight", zeros({1000, 4}, DType::i32), 1000)},
        {"'fc.3.weight' is missing", without("fc.3.weight", 3)},
        {"none of the 1 tensors of the state is one of this network: the first is 'aux.weight' in the state and "
         "'conv.weight' in the network",
         {{"aux.weight", zeros({1})}}},
        {"'conv.weight' is given twice", twice},
        {"element 2 of 'bn.bias' is nan", changed("bn.bias", of({0, 0, NAN, 0}))},
        {"element 0 of 'bn.weight' is -inf", changed("bn.weight", of({-INFINITY, 0, NAN, 0}))},
        {"element 1 of 'fc.3.bias' is inf", changed("fc.3.bias", of({0, INFINITY, 0}))},
        {"'fc.3.bias' is undefined", changed("fc.3.bias", {}, 1000)}};
    for (const auto& [part, state] : bad) {
      CAPTURE(part);
      CHECK(throws_saying(part, [&] { load_pretrained(*network, state); }));
      CHECK(same_values(network->state(), before));
    }
    Sequential empty;
    CHECK(throws_saying("has no parameters", [&] { load_pretrained(empty, {}); }));
  }
}

}  // namespace cofactor::testing
