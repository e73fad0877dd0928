#include "models/mlp.h"

#include <fmt/ranges.h>

#include "engine/ops/elementwise.h"
#include "layers/sequential.h"

namespace cofactor {

Mlp::Mlp(Initializer& init, const MlpOptions& options) : features_(options.features) {
  const auto layers = register_module("hidden", std::make_shared<Sequential>());
  const auto masks = register_module("dropout", std::make_shared<Sequential>());
  int64_t inputs = options.features;
  for (const int64_t outputs : options.hidden) {
    hidden_.push_back(std::make_shared<Linear>(init, inputs, outputs));
    dropouts_.push_back(std::make_shared<Dropout>(options.dropout));
    layers->append(hidden_.back());
    masks->append(dropouts_.back());
    inputs = outputs;
  }
  fc_ = register_module("fc", std::make_shared<Linear>(init, inputs, options.classes));
}

Tensor Mlp::forward(const Tensor& x) {
  check(x.defined() && x.rank() == 2 && x.dim(1) == features_, "MLP: x has shape {}, expected (N, {})",
        x.defined() ? x.shape() : Shape{}, features_);
  Tensor y = cast_input(x);
  for (size_t i = 0; i < hidden_.size(); ++i) y = (*dropouts_[i])(relu((*hidden_[i])(y)));
  return cast_logits((*fc_)(y));
}

std::unique_ptr<Module> make_feature_network(std::string_view name, Initializer& init, const MlpOptions& options) {
  if (name == "mlp") {
    check(!options.hidden.empty(), "make_feature_network: an mlp without hidden layers; linear is such a network");
    return std::make_unique<Mlp>(init, options);
  }
  check(name == "linear", "make_feature_network: unknown network '{}', expected one of {}", name,
        fmt::join(feature_network_names(), ", "));
  MlpOptions linear = options;
  linear.hidden.clear();
  return std::make_unique<Mlp>(init, linear);
}

std::vector<std::string> feature_network_names() {
  return {"linear", "mlp"};
}

}  // namespace cofactor
