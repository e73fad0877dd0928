#include "engine/distributed/gradient_buckets.h"

#include <algorithm>
#include <optional>

#include "engine/ops/elementwise.h"

namespace cofactor {

// The gradients of some parameters side by side, and then, for each, the number of ranks that have it.
struct GradientBuckets::Bucket {
  struct Slot {
    Tensor parameter;
    int64_t first = 0;  // element of `values`
    bool complete = false;
  };
  std::vector<Slot> slots;
  int64_t elements = 0;  // of all gradients
  DType dtype = DType::f32;
  Tensor values;
  std::unique_ptr<PendingSum> sum;

  size_t incomplete() const { return static_cast<size_t>(std::ranges::count(slots, false, &Slot::complete)); }
  Tensor range(int64_t first, const Shape& shape) const;
};

namespace {

// Whether a parameter's gradient travels with those of a bucket of this dtype.
DType dtype_in_bucket(const Tensor& parameter, const BucketOptions& options) {
  return options.bf16 && parameter.dtype() == DType::f32 ? DType::bf16 : parameter.dtype();
}

// A tensor on the host in a dtype, without gradient tracking.
Tensor on_host_as(const Tensor& x, DType dtype) {
  const Tensor host = x.detach().to(kHost);
  return host.dtype() == dtype ? host : cast(host, dtype);
}

std::byte* bytes_at(const Tensor& values, int64_t element) {
  return static_cast<std::byte*>(values.raw_data()) + static_cast<size_t>(element) * size_of(values.dtype());
}

void copy_bytes(const std::byte* from, size_t bytes, std::byte* to) {
  std::copy_n(from, bytes, to);
}

}  // namespace

// A copy of some of the values.
Tensor GradientBuckets::Bucket::range(int64_t first, const Shape& shape) const {
  Tensor copy = Tensor::empty(shape, dtype, kHost);
  copy_bytes(bytes_at(values, first), copy.nbytes(), static_cast<std::byte*>(copy.raw_data()));
  return copy;
}

GradientBuckets::GradientBuckets(const std::vector<NamedTensor>& parameters, Communicator& ranks,
                                 const BucketOptions& options)
    : ranks_(ranks) {
  check(!parameters.empty(), "gradient buckets: there are no parameters");
  check(options.bytes > 0, "gradient buckets: buckets of 0 bytes");
  for (size_t i = parameters.size(); i-- > 0;) {
    const auto& [name, parameter] = parameters[i];
    check(parameter.defined() && parameter.is_leaf() && parameter.requires_grad() &&
              (parameter.dtype() == DType::f32 || parameter.dtype() == DType::f64),
          "gradient buckets: '{}' is not a leaf in f32 or f64 that requires a gradient", name);
    const DType dtype = dtype_in_bucket(parameter, options);
    const size_t bytes = static_cast<size_t>(parameter.numel()) * size_of(dtype);
    const Bucket* last = buckets_.empty() ? nullptr : buckets_.back().get();
    if (!last || last->dtype != dtype || static_cast<size_t>(last->elements) * size_of(dtype) + bytes > options.bytes) {
      buckets_.push_back(std::make_unique<Bucket>());
      buckets_.back()->dtype = dtype;
    }
    Bucket& bucket = *buckets_.back();
    bucket.slots.push_back({.parameter = parameter, .first = bucket.elements});
    bucket.elements += parameter.numel();
  }
  for (const auto& bucket : buckets_) {
    bucket->values = Tensor::zeros({bucket->elements + std::ssize(bucket->slots)}, bucket->dtype, kHost);
  }
}

GradientBuckets::~GradientBuckets() = default;

void GradientBuckets::start(Bucket& bucket) {
  const NoGrad no_grad;
  for (size_t i = 0; i < bucket.slots.size(); ++i) {
    const Bucket::Slot& slot = bucket.slots[i];
    const Tensor& grad = slot.parameter.grad();
    const Tensor present = Tensor::full({1}, grad.defined() ? 1.0 : 0.0, bucket.dtype, kHost);
    copy_bytes(bytes_at(present, 0), present.nbytes(),
               bytes_at(bucket.values, bucket.elements + static_cast<int64_t>(i)));
    const Tensor host =
        grad.defined() ? on_host_as(grad, bucket.dtype) : Tensor::zeros(slot.parameter.shape(), bucket.dtype, kHost);
    copy_bytes(bytes_at(host, 0), host.nbytes(), bytes_at(bucket.values, slot.first));
  }
  bucket.sum = ranks_.start_all_reduce(SumBuffer::of(bucket.values));
}

GradientDone GradientBuckets::on_gradient() {
  return [this](const Tensor& leaf) {
    for (const auto& bucket : buckets_) {
      for (Bucket::Slot& slot : bucket->slots) slot.complete = slot.complete || slot.parameter.is_same(leaf);
    }
    for (; next_ < buckets_.size() && buckets_[next_]->incomplete() == 0; ++next_) {
      start(*buckets_[next_]);
      ++started_in_backward_;
    }
    ranks_.progress();
  };
}

void GradientBuckets::write_back(Bucket& bucket) {
  const NoGrad no_grad;
  for (size_t i = 0; i < bucket.slots.size(); ++i) {
    Bucket::Slot& slot = bucket.slots[i];
    slot.complete = false;
    const double present = bucket.range(bucket.elements + static_cast<int64_t>(i), {1}).item();
    if (present == 0.0) continue;
    const Tensor sum = bucket.range(slot.first, slot.parameter.shape());
    const Tensor& parameter = slot.parameter;
    slot.parameter.set_grad(
        (sum.dtype() == parameter.dtype() ? sum : cast(sum, parameter.dtype())).to(parameter.device()));
  }
}

void GradientBuckets::finish() {
  for (; next_ < buckets_.size(); ++next_) start(*buckets_[next_]);
  for (const auto& bucket : buckets_) {
    bucket->sum->wait();
    bucket->sum.reset();
    write_back(*bucket);
  }
  next_ = 0;
}

}  // namespace cofactor
