// What ranks must do together, whatever carries their messages. Each check is called by all ranks and throws Error
// where something is wrong.
#pragma once

#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "engine/distributed/all_reduce_sum.h"
#include "engine/distributed/gradient_buckets.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "engine/random.h"
#include "losses/cross_entropy.h"
#include "losses/dmi.h"
#include "models/mlp.h"

namespace cofactor::testing {

// Values that no order of additions leaves alike: of both signs and very different sizes.
template <class T>
std::vector<T> rank_values(int64_t count, int rank) {
  const RandomKey key{.seed = 7, .purpose = Purpose::test, .index = static_cast<uint32_t>(rank), .step = 0};
  std::vector<T> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) {
    const double size = std::exp2(30.0 * random_uniform(key, 2 * i) - 15.0);
    values[i] = static_cast<T>(static_cast<float>((2.0 * random_uniform(key, 2 * i + 1) - 1.0) * size));
  }
  return values;
}

// ((x_0 + x_1) + x_2) + ...
template <class T>
std::vector<T> sum_by_rank(int64_t count, int ranks) {
  std::vector<T> total = rank_values<T>(count, 0);
  for (int rank = 1; rank < ranks; ++rank) {
    const std::vector<T> values = rank_values<T>(count, rank);
    for (size_t i = 0; i < total.size(); ++i) total[i] += values[i];
  }
  return total;
}

template <class T>
std::vector<bf16> in_bf16(const std::vector<T>& values) {
  std::vector<bf16> result;
  for (const T value : values) result.emplace_back(static_cast<float>(value));
  return result;
}

template <class T>
void check_same_bits(const std::vector<T>& found, const std::vector<T>& expected, std::string_view what) {
  check(found.size() == expected.size(), "{}: {} values, expected {}", what, found.size(), expected.size());
  check(found.empty() || std::memcmp(found.data(), expected.data(), found.size() * sizeof(T)) == 0,
        "{}: other values than expected", what);
}

template <class T>
void check_sums_of(Communicator& ranks, int64_t count, std::string_view type) {
  std::vector<T> values = rank_values<T>(count, ranks.rank());
  ranks.all_reduce(std::span(values));
  check_same_bits(values, sum_by_rank<T>(count, ranks.size()), fmt::format("sum of {} {}", count, type));
}

// Bitwise, with any number of elements: none, fewer than ranks, many.
inline void check_sums(Communicator& ranks) {
  for (const int64_t count : {0, 1, 2, 3, 5, 64, 1001, 30011}) {
    check_sums_of<float>(ranks, count, "f32");
    check_sums_of<double>(ranks, count, "f64");
    check_sums_of<int64_t>(ranks, count, "i64");

    std::vector<bf16> values = in_bf16(rank_values<float>(count, ranks.rank()));
    ranks.all_reduce(std::span(values));
    std::vector<float> total(static_cast<size_t>(count));
    for (int rank = 0; rank < ranks.size(); ++rank) {
      const std::vector<bf16> terms = in_bf16(rank_values<float>(count, rank));
      for (size_t i = 0; i < total.size(); ++i)
        total[i] = rank == 0 ? static_cast<float>(terms[i]) : total[i] + static_cast<float>(terms[i]);
    }
    check_same_bits(values, in_bf16(total), fmt::format("sum of {} bf16", count));
  }
  check(ranks.all_reduce(int64_t{ranks.rank() + 1}) == ranks.size() * (ranks.size() + 1) / 2, "sum of one number");

  // Sums that are under way at once, waited for in another order, with another operation between them.
  std::vector<std::vector<float>> all;
  std::vector<std::unique_ptr<PendingSum>> sums;
  for (int64_t i = 0; i < 5; ++i) all.push_back(rank_values<float>(1000 * i + 1, ranks.rank()));
  for (auto& values : all) sums.push_back(ranks.start_all_reduce(SumBuffer::of(std::span(values))));
  ranks.barrier();
  for (const size_t i : {4, 0, 2, 1, 3}) {
    sums[i]->wait();
    sums[i]->wait();
    check_same_bits(all[i], sum_by_rank<float>(std::ssize(all[i]), ranks.size()), "a sum among others");
  }
}

