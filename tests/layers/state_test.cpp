// Files: layouts, round trips, and states that do not fit.
#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "engine/autograd.h"
#include "engine/io/safetensors.h"
#include "engine/ops/layout.h"
#include "layers/activation.h"
#include "layers/batch_norm.h"
#include "layers/conv2d.h"
#include "layers/embedding.h"
#include "layers/linear.h"
#include "layers/sequential.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

using Values = std::vector<float>;

Tensor tensor(const Values& values, const Shape& shape, Device device = Device::reference) {
  return Tensor::from(values, shape, device);
}

// 0, 1, 2, ...
Tensor counting(const Shape& shape) {
  Values values(static_cast<size_t>(shape.numel()));
  std::iota(values.begin(), values.end(), 0.0f);
  return tensor(values, shape);
}

std::shared_ptr<Sequential> network(Device device, uint64_t seed) {
  Initializer init(device, seed);
  return std::make_shared<Sequential>(std::vector<std::shared_ptr<Module>>{
      std::make_shared<Conv2d>(init, Conv2dOptions{.in_channels = 2, .out_channels = 3, .kernel_h = 3, .kernel_w = 2}),
      std::make_shared<BatchNorm>(init, BatchNormOptions{.features = 3}), std::make_shared<Flatten>(),
      std::make_shared<Linear>(
          init,
          LinearOptions{.in_features = 3 * 2 * 4, .out_features = 5, .flattened_height = 2, .flattened_width = 4})});
}

// Shape (N, 4, 5, 2), which the convolution takes to (N, 2, 4, 3).
Tensor images(Device device) {
  Values values(2 * 4 * 5 * 2);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7) - 3.0f;
  return tensor(values, {2, 4, 5, 2}, device);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  return a.dtype() == DType::i32 ? a.to_vector<int32_t>() == b.to_vector<int32_t>()
                                 : a.to_vector<float>() == b.to_vector<float>();
}

