// The sum of a tensor over ranks, as an op.
//
// For one loss of all ranks. Let x_r be rank r's tensor, y = x_0 + ... + x_{n-1}, and L(y) one loss that every rank
// computes of the same y. dL/dx_r = dL/dy, since dy/dx_r is the identity: each rank's gradient by y is that by its own
// x_r, and nothing is exchanged on the way back. The gradient by parameters w that all ranks share is the sum over
// ranks
//
//   dL/dw = sum_r (dx_r/dw)^T dL/dy
//
// which gradient_buckets.h adds up. (Where instead every rank has a loss L_r(y) of its own and their sum is meant, the
// gradient by y has to be summed over ranks too. For L_r = L that would be n times the gradient of L.)
#pragma once

#include "engine/distributed/communicator.h"

namespace cofactor {

// x in f32, f64 or bf16, of one shape on all ranks. The same bits on all ranks. Throws Error as Communicator does.
Tensor all_reduce_sum(const Tensor& x, Communicator& ranks);

}  // namespace cofactor