inline void check_copies(Communicator& ranks) {
  const int rank = ranks.rank(), size = ranks.size();
  check(rank >= 0 && rank < size && ranks.local_rank() >= 0 && ranks.local_rank() < ranks.local_size() &&
            ranks.local_size() <= size,
        "rank {} of {}, locally {} of {}", rank, size, ranks.local_rank(), ranks.local_size());
  for (int root = 0; root < size; ++root) {
    for (const int64_t count : {0, 1, 100003}) {
      std::vector<float> values = rank_values<float>(count, rank);
      ranks.broadcast(std::as_writable_bytes(std::span(values)), root);
      check_same_bits(values, rank_values<float>(count, root), "broadcast");
    }
    const Tensor labels = Tensor::from({rank, 2 * rank}, {2}, kHost);
    ranks.broadcast(labels, root);
    check_same_bits(labels.to_vector<int32_t>(), {root, 2 * root}, "broadcast of a tensor");
  }
  // Rank r gives r * 1000 values: rank 0 none.
  const std::vector<double> own = rank_values<double>(int64_t{1000} * rank, rank);
  const auto all = ranks.all_gather_values(std::span(own));
  check(std::ssize(all) == size, "all_gather: {} parts of {} ranks", all.size(), size);
  for (int other = 0; other < size; ++other) {
    check_same_bits(all[static_cast<size_t>(other)], rank_values<double>(int64_t{1000} * other, other), "all_gather");
  }
  for (int i = 0; i < 20; ++i) ranks.barrier();

  for (const Device device : {Device::reference, default_device()}) {
    const Tensor tensor = Tensor::from(rank_values<float>(12, rank), {3, 4}, device);
    ranks.all_reduce(tensor);
    check_same_bits(tensor.to_vector<float>(), sum_by_rank<float>(12, size), "sum of a tensor");
  }
}

inline double largest_gap(const Tensor& a, const Tensor& b) {
  const auto x = cast(a.detach().to(kHost), DType::f64).to_vector<double>();
  const auto y = cast(b.detach().to(kHost), DType::f64).to_vector<double>();
  check(x.size() == y.size(), "tensors of {} and {} values", x.size(), y.size());
  double gap = 0.0, scale = 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double difference = std::abs(x[i] - y[i]);
    gap = std::isnan(difference) ? INFINITY : std::max(gap, difference);
    scale = std::max(scale, std::abs(y[i]));
  }
  return scale > 0.0 ? gap / scale : gap;
}

// A batch of which every rank has some rows: rank 0 the most.
struct SharedBatch {
  Tensor inputs, labels;          // all of it
  Tensor own_inputs, own_labels;  // this rank's
};

inline SharedBatch shared_batch(const Communicator& ranks, int64_t samples, int64_t features, int32_t classes,
                                DType dtype, bool even) {
  const Tensor inputs = Tensor::randn({samples, features}, {.seed = 3, .purpose = Purpose::test}, dtype, kHost);
  std::vector<int32_t> labels(static_cast<size_t>(samples));
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i) % classes;
  // Uneven: every rank but the first leaves one of its rows to the first.
  std::vector<int64_t> counts;
  for (int rank = 0; rank < ranks.size(); ++rank) {
    const int64_t share = samples / ranks.size() + (rank < samples % ranks.size() ? 1 : 0);
    counts.push_back(share + (even ? 0 : rank == 0 ? ranks.size() - 1 : -1));
  }
  const int64_t first = std::accumulate(counts.begin(), counts.begin() + ranks.rank(), int64_t{0});
  const int64_t count = counts[static_cast<size_t>(ranks.rank())];
  const auto at = labels.begin() + first;
  return {inputs, Tensor::from(labels, {samples}, kHost), slice(inputs, 0, first, count),
          Tensor::from(std::vector<int32_t>(at, at + count), {count}, kHost)};
}

// The gradients of a small network, whole on this rank and in buckets over all ranks.
inline void check_buckets(Communicator& ranks, const BucketOptions& options, double tolerance) {
  Initializer init(kHost, 5);
  Mlp model(init, {.features = 12, .hidden = {32, 16}, .classes = 4});
  const Tensor unused = Tensor::full({3}, 1.0, DType::f32, kHost).set_requires_grad(true);
  std::vector<NamedTensor> parameters = model.parameters();
  const SharedBatch batch = shared_batch(ranks, 64, 12, 4, DType::f32, false);
  backward(cross_entropy(model(batch.inputs), batch.labels));
  std::vector<Tensor> whole;
  for (const auto& [name, parameter] : parameters) whole.push_back(parameter.grad().clone());

  parameters.push_back({"unused", unused});
  GradientBuckets buckets(parameters, ranks, options);
  std::vector<Tensor> first_sums;
  for (int step = 0; step < 3; ++step) {
    for (const auto& [name, parameter] : parameters) parameter.set_grad({});
    const double share = static_cast<double>(batch.own_inputs.dim(0)) / static_cast<double>(batch.inputs.dim(0));
    backward(cross_entropy(model(batch.own_inputs), batch.own_labels) * share, {}, buckets.on_gradient());
    buckets.finish();
    for (size_t i = 0; i < whole.size(); ++i) {
      const Tensor& sum = parameters[i].tensor.grad();
      check(sum.defined() && sum.dtype() == DType::f32, "buckets: '{}' has no gradient in f32", parameters[i].name);
      const double gap = largest_gap(sum, whole[i]);
      check(gap <= tolerance, "buckets: the gradient of '{}' differs by {}", parameters[i].name, gap);
      if (step == 0) first_sums.push_back(sum.clone());
      check_same_bits(sum.to_vector<float>(), first_sums[i].to_vector<float>(), "gradients of another step");
    }
    check(!unused.grad().defined(), "buckets: a parameter without a gradient on any rank has one");
  }
}

