// Networks for features, such as the embeddings of another network: a linear classifier, and one with hidden layers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "layers/dropout.h"
#include "layers/linear.h"

namespace cofactor {

struct MlpOptions {
  int64_t features = 0;                      // of a sample
  std::vector<int64_t> hidden = {256, 256};  // outputs of each hidden layer; none: a linear classifier
  int64_t classes = 2;
  double dropout = 0.0;  // after the ReLU of each hidden layer
};

// x (N, features) to logits (N, classes): for each hidden layer a linear layer, ReLU and dropout; then a linear layer.
// Parameters: hidden.0.weight, hidden.0.bias, hidden.1.weight, ..., fc.weight, fc.bias. Throws Error if x has another
// shape or an extent is below 1.
class Mlp : public Module {
 public:
  Mlp(Initializer& init, const MlpOptions& options);
  Tensor forward(const Tensor& x) override;

 private:
  int64_t features_;
  std::vector<std::shared_ptr<Linear>> hidden_;
  std::vector<std::shared_ptr<Dropout>> dropouts_;  // one per hidden layer
  std::shared_ptr<Linear> fc_;
};

// Makes "linear", which has no hidden layer whatever the options say, or "mlp". Throws Error, with the known names, if
// the name is unknown, if an mlp has no hidden layer, and if an option is out of range.
std::unique_ptr<Module> make_feature_network(std::string_view name, Initializer& init, const MlpOptions& options);

// "linear" and "mlp".
std::vector<std::string> feature_network_names();

}  // namespace cofactor
