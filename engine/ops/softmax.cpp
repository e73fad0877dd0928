#include "engine/ops/softmax.h"

#include "engine/ops/checks.h"
#include "engine/profile/recorder.h"

namespace cofactor {

namespace {

Tensor softmax(const Tensor& x, bool log, std::string_view op) {
  check_floating(x, op, "x");
  check(x.rank() >= 1 && x.dim(-1) > 0, "{}: x has shape {}, expected a last axis with values", op, x.shape());
  const Tensor y = empty_like(x);
  x.backend().softmax(x, log, y);
  return record(y, op, {x}, [log, kept_y = keep(y, tracks(x))](const Tensor& grad) -> std::vector<Tensor> {
    const Tensor dx = empty_like(grad);
    grad.backend().softmax_vjp(kept_y, grad, log, dx);
    return {dx};
  });
}

}  // namespace

Tensor softmax(const Tensor& x) {
  return softmax(x, false, "softmax");
}
Tensor log_softmax(const Tensor& x) {
  return softmax(x, true, "log_softmax");
}

Tensor gather(const Tensor& x, const Tensor& labels) {
  check_floating(x, "gather", "x");
  check_indices(labels, "gather", "labels");
  check_rank(x, 2, "gather", "x");
  check(labels.shape() == Shape{x.dim(0)}, "gather: labels have shape {}, x of shape {} takes ({})", labels.shape(),
        x.shape(), x.dim(0));
  check_same_device(x, "x", labels, "labels", "gather");
  const Tensor y = Tensor::empty({x.dim(0)}, x.dtype(), x.device());
  x.backend().gather(x, labels, y);
  return record(y, "gather", {x},
                [kept = keep(labels, tracks(x)), shape = x.shape()](const Tensor& grad) -> std::vector<Tensor> {
                  const Tensor dx = Tensor::empty(shape, grad.dtype(), grad.device());
                  grad.backend().gather_vjp(grad, kept, dx);
                  return {dx};
                });
}

Tensor one_hot(const Tensor& labels, int64_t classes, DType dtype) {
  check_indices(labels, "one_hot", "labels");
  check_rank(labels, 1, "one_hot", "labels");
  check(classes >= 1, "one_hot: {} classes, expected at least 1", classes);
  check(is_floating(dtype), "one_hot: asked for {}, expected a floating dtype", dtype);
  // One-hot rows are the gradient of picking a label's entry: a one at the label.
  const Tensor y = Tensor::empty({labels.dim(0), classes}, dtype, labels.device());
  y.backend().gather_vjp(Tensor::full(labels.shape(), 1.0, dtype, labels.device()), labels, y);
  profile_op("one_hot", y);
  return y;
}

}  // namespace cofactor
