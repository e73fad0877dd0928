// Lookup of a table's rows by index.
#pragma once

#include <optional>

#include "engine/tensor.h"

namespace cofactor {

// y (..., D): row indices[...] of table (V, D). Indices are i32 in [0, V), which callers check on the host. y has the
// table's dtype, or bf16 on request where the table is f32; the table's gradient is then f32. Throws Error for other
// dtypes and shapes.
Tensor embedding(const Tensor& table, const Tensor& indices, std::optional<DType> dtype = {});

}  // namespace cofactor
