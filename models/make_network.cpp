#include "models/make_network.h"

#include <fmt/ranges.h>

#include <array>

namespace cofactor {

namespace {

enum class Family { resnet, vgg };

struct KnownNetwork {
  std::string_view name;
  Family family;
  int depth;
};

constexpr std::array kNetworks{
    KnownNetwork{"resnet18", Family::resnet, 18}, KnownNetwork{"resnet20", Family::resnet, 20},
    KnownNetwork{"resnet34", Family::resnet, 34}, KnownNetwork{"resnet50", Family::resnet, 50},
    KnownNetwork{"vgg11", Family::vgg, 11},       KnownNetwork{"vgg13", Family::vgg, 13},
    KnownNetwork{"vgg16", Family::vgg, 16},       KnownNetwork{"vgg19", Family::vgg, 19},
};

const KnownNetwork& find_network(std::string_view name) {
  for (const KnownNetwork& known : kNetworks)
    if (known.name == name) return known;
  fail("make_network: there is no network \"{}\", expected one of: {}", name, fmt::join(network_names(), ", "));
}

std::unique_ptr<Module> make_known(const KnownNetwork& known, Initializer& init, const NetworkOptions& options) {
  if (known.family == Family::resnet)
    return std::make_unique<ResNet>(init, ResNetOptions::of_depth(known.depth, options.classes, options.stem));
  return std::make_unique<Vgg>(init, VggOptions{.depth = known.depth,
                                                .classes = options.classes,
                                                .head = options.head,
                                                .image_height = options.image_height,
                                                .image_width = options.image_width,
                                                .dropout = options.dropout});
}

}  // namespace

std::unique_ptr<Module> make_network(std::string_view name, Initializer& init, const NetworkOptions& options) {
  return make_known(find_network(name), init, options);
}

int64_t smallest_image(std::string_view name) {
  return find_network(name).family == Family::vgg ? kVggReduction : 1;
}

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  names.reserve(kNetworks.size());
  for (const KnownNetwork& known : kNetworks) names.emplace_back(known.name);
  return names;
}

}  // namespace cofactor
