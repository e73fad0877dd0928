// Image networks by the names that the command line knows.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/resnet.h"
#include "models/vgg.h"

namespace cofactor {

// What the networks can be told; each reads its own part.
struct NetworkOptions {
  int64_t classes = 1000;
  int64_t image_height = 224, image_width = 224;  // VGG's linear head is for one size alone
  ResNetStem stem = ResNetStem::imagenet;         // of ResNet
  VggHead head = VggHead::torchvision;            // of VGG
  double dropout = 0.5;                           // of VGG with torchvision's head
};

// The network of that name, for images (N, H, W, 3), its weights drawn from `init`. Throws Error for any other name
// than network_names(), listing them, and for options outside their ranges.
std::unique_ptr<Module> make_network(std::string_view name, Initializer& init, const NetworkOptions& options = {});

// Pixels of a side that the network of that name needs: 32 for VGG, 1 for ResNet. Throws Error for an unknown name.
int64_t smallest_image(std::string_view name);

// "resnet18", "resnet20", "resnet34", "resnet50", "vgg11", "vgg13", "vgg16", "vgg19" (VGG with batch norm).
std::vector<std::string> network_names();

}  // namespace cofactor
