// Layers one after the other, as torch.nn.Sequential.
#pragma once

#include "layers/module.h"

namespace cofactor {

class Sequential : public Module {
 public:
  // Without layers it returns its input.
  explicit Sequential(const std::vector<std::shared_ptr<Module>>& layers = {});

  // Adds a layer under its number ("0", "1", ...), or under a name: PyTorch's, where a layer of theirs has no
  // counterpart here (a fused activation), so that the numbers would differ. Returns this.
  Sequential& append(std::shared_ptr<Module> layer);
  Sequential& append(std::string name, std::shared_ptr<Module> layer);
  size_t size() const { return layers_.size(); }

  Tensor forward(const Tensor& x) override;

 private:
  std::vector<std::shared_ptr<Module>> layers_;
};

}  // namespace cofactor
