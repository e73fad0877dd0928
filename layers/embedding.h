// A table of vectors, as torch.nn.Embedding.
#pragma once

#include "layers/init.h"
#include "layers/module.h"

namespace cofactor {

struct EmbeddingOptions {
  int64_t count = 0, dimension = 0;
  std::vector<float> vectors = {};  // (count, dimension) to start from; empty: standard normal
  bool trained = true;              // false: a buffer, which is saved and stays as it is
};

// Indices x (...) in i32, each in [0, count) (callers check on the host), to (..., dimension). Parameter (or buffer):
// weight (count, dimension). Throws Error for extents below 1, and for vectors of another number.
class Embedding : public Module {
 public:
  Embedding(Initializer& init, const EmbeddingOptions& options);
  Tensor forward(const Tensor& x) override;

 private:
  Tensor weight_;
};

}  // namespace cofactor
