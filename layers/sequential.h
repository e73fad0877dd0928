// A sequence of layers, as torch.nn.Sequential.
#pragma once

#include "layers/module.h"

namespace cofactor {

class Sequential : public Module {
 public:
  // Without layers, forward returns its input.
  explicit Sequential(const std::vector<std::shared_ptr<Module>>& layers = {});

  // Appends a layer, named by its number ("0", "1", ...) or by the given name, and returns this. A name is needed to
  // keep PyTorch's numbers if some of its layers have no counterpart here, such as fused activations.
  Sequential& append(std::shared_ptr<Module> layer);
  Sequential& append(std::string name, std::shared_ptr<Module> layer);
  size_t size() const { return layers_.size(); }

  Tensor forward(const Tensor& x) override;

 private:
  std::vector<std::shared_ptr<Module>> layers_;
};

}  // namespace cofactor
