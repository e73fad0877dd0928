// What every training loss offers: one call from logits and a batch to a scalar.
#pragma once

#include <string_view>

#include "engine/batch.h"

namespace cofactor {

class Loss {
 public:
  virtual ~Loss() = default;

  virtual std::string_view name() const = 0;

  // The loss of a batch: logits (N, C) in f32 or f64, before any softmax; a scalar, differentiable by the logits.
  virtual Tensor operator()(const Tensor& logits, const Batch& batch) = 0;

  // Whether the batch carries no gradient for this loss, so that the whole training step is left out (momentum and
  // weight decay must not move the weights either). Decided from the labels, on the host, before any work.
  virtual bool skips(const Batch& batch, int64_t classes) const {
    (void)batch, (void)classes;
    return false;
  }
};

}  // namespace cofactor
