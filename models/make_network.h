// Makes image networks by name.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/resnet.h"
#include "models/vgg.h"

namespace cofactor {

// The options of all networks. A network ignores those of the others.
struct NetworkOptions {
  int64_t classes = 1000;
  int64_t image_height = 224, image_width = 224;  // for VGG's linear head, which takes no other size
  ResNetStem stem = ResNetStem::imagenet;         // of ResNet
  VggHead head = VggHead::torchvision;            // of VGG
  double dropout = 0.5;                           // of VGG with torchvision's head
};

// Makes the network of that name, which takes images (N, H, W, 3) to logits (N, classes), with initial weights from
// `init`. Throws Error, with the known names, if the name is unknown, and if an option is out of range.
std::unique_ptr<Module> make_network(std::string_view name, Initializer& init, const NetworkOptions& options = {});

// The smallest height and width, in pixels, of images for that network: 32 for VGG, 1 for ResNet. Throws Error if the
// name is unknown.
int64_t smallest_image(std::string_view name);

// The names of all networks: ResNets, such as "resnet34", and VGGs with batch norm, such as "vgg16".
std::vector<std::string> network_names();

}  // namespace cofactor
