#include "engine/ops/embedding.h"

#include "engine/ops/checks.h"

namespace cofactor {

Tensor embedding(const Tensor& table, const Tensor& indices, std::optional<DType> dtype) {
  check_floating(table, "embedding", "table");
  check_indices(indices, "embedding", "indices");
  check(table.rank() == 2, "embedding: table has shape {}, expected (V, D)", table.shape());
  check(indices.rank() < Shape::kMaxRank, "embedding: indices of shape {} leave no axis for the rows", indices.shape());
  check_same_device(table, "table", indices, "indices", "embedding");
  const DType result = dtype.value_or(table.dtype());
  check(result == table.dtype() || (result == DType::bf16 && table.dtype() == DType::f32),
        "embedding: a table of {} gives rows of its own dtype, or of bf16 where it is f32, not of {}", table.dtype(),
        result);
  Shape shape = indices.shape();
  shape.push_back(table.dim(1));
  const Tensor y = Tensor::empty(shape, result, table.device());
  table.backend().embedding(table, indices, y);
  return record(y, "embedding", {table},
                [kept = keep(indices, tracks(table)), whole = table.shape(),
                 kind = table.dtype()](const Tensor& grad) -> std::vector<Tensor> {
                  const Tensor dtable = Tensor::empty(whole, kind, grad.device());
                  grad.backend().embedding_vjp(grad, kept, dtable);
                  return {dtable};
                });
}

}  // namespace cofactor
