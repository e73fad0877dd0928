// torchvision's networks as in tests/fixtures/make_network_fixtures.py: weights from its formula, and the
// names, dtypes and shapes of their states.
#pragma once

#include <cmath>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "engine/io/safetensors.h"
#include "engine/ops/layout.h"
#include "models/make_network.h"

namespace cofactor::testing {

// Element i is SplitMix64's output i, seeded by the name's FNV-1a hash, in [-1, 1).
inline std::vector<double> formula_values(const std::string& name, int64_t count) {
  uint64_t state = 0xcbf29ce484222325u;
  for (const char byte : name) state = (state ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  std::vector<double> values(static_cast<size_t>(count));
  for (double& value : values) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    value = 2.0 * (static_cast<double>(z >> 11) * 0x1p-53) - 1.0;
  }
  return values;
}

// The tensor of that name by the formula, of a shape in files. Weights preserve the variance of activations, and batch
// norm is close to its initial values.
inline std::vector<double> formula_weights(const std::string& name, const Shape& shape) {
  std::vector<double> values = formula_values(name, shape.numel());
  double offset = 0.0, scale = 0.1;
  if (shape.rank() > 1) {
    scale = std::sqrt(6.0 / static_cast<double>(shape.numel() / shape[0]));
  } else if (name.ends_with(".weight")) {
    offset = 1.0, scale = 0.25;
  } else if (name.ends_with(".running_var")) {
    offset = 1.0, scale = 0.5;
  }
  for (double& value : values) value = offset + scale * value;
  return values;
}

// Values on the host in a dtype.
inline Tensor host_tensor(const std::vector<double>& values, const Shape& shape, DType dtype) {
  if (dtype == DType::f64) return Tensor::from(values, shape, Device::reference);
  return Tensor::from(std::vector<float>(values.begin(), values.end()), shape, Device::reference);
}

// A state for this network, with floats of `dtype`.
inline std::vector<NamedTensor> formula_state(const Module& model, DType dtype = DType::f32) {
  std::vector<NamedTensor> result;
  for (const auto& [name, tensor] : model.state()) {
    const bool counter = tensor.dtype() == DType::i32;
    result.push_back({name, counter ? Tensor::zeros(tensor.shape(), DType::i32, Device::reference)
                                    : host_tensor(formula_weights(name, tensor.shape()), tensor.shape(), dtype)});
  }
  return result;
}

// Two images (2, height, width, 3).
inline Tensor formula_images(int64_t height, int64_t width, Device device, DType dtype = DType::f32) {
  const Shape in_file{2, 3, height, width};
  return permute(host_tensor(formula_values("images", in_file.numel()), in_file, dtype), {0, 2, 3, 1}).to(device);
}

// One of NETWORKS in the script.
struct FixtureNetwork {
  std::string name;  // "resnet34.cifar": the network and its stem or head
  int64_t height, width;

  std::string kind() const { return name.substr(0, name.find('.')); }
};

inline const std::vector<FixtureNetwork>& fixture_networks() {
  static const std::vector<FixtureNetwork> networks{{"resnet18.cifar", 16, 20},    {"resnet34.cifar", 16, 20},
                                                    {"resnet18.imagenet", 64, 48}, {"resnet34.imagenet", 64, 48},
                                                    {"resnet50.imagenet", 64, 48}, {"vgg11.linear", 64, 32},
                                                    {"vgg13.linear", 64, 32},      {"vgg16.linear", 64, 32},
                                                    {"vgg19.linear", 64, 32},      {"vgg11.torchvision", 64, 32}};
  return networks;
}

inline std::unique_ptr<Module> make_fixture_network(const FixtureNetwork& network, Initializer& init) {
  constexpr int64_t kClasses = 10, kHidden = 16;  // as in the script
  if (network.name == "vgg11.torchvision")
    return std::make_unique<Vgg>(
        init,
        VggOptions{.depth = 11, .classes = kClasses, .head = VggHead::torchvision, .dropout = 0.0, .hidden = kHidden});
  return make_network(network.kind(), init,
                      {.classes = kClasses,
                       .image_height = network.height,
                       .image_width = network.width,
                       .stem = network.name.ends_with(".cifar") ? ResNetStem::cifar : ResNetStem::imagenet,
                       .head = VggHead::linear});
}

struct ListedTensor {
  std::string name, dtype;
  Shape shape;  // in files
};

// The state of torchvision's network ("resnet34", "vgg16": with batch norm) for 1000 classes, in torchvision's order.
inline std::vector<ListedTensor> torchvision_state(const std::string& network) {
  std::ifstream file(COFACTOR_SOURCE_DIR "/tests/fixtures/torchvision_states.txt");
  std::vector<ListedTensor> result;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind;
    ListedTensor tensor;
    words >> kind >> tensor.name >> tensor.dtype;
    for (int64_t extent; words >> extent;) tensor.shape.push_back(extent);
    if (kind == network) result.push_back(tensor);
  }
  return result;
}

}  // namespace cofactor::testing
