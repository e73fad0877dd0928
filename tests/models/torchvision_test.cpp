// ResNet and VGG against torchvision: names, shapes and counts, files, and logits from the same weights.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/autograd.h"
#include "tests/fixtures/fixture.h"
#include "tests/fixtures/temporary_folder.h"
#include "tests/models/torchvision.h"

namespace cofactor::testing {

namespace {

const Fixture& networks_fixture() {
  static const Fixture networks("networks");
  return networks;
}

// The devices for whole networks in f32: the reference backend only if there is no other, since it is slow.
std::vector<Device> fast_devices() {
  std::vector<Device> devices = available_devices();
  if (devices.size() > 1) std::erase(devices, Device::reference);
  return devices;
}

// The logits of deep residual networks in evaluation are in the hundreds: errors are relative to the largest.
parity::Tolerance tolerance_beside(const Tensor& expected, double relative) {
  double largest = 1.0;
  for (const double value : parity::values_of(expected)) largest = std::max(largest, std::abs(value));
  return {.absolute = relative * largest, .relative = relative};
}

// In evaluation with the statistics of the formula, in training, and in evaluation with the statistics after it.
void check_logits(const FixtureNetwork& network, const Setting& setting, double relative) {
  Initializer init(setting.device, 0, setting.dtype);
  const auto model = make_fixture_network(network, init);
  model->load_state(formula_state(*model, setting.dtype));
  const Tensor images = formula_images(network.height, network.width, setting.device, setting.dtype);
  const NoGrad no_grad;
  for (const std::string moment : {"evaluation", "training", "after"}) {
    const std::string name = network.name + "." + moment;
    model->train(moment == "training");
    networks_fixture().check((*model)(images), name, setting,
                             tolerance_beside(networks_fixture().stored(name), relative));
  }
}

// The networks of torchvision's that have a counterpart here, with the numbers of parameters that it documents.
const std::vector<std::pair<std::string, int64_t>> kDocumented{
    {"resnet18", 11689512}, {"resnet34", 21797672}, {"resnet50", 25557032}, {"vgg11", 132868840},
    {"vgg13", 133053736},   {"vgg16", 138365992},   {"vgg19", 143678248}};

// The networks in torchvision's default form. VGG's hidden layers have kHidden units instead of 4096, to be fast.
constexpr int64_t kHidden = 3, kTorchvisionHidden = 4096;

std::unique_ptr<Module> torchvision_form(const std::string& name, Initializer& init) {
  if (name.starts_with("resnet")) return make_network(name, init);
  return std::make_unique<Vgg>(init, VggOptions{.depth = std::stoi(name.substr(3)), .hidden = kHidden});
}

std::vector<ListedTensor> listed_form(const std::string& name) {
  std::vector<ListedTensor> listed = torchvision_state(name);
  for (ListedTensor& tensor : listed)
    for (int axis = 0; axis < tensor.shape.rank(); ++axis)
      if (tensor.name.starts_with("classifier") && tensor.shape[axis] == kTorchvisionHidden)
        tensor.shape[axis] = kHidden;
  return listed;
}

void check_same_tensor(const NamedTensor& ours, const ListedTensor& theirs) {
  CHECK(ours.name == theirs.name);
  CHECK(ours.tensor.shape() == theirs.shape);
  // PyTorch's counters are i64; each side can read those of the other.
  CHECK(ours.tensor.dtype() == (theirs.dtype == "i64" ? DType::i32 : DType::f32));
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("torchvision: the stored lists have the parameters that its documentation counts") {
    for (const auto& [name, parameters] : kDocumented) {
      int64_t count = 0;
      for (const auto& [tensor, dtype, shape] : torchvision_state(name))
        if (!tensor.ends_with(".running_mean") && !tensor.ends_with(".running_var") && dtype != "i64")
          count += shape.numel();
      CHECK(count == parameters);
    }
    CHECK(VggOptions().hidden == kTorchvisionHidden);
  }

  TEST_CASE("torchvision: every network has its names shapes and dtypes in its order") {
    for (const auto& [name, parameters] : kDocumented) {
      CAPTURE(name);
      Initializer init(Device::reference);
      const auto state = torchvision_form(name, init)->state();
      const auto listed = listed_form(name);
      REQUIRE(state.size() == listed.size());
      for (size_t i = 0; i < state.size(); ++i) check_same_tensor(state[i], listed[i]);
    }
  }

  TEST_CASE("torchvision: saved files have its names and shapes and dtypes") {
    for (const std::string name : {"resnet18", "vgg11"}) {
      CAPTURE(name);
      Initializer init(Device::reference);
      const TemporaryFolder folder;
      save_safetensors(folder / "weights.safetensors", {torchvision_form(name, init)->state(), {}});
      auto loaded = load_safetensors(folder / "weights.safetensors", Device::reference).tensors;
      auto listed = listed_form(name);
      std::ranges::sort(loaded, {}, &NamedTensor::name);
      std::ranges::sort(listed, {}, &ListedTensor::name);
      REQUIRE(loaded.size() == listed.size());
      for (size_t i = 0; i < loaded.size(); ++i) check_same_tensor(loaded[i], listed[i]);
    }
  }
}

TEST_SUITE("parity") {
  TEST_CASE("torchvision: the same logits from the same weights in f64") {
    check_logits(fixture_networks().front(), {Device::reference, DType::f64, {}}, 1e-6);
  }

  TEST_CASE("torchvision: the same logits from the same weights for ResNet with either stem") {
    for (const FixtureNetwork& network : fixture_networks())
      for (const Device device : fast_devices())
        if (network.name.starts_with("resnet")) check_logits(network, {device, DType::f32, {}}, 1e-4);
  }

  TEST_CASE("torchvision: the same logits from the same weights for VGG with either head") {
    for (const FixtureNetwork& network : fixture_networks())
      for (const Device device : fast_devices())
        if (network.name.starts_with("vgg")) check_logits(network, {device, DType::f32, {}}, 1e-4);
  }
}

}  // namespace cofactor::testing
