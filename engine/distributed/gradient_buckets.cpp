#include "engine/distributed/gradient_buckets.h"

#include <algorithm>

#include "engine/backend.h"
#include "engine/ops/elementwise.h"

namespace cofactor {

// The gradients of some parameters side by side on their device, and then, for each, the number of ranks that have it.
struct GradientBuckets::Bucket {
  struct Slot {
    Tensor parameter;
    int64_t first = 0;  // element of `values`
    bool complete = false;
  };
  std::vector<Slot> slots;
  int64_t elements = 0;  // of all gradients
  DType dtype = DType::f32;
  Device device = kHost;
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

Tensor in_dtype(const Tensor& x, DType dtype) {
  return x.dtype() == dtype ? x : cast(x, dtype);
}

std::byte* bytes_at(const Tensor& values, int64_t element) {
  return static_cast<std::byte*>(values.raw_data()) + static_cast<size_t>(element) * size_of(values.dtype());
}

// Copies a tensor into a bucket of its dtype and device.
void put(const Tensor& x, const Tensor& values, int64_t first) {
  values.backend().copy(bytes_at(values, first), x.raw_data(), x.nbytes());
}

}  // namespace

// A copy of some of the values.
Tensor GradientBuckets::Bucket::range(int64_t first, const Shape& shape) const {
  Tensor copy = Tensor::empty(shape, dtype, device);
  copy.backend().copy(copy.raw_data(), bytes_at(values, first), copy.nbytes());
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
    if (!last || last->dtype != dtype || last->device != parameter.device() ||
        static_cast<size_t>(last->elements) * size_of(dtype) + bytes > options.bytes) {
      buckets_.push_back(std::make_unique<Bucket>());
      buckets_.back()->dtype = dtype;
      buckets_.back()->device = parameter.device();
    }
    Bucket& bucket = *buckets_.back();
    bucket.slots.push_back({.parameter = parameter, .first = bucket.elements});
    bucket.elements += parameter.numel();
  }
  for (const auto& bucket : buckets_) {
    bucket->values = Tensor::zeros({bucket->elements + std::ssize(bucket->slots)}, bucket->dtype, bucket->device);
  }
}

GradientBuckets::~GradientBuckets() = default;

void GradientBuckets::start(Bucket& bucket) {
  const NoGrad no_grad;
  std::vector<double> present;
  for (const Bucket::Slot& slot : bucket.slots) {
    const Tensor& grad = slot.parameter.grad();
    present.push_back(grad.defined() ? 1.0 : 0.0);
    put(grad.defined() ? in_dtype(grad.detach(), bucket.dtype)
                       : Tensor::zeros(slot.parameter.shape(), bucket.dtype, bucket.device),
        bucket.values, slot.first);
  }
  const Tensor counts = Tensor::from(present, {std::ssize(present)}, kHost);
  put(in_dtype(counts, bucket.dtype).to(bucket.device), bucket.values, bucket.elements);
  bucket.sum = ranks_.start_all_reduce(bucket.values);
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
  const Tensor counts = bucket.range(bucket.elements, {std::ssize(bucket.slots)}).to(kHost);
  const std::vector<double> present = in_dtype(counts, DType::f64).to_vector<double>();
  for (size_t i = 0; i < bucket.slots.size(); ++i) {
    Bucket::Slot& slot = bucket.slots[i];
    slot.complete = false;
    if (present[i] == 0.0) continue;
    slot.parameter.set_grad(in_dtype(bucket.range(slot.first, slot.parameter.shape()), slot.parameter.dtype()));
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
