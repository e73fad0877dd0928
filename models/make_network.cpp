#include "models/make_network.h"

#include <fmt/ranges.h>

#include <array>

namespace cofactor {

namespace {

std::unique_ptr<Module> make_resnet(int depth, Initializer& init, const NetworkOptions& options) {
  return std::make_unique<ResNet>(init, ResNetOptions::of_depth(depth, options.classes, options.stem));
}

std::unique_ptr<Module> make_vgg(int depth, Initializer& init, const NetworkOptions& options) {
  return std::make_unique<Vgg>(init, VggOptions{.depth = depth,
                                                .classes = options.classes,
                                                .head = options.head,
                                                .image_height = options.image_height,
                                                .image_width = options.image_width,
                                                .dropout = options.dropout});
}

struct KnownNetwork {
  std::string_view name;
  int depth;
  std::unique_ptr<Module> (*make)(int depth, Initializer& init, const NetworkOptions& options);
  int64_t smallest_image;
};

constexpr std::array kNetworks{
    KnownNetwork{"resnet18", 18, make_resnet, 1},       KnownNetwork{"resnet20", 20, make_resnet, 1},
    KnownNetwork{"resnet34", 34, make_resnet, 1},       KnownNetwork{"resnet50", 50, make_resnet, 1},
    KnownNetwork{"vgg11", 11, make_vgg, kVggReduction}, KnownNetwork{"vgg13", 13, make_vgg, kVggReduction},
    KnownNetwork{"vgg16", 16, make_vgg, kVggReduction}, KnownNetwork{"vgg19", 19, make_vgg, kVggReduction},
};

const KnownNetwork& find_network(std::string_view name) {
  for (const KnownNetwork& known : kNetworks)
    if (known.name == name) return known;
  fail("make_network: unknown network '{}', expected one of {}", name, fmt::join(network_names(), ", "));
}

}  // namespace

std::unique_ptr<Module> make_network(std::string_view name, Initializer& init, const NetworkOptions& options) {
  const KnownNetwork& known = find_network(name);
  return known.make(known.depth, init, options);
}

int64_t smallest_image(std::string_view name) {
  return find_network(name).smallest_image;
}

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  names.reserve(kNetworks.size());
  for (const KnownNetwork& known : kNetworks) names.emplace_back(known.name);
  return names;
}

}  // namespace cofactor