bool same_state(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
  return std::ranges::equal(a, b, [](const NamedTensor& left, const NamedTensor& right) {
    return left.name == right.name && same_bits(left.tensor, right.tensor);
  });
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("file layout: a convolution's weight is OHWI here and OIHW in files") {
    const FileLayout layout{.kind = FileLayout::Kind::conv_weight};
    // One output, 1 x 2 pixels, 3 inputs: pixel 0 has 0 1 2, pixel 1 has 3 4 5.
    const Tensor memory = counting({1, 1, 2, 3});
    CHECK(file_shape(memory.shape(), layout) == Shape{1, 3, 1, 2});
    const Tensor file = to_file_layout(memory, layout);
    CHECK(file.shape() == Shape{1, 3, 1, 2});
    CHECK(file.to_vector<float>() == Values{0, 3, 1, 4, 2, 5});
    CHECK(same_bits(from_file_layout(file, memory.shape(), layout), memory));
  }

  TEST_CASE("file layout: columns after a flatten follow H W C here and C H W in files") {
    const FileLayout layout{.kind = FileLayout::Kind::flattened_weight, .height = 2, .width = 1};
    const Tensor memory = counting({2, 6});  // columns: pixel 0's channels 0 1 2, pixel 1's 3 4 5
    const Tensor file = to_file_layout(memory, layout);
    CHECK(file.shape() == Shape{2, 6});
    CHECK(file.to_vector<float>() == Values{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11});
    CHECK(same_bits(from_file_layout(file, memory.shape(), layout), memory));
  }

  TEST_CASE("file layout: a shape that does not match is an error") {
    const FileLayout layout{.kind = FileLayout::Kind::conv_weight};
    CHECK(throws_saying("expected (4, 3, 5, 6)", [&] {
      from_file_layout(counting({4, 5, 6, 3}), {4, 5, 6, 3}, layout);
    }));
  }

  TEST_CASE("file layout: a linear layer computes PyTorch's result from PyTorch's weight") {
    Initializer init(Device::reference);
    Linear layer(init, {.in_features = 6, .out_features = 1, .flattened_height = 1, .flattened_width = 2});
    layer.load_state({{"weight", tensor({1, 10, 100, 1000, 1e4f, 1e5f}, {1, 6})}, {"bias", tensor({0.5f}, {1})}});
    // In C, H, W order the image is 1 2 | 3 4 | 5 6, so that PyTorch's flatten gives 1 2 3 4 5 6.
    const Tensor y = layer(flatten(tensor({1, 3, 5, 2, 4, 6}, {1, 1, 2, 3})));
    CHECK(y.to_vector<float>() == Values{654321.5f});
  }

  TEST_CASE("state: saving to a file and loading give the same bits on every device") {
    for (const Device device : available_devices()) {
      const auto saved = network(device, 1), loaded = network(device, 2);
      (*saved)(images(device));  // changes the running statistics
      const auto state = saved->state();
      for (const auto& [name, held] : state) CHECK(held.device() == Device::reference);
      CHECK_FALSE(same_state(state, loaded->state()));
      const TemporaryFolder folder;
      save_safetensors(folder / "weights", {state, {}});
      loaded->load_state(load_safetensors(folder / "weights", device).tensors);

      std::vector<NamedTensor> after = loaded->state();
      CHECK(same_state(after, state));
      saved->eval();
      loaded->eval();
      CHECK(same_bits((*saved)(images(device)), (*loaded)(images(device))));
      const auto batches = std::ranges::find(after, "1.num_batches_tracked", &NamedTensor::name);
      CHECK(batches->tensor.shape() == Shape{});
      CHECK(batches->tensor.to_vector<int32_t>() == std::vector<int32_t>{1});
    }
  }

  TEST_CASE("state: it is a copy that does not change with the module") {
    Initializer init(Device::reference);
    Embedding layer(init, {.count = 2, .dimension = 2});
    const auto state = layer.state();
    const Values before = state[0].tensor.to_vector<float>();
    layer.parameters()[0].tensor.copy_from(tensor({1, 2, 3, 4}, {2, 2}));
    CHECK(state[0].tensor.to_vector<float>() == before);
    CHECK(layer.state()[0].tensor.to_vector<float>() == Values{1, 2, 3, 4});
    // After loading, the module does not share the tensors of the state.
    layer.load_state(state);
    layer.parameters()[0].tensor.copy_from(tensor({5, 6, 7, 8}, {2, 2}));
    CHECK(state[0].tensor.to_vector<float>() == before);
  }

  TEST_CASE("state: loading keeps the tensors that the optimizer holds") {
    Initializer init(Device::reference);
    Embedding layer(init, {.count = 2, .dimension = 2});
    const Tensor before = layer.parameters()[0].tensor;
    layer.load_state({{"weight", tensor({1, 2, 3, 4}, {2, 2})}});
    CHECK(layer.parameters()[0].tensor.is_same(before));
    CHECK(before.requires_grad());
    CHECK(before.to_vector<float>() == Values{1, 2, 3, 4});
  }

  TEST_CASE("state: a mismatch is an error and changes nothing") {
    const auto net = network(Device::reference, 3);
    const auto good = net->state();
    const auto other = network(Device::reference, 4)->state();
    const auto changed = [&](const std::string& name, const Tensor& value) {
      std::vector<NamedTensor> state = other;  // everything else matches, and would change the network
      std::ranges::find(state, name, &NamedTensor::name)->tensor = value;
      return state;
    };
    const auto longer = [&](const std::string& name) {
      std::vector<NamedTensor> state = other;
      state.push_back({name, other[0].tensor});
      return state;
    };
    const std::vector<std::pair<std::string, std::vector<NamedTensor>>> bad{
        {"'3.bias' is missing", {other.begin(), other.end() - 1}},
        {"'0.weight' is missing", {}},
        {"this network has no tensor '4.weight'", longer("4.weight")},
        {"'3.bias' is given twice", longer("3.bias")},
        {"'3.bias' is undefined", changed("3.bias", {})},
        {"'3.bias' has shape (6) in f32, expected (5) in f32", changed("3.bias", counting({6}))},
        // The layout in memory, not that of files.
        {"'0.weight' has shape (3, 3, 2, 2) in f64",
         changed("0.weight", Tensor::zeros({3, 3, 2, 2}, DType::f64, Device::reference))},
        {"expected (3, 2, 3, 2) in f32", changed("0.weight", counting({3, 3, 2, 2}))},
        {"has shape () in f32, expected () in i32", changed("1.num_batches_tracked", counting({}))}};
    for (const auto& [part, state] : bad) {
      CAPTURE(part);
      CHECK(throws_saying(part, [&] { net->load_state(state); }));
      CHECK(same_state(net->state(), good));
    }
    net->load_state(other);
    CHECK(same_state(net->state(), other));
  }
}

}  // namespace cofactor::testing
