#include "losses/device_matrix.h"

#include <algorithm>

#include "engine/autograd.h"
#include "engine/ops/embedding.h"

namespace cofactor {

void DeviceMatrix::set(int64_t classes, std::vector<double> values) {
  check(classes_ == 0 || classes_ == classes, "a matrix of {} classes cannot become one of {}", classes_, classes);
  check(static_cast<int64_t>(values.size()) == classes * classes, "{} values are not a matrix of {} x {}",
        values.size(), classes, classes);
  classes_ = classes;
  values_ = std::move(values);
  for (const Tensor& copy : copies_) copy.copy_from(on_host(copy.dtype()));
}

Tensor DeviceMatrix::on_host(DType dtype) const {
  return dispatch_float(dtype, "a matrix of a loss", [&]<class T>() {
    const std::vector<T> converted(values_.begin(), values_.end());
    return Tensor::from(converted, {classes_, classes_}, kHost);
  });
}

Tensor DeviceMatrix::rows(const Tensor& labels, DType dtype) {
  const NoGrad no_grad;
  for (const Tensor& copy : copies_)
    if (copy.device() == labels.device() && copy.dtype() == dtype) return embedding(copy, labels);
  const Tensor copy = Tensor::empty({classes_, classes_}, dtype, labels.device());
  copy.copy_from(on_host(dtype));
  copies_.push_back(copy);
  return embedding(copies_.back(), labels);
}

}  // namespace cofactor
