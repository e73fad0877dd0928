#include "experiments/training/loss_sum.h"

#include "engine/backend.h"
#include "engine/ops/elementwise.h"

namespace cofactor {
namespace {

constexpr size_t kMaxWaiting = 64;

}  // namespace

void LossSum::restart(double sum) {
  places_.clear();
  sum_ = sum;
}

void LossSum::add(double value) {
  read();
  sum_ += value;
}

void LossSum::add_later(const Tensor& loss, const StepPlace& at) {
  if (!waiting_.defined()) waiting_ = Tensor::empty({int64_t{kMaxWaiting}}, loss.dtype(), loss.device());
  const size_t size = size_of(loss.dtype());
  loss.backend().copy(static_cast<std::byte*>(waiting_.raw_data()) + places_.size() * size, loss.raw_data(), size);
  places_.push_back(at);
  if (places_.size() == kMaxWaiting) read();
}

double LossSum::read() {
  if (places_.empty()) return sum_;
  const std::vector<double> values = cast(waiting_, DType::f64).to_vector<double>();
  for (size_t i = 0; i < places_.size(); ++i) {
    examine_(values[i], places_[i]);
    sum_ += values[i];
  }
  places_.clear();
  return sum_;
}

}  // namespace cofactor
