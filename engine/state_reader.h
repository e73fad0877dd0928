// Reads the saved state of an optimizer or a loss, and checks that nothing is missing, doubled or left over.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"
#include "engine/named_tensor.h"

namespace cofactor {

// The tensors of a state by name, each of which is taken once. Errors begin with `op` and name the tensor.
class StateReader {
 public:
  // Throws Error where a tensor is undefined or a name comes twice.
  StateReader(std::string_view op, const std::vector<NamedTensor>& state) : op_(op) {
    for (const auto& [name, tensor] : state) {
      check(tensor.defined(), "{}: '{}' in the state is undefined", op, name);
      check(tensors_.emplace(name, tensor).second, "{}: the state has '{}' twice", op, name);
    }
  }

  // Throws Error where the state has no tensor of that name, or one of another shape or dtype.
  Tensor take(const std::string& name, const Shape& shape, DType dtype) {
    const Tensor tensor = take(name);
    check(tensor.shape() == shape && tensor.dtype() == dtype, "{}: '{}' in the state is {} in {}, expected {} in {}",
          op_, name, tensor.shape(), tensor.dtype(), shape, dtype);
    return tensor;
  }
  // Of any shape and dtype.
  Tensor take(const std::string& name) {
    const auto found = tensors_.find(name);
    check(found != tensors_.end(), "{}: the state has no '{}'", op_, name);
    const Tensor tensor = found->second;
    tensors_.erase(found);
    return tensor;
  }

  // Throws Error where a tensor has not been taken.
  void check_finished() const {
    check(tensors_.empty(), "{}: the state has an unknown tensor '{}'", op_,
          tensors_.empty() ? "" : tensors_.begin()->first);
  }

 private:
  std::string_view op_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace cofactor
