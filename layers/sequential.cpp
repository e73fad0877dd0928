#include "layers/sequential.h"

namespace cofactor {

Sequential::Sequential(const std::vector<std::shared_ptr<Module>>& layers) {
  for (const auto& layer : layers) append(layer);
}

Sequential& Sequential::append(std::shared_ptr<Module> layer) {
  return append(std::to_string(layers_.size()), std::move(layer));
}

Sequential& Sequential::append(std::string name, std::shared_ptr<Module> layer) {
  layers_.push_back(register_module(std::move(name), std::move(layer)));
  return *this;
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (const auto& layer : layers_) y = layer->forward(y);
  return y;
}

}  // namespace cofactor
