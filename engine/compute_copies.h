// Copies of f32 parameters in the dtype that a network computes in, made together rather than one by one as ops need
// them: on a GPU, in one launch.
#pragma once

#include <vector>

#include "engine/tensor.h"

namespace cofactor {

// While it lives, ops of this thread use its copies in place of casts of their own. The tensors must not change in the
// meantime. Within the life of another one, an object makes no copies: those of the outer one stay in use.
class ComputeCopies {
 public:
  // Makes the copies of `tensors`, all on one device, in `dtype`; none of those that have that dtype.
  ComputeCopies(const std::vector<Tensor>& tensors, DType dtype);
  ~ComputeCopies();
  ComputeCopies(const ComputeCopies&) = delete;
  ComputeCopies& operator=(const ComputeCopies&) = delete;

  // Whether an object lives in this thread.
  static bool active();
  // x's copy in `dtype`; undefined where there is none.
  static Tensor find(const Tensor& x, DType dtype);

 private:
  bool outermost_;
};

}  // namespace cofactor
