// Rows of a table, looked up by index.
#pragma once

#include <optional>

#include "engine/backend.h"

namespace cofactor {

// y (..., D): row indices[...] of table (V, D). indices is i32; they must lie in [0, V): callers check on the host.
// y has the table's dtype, or bf16 where that is asked for of an f32 table, whose gradient stays f32. Throws Error for
// other dtypes and shapes.
Tensor embedding(const Tensor& table, const Tensor& indices, std::optional<DType> dtype = {});

}  // namespace cofactor
