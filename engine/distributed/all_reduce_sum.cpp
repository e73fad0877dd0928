#include "engine/distributed/all_reduce_sum.h"

#include "engine/autograd.h"

namespace cofactor {

Tensor all_reduce_sum(const Tensor& x, Communicator& ranks) {
  check(x.defined(), "all_reduce_sum: x is undefined");
  const Tensor y = x.clone();
  ranks.all_reduce(y);
  return record(y, "all_reduce_sum", {x}, [](const Tensor& grad) -> std::vector<Tensor> { return {grad}; });
}

}  // namespace cofactor
