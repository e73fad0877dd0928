// A table of vectors, looked up by index, as torch.nn.Embedding.
#pragma once

#include "layers/init.h"
#include "layers/module.h"

namespace cofactor {

struct EmbeddingOptions {
  int64_t count = 0, dimension = 0;
  std::vector<float> vectors = {};  // initial values (count, dimension), row-major; empty: standard normal
  bool trained = true;              // false: the table is a buffer, which is saved but not trained
};

// Indices x (...) in i32 to (..., dimension). Indices must be in [0, count); this is not checked, since they are on the
// device. Parameter or buffer: weight (count, dimension). Throws Error if an extent is below 1 or `vectors` has another
// size.
class Embedding : public Module {
 public:
  Embedding(Initializer& init, const EmbeddingOptions& options);
  Tensor forward(const Tensor& x) override;

 private:
  Tensor weight_;
};

}  // namespace cofactor
