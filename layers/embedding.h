// A learned table of vectors, as torch.nn.Embedding.
#pragma once

#include "layers/init.h"
#include "layers/module.h"

namespace cofactor {

// Indices x (...) in i32, each in [0, count) (callers check on the host), to (..., dimension). Parameter: weight
// (count, dimension), standard normal at first. Throws Error for extents below 1.
class Embedding : public Module {
 public:
  Embedding(Initializer& init, int64_t count, int64_t dimension);
  Tensor forward(const Tensor& x) override;

 private:
  Tensor weight_;
};

}  // namespace cofactor
