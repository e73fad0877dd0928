// Rows of a table, looked up by index.
#pragma once

#include "engine/backend.h"

namespace cofactor {

// y (..., D): row indices[...] of table (V, D). indices is i32; they must lie in [0, V): callers check on the host.
Tensor embedding(const Tensor& table, const Tensor& indices);

}  // namespace cofactor
