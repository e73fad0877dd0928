// save_network NAME FILE [GIVEN]: writes the weights of a network of tests/models/torchvision.h, and its logits for the
// images there in evaluation ("logits"), to one file. The weights are those of the file GIVEN or, without it, initial
// weights after one batch of training. For tests/fixtures/check_saved_networks.py.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "engine/autograd.h"
#include "layers/pretrained.h"
#include "tests/models/torchvision.h"

namespace cofactor::testing {
namespace {

void save_network(const std::string& name, const std::string& path, const std::string& given) {
  const auto found = std::ranges::find(fixture_networks(), name, &FixtureNetwork::name);
  check(found != fixture_networks().end(), "save_network: there is no network \"{}\"", name);
  const Device device = available_devices().back();
  Initializer init(device, 7);
  const auto model = make_fixture_network(*found, init);
  const Tensor images = formula_images(found->height, found->width, device);
  const NoGrad no_grad;
  if (given.empty()) {
    (*model)(images);  // changes the running statistics and the counters
  } else {
    load_pretrained(*model, load_safetensors(given, device).tensors);
  }
  model->eval();
  std::vector<NamedTensor> state = model->state();
  state.push_back({"logits", (*model)(images)});
  save_safetensors(path, {state, {}});
}

}  // namespace
}  // namespace cofactor::testing

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    fmt::print(stderr, "usage: save_network NAME FILE [GIVEN]\n");
    return 2;
  }
  try {
    cofactor::testing::save_network(argv[1], argv[2], argc == 4 ? argv[3] : "");
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
  return 0;
}
