// What sums over ranks on devices must do, whatever makes them: over the kernels on the host with an NCCL between
// threads (rank_sums_test.cpp), and on GPUs with NCCL (nccl_test.cpp).
#pragma once

#include "tests/engine/distributed/rank_checks.h"

namespace cofactor::testing {

// The sum of a tensor on the device against that of a span, which lies on the host.
template <class T>
void check_like_host(Communicator& ranks, Device device, std::vector<T> values, std::string_view what) {
  const Tensor tensor = Tensor::from(values, {std::ssize(values)}, device);
  ranks.all_reduce(tensor);
  ranks.all_reduce(std::span(values));
  check_same_bits(tensor.to_vector<T>(), values, fmt::format("{} {} on {}", values.size(), what, device));
}

// The gradients by way of buckets on a device.
inline std::vector<std::vector<float>> bucket_sums(Communicator& ranks, Device device, const BucketOptions& options) {
  std::vector<NamedTensor> parameters;
  for (const int64_t count : {3, 700, 1, 64, 5000}) {
    const Tensor values = Tensor::from(rank_values<float>(count, ranks.rank()), {count}, device);
    Tensor parameter = Tensor::full({count}, 0.5, DType::f32, device);
    parameter.set_requires_grad(true);
    parameters.push_back({fmt::format("w{}", count), parameter});
    backward(sum(parameter * values));
  }
  GradientBuckets buckets(parameters, ranks, options);
  const GradientDone done = buckets.on_gradient();
  for (auto parameter = parameters.rbegin(); parameter != parameters.rend(); ++parameter) done(parameter->tensor);
  check(buckets.started_in_backward() == buckets.count(), "{} of {} buckets have started",
        buckets.started_in_backward(), buckets.count());
  buckets.finish();
  std::vector<std::vector<float>> sums;
  for (const auto& [name, parameter] : parameters) {
    check(parameter.grad().device() == device, "the gradient of {} is on {}", name, parameter.grad().device());
    sums.push_back(parameter.grad().to_vector<float>());
  }
  return sums;
}

// The terms of all ranks but one, each followed by a gap of NaN.
inline Tensor terms_of_others(int64_t count, int64_t gap, int rank, int ranks, Device device) {
  std::vector<float> terms;
  for (int other = 0; other < ranks; ++other) {
    if (other == rank) continue;
    const auto values = rank_values<float>(count, other);
    terms.insert(terms.end(), values.begin(), values.end());
    terms.insert(terms.end(), static_cast<size_t>(gap), NAN);
  }
  return Tensor::from(terms, {std::ssize(terms)}, device);
}

inline void check_sums_on(Communicator& ranks, Device device) {
  for (const int64_t count : {0, 1, 2, 3, 64, 1001, 30011, 40960}) {
    const std::vector<float> values = rank_values<float>(count, ranks.rank());
    check_like_host(ranks, device, values, "f32");
    check_like_host(ranks, device, rank_values<double>(count, ranks.rank()), "f64");
    check_like_host(ranks, device, in_bf16(values), "bf16");
  }
  // What is queued on the device before is part of the sum, and what comes after the wait sees it.
  Tensor product = Tensor::full({600, 600}, 1.0, DType::f32, device);
  const Tensor factor = Tensor::full({600, 600}, 1.0 / 600, DType::f32, device);
  for (int i = 0; i < 20; ++i) product = matmul(product, factor);
  const Tensor alone = product.clone();
  const auto pending = ranks.start_all_reduce(product);
  const Tensor beside = matmul(factor, factor);
  pending->wait();
  const float total = (product + 0.0).to_vector<float>().back();
  const float own = alone.to_vector<float>().back();
  const auto count = static_cast<float>(ranks.size());
  check(std::abs(total - count * own) <= 1e-5f * count, "{} of {} equal terms of {}", total, ranks.size(), own);
  check(std::abs(beside.to_vector<float>().front() - 1.0f / 600) <= 1e-8f, "a kernel beside a sum");

  for (const BucketOptions& options : {BucketOptions{}, {.bytes = 600}, {.bytes = 3000, .bf16 = true}}) {
    const auto on_device = bucket_sums(ranks, device, options), on_host = bucket_sums(ranks, kHost, options);
    for (size_t i = 0; i < on_host.size(); ++i) check_same_bits(on_device[i], on_host[i], "gradients in buckets");
  }
  const Tensor x = Tensor::from(rank_values<double>(9, ranks.rank()), {9}, device);
  check_same_bits(all_reduce_sum(x, ranks).to_vector<double>(), sum_by_rank<double>(9, ranks.size()), "all_reduce_sum");
}

}  // namespace cofactor::testing