// A gradient that only the last rank has.
inline void check_missing_gradient(Communicator& ranks) {
  const auto parameter = [](double value) {
    Tensor x = Tensor::full({2}, value, DType::f32, kHost);
    return x.set_requires_grad(true);
  };
  const Tensor a = parameter(1.0), b = parameter(2.0);
  GradientBuckets buckets({{"a", a}, {"b", b}}, ranks, {.bytes = 8});
  check(buckets.count() == 2, "buckets: {} of two parameters", buckets.count());
  const bool last = ranks.rank() == ranks.size() - 1;
  backward(last ? sum(a * b) : sum(a + 0.0), {}, buckets.on_gradient());
  buckets.finish();
  const float by_a = static_cast<float>(ranks.size() - 1) + 2.0f;
  check_same_bits(a.grad().to_vector<float>(), {by_a, by_a}, "gradient of a");
  check_same_bits(b.grad().to_vector<float>(), {1.0f, 1.0f}, "gradient of b, which one rank has");
}

// Parts of a batch of 128 on all ranks against the batch on one: the loss, the gradient by parameters through the
// buckets, and the same where each rank computes its samples in two parts.
inline void check_dmi(Communicator& ranks, DType dtype, double tolerance) {
  constexpr int kClasses = 5;
  for (const DmiOptions& options : {DmiOptions{}, {.normalize = false}, {.epsilon = 1e-3}}) {
    for (const bool even : {true, false}) {
      const SharedBatch batch = shared_batch(ranks, 128, kClasses, kClasses, dtype, even);
      const Tensor lift = cast(
          Tensor::from(std::vector<double>{2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 2},
                       {kClasses, kClasses}, kHost),
          dtype);
      Tensor weight = lift.clone();
      weight.set_requires_grad(true);
      const auto logits = [&](const Tensor& x, const Tensor& y) {
        return matmul(x, weight) + cast(one_hot(y, kClasses, dtype), dtype);
      };
      const Tensor whole = dmi(logits(batch.inputs, batch.labels), batch.labels, options);
      backward(whole);
      const Tensor gradient = weight.grad().clone();
      weight.set_grad({});

      GradientBuckets buckets({{"weight", weight}}, ranks);
      const Tensor loss = dmi(logits(batch.own_inputs, batch.own_labels), batch.own_labels, options, ranks);
      check(std::abs(loss.item() - whole.item()) <= tolerance * std::max(1.0, std::abs(whole.item())),
            "dmi: the loss over ranks is {}, that of the whole batch {}", loss.item(), whole.item());
      backward(loss, {}, buckets.on_gradient());
      buckets.finish();
      const double gap = largest_gap(weight.grad(), gradient);
      check(gap <= tolerance, "dmi: the gradient over ranks differs from the whole batch's by {} of its largest", gap);
      weight.set_grad({});

      const int64_t rows = batch.own_inputs.dim(0), cut = rows / 3;
      DmiInParts parts(options);
      std::vector<std::pair<Tensor, Batch>> pieces;
      for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, cut}, {cut, rows - cut}}) {
        const auto labels = batch.own_labels.to_vector<int32_t>();
        const std::vector<int32_t> some(labels.begin() + first, labels.begin() + first + count);
        pieces.push_back(
            {slice(batch.own_inputs, 0, first, count),
             Batch{.inputs = {}, .labels = Tensor::from(some, {count}, kHost), .host_labels = some, .indices = {}}});
      }
      for (const auto& [x, part] : pieces) parts.add(logits(x, part.labels), part);
      parts.sum_over(ranks);
      check(parts.samples() == 128, "dmi in parts: {} samples over all ranks", parts.samples());
      const double value = parts.finish().item();
      check(std::abs(value - whole.item()) <= tolerance * std::max(1.0, std::abs(whole.item())),
            "dmi in parts: the loss over ranks is {}, that of the whole batch {}", value, whole.item());
      backward(parts.part(logits(pieces[0].first, pieces[0].second.labels), pieces[0].second));
      backward(parts.part(logits(pieces[1].first, pieces[1].second.labels), pieces[1].second), {},
               buckets.on_gradient());
      buckets.finish();
      const double gap_in_parts = largest_gap(weight.grad(), gradient);
      check(gap_in_parts <= tolerance, "dmi in parts: the gradient over ranks differs by {}", gap_in_parts);
    }
  }
}

inline void check_everything(Communicator& ranks) {
  check_sums(ranks);
  check_copies(ranks);
  for (const size_t bytes : {size_t{1}, size_t{600}, size_t{4} << 20}) check_buckets(ranks, {.bytes = bytes}, 1e-6);
  check_buckets(ranks, {.bytes = 600, .bf16 = true}, 1e-2);
  check_missing_gradient(ranks);
  check_dmi(ranks, DType::f32, 1e-6);
  check_dmi(ranks, DType::f64, 1e-12);
}

}  // namespace cofactor::testing
