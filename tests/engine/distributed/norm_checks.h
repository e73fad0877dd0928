// Batch norm over ranks against one process with the whole batch, whatever carries the ranks' messages. Each check is
// called by all ranks and throws Error where something is wrong.
#pragma once

#include "engine/distributed/synchronised_batch_norm.h"
#include "engine/ops/batch_norm.h"
#include "engine/optim/sgd.h"
#include "models/resnet.h"
#include "tests/engine/distributed/rank_checks.h"

namespace cofactor::testing {

// How many of a batch's rows each rank has: about as many as the others, or the first rank all but 1, or but 0, for
// each of the others.
enum class Shares { equal, one_each, none_each };

struct OwnRows {
  OwnRows(const Communicator& ranks, int64_t rows, Shares shares) {
    const int64_t rank = ranks.rank(), size = ranks.size(), least = shares == Shares::one_each ? 1 : 0;
    const int64_t others = least * (size - 1);
    if (shares == Shares::equal) {
      first = rows * rank / size;
      count = rows * (rank + 1) / size - first;
    } else {
      first = rank == 0 ? 0 : rows - others + least * (rank - 1);
      count = rank == 0 ? rows - others : least;
    }
  }
  // A tensor of its own with these rows of x.
  Tensor of(const Tensor& x) const { return slice(x.detach(), 0, first, count).clone(); }

  int64_t first = 0, count = 0;
};

inline void check_gap(std::string_view what, const Tensor& a, const Tensor& b, double tolerance) {
  const double gap = largest_gap(a, b);
  check(gap <= tolerance, "{} differs from the whole batch's by {} of its largest, at most {} is allowed", what, gap,
        tolerance);
}

inline Tensor normal_values(const Shape& shape, uint32_t index, DType dtype, Device device, double mean = 0.0) {
  const Tensor values = Tensor::randn(shape, {.seed = 8, .index = index}, DType::f64, kHost) + mean;
  return cast(values, dtype).to(device).detach();
}

inline Tensor summed(const Tensor& x, Communicator& ranks) {
  const Tensor sum = x.clone();
  ranks.all_reduce(sum);
  return sum;
}

// The op and its gradients.
inline void check_norm_op(Communicator& ranks, Device device, DType dtype, double tolerance) {
  const Shape shape{13, 3, 2, 5};
  const DType wide = compute_dtype(dtype);
  const auto channels = [&](uint32_t index) { return normal_values({5}, index, wide, device, 1.0); };
  struct Tensors {
    Tensor x, residual, scale, shift, running_mean, running_variance;
  };
  for (const Shares shares : {Shares::equal, Shares::one_each, Shares::none_each})
    for (const bool relu : {false, true})
      for (const bool with_residual : {false, true}) {
        const BatchNormParams params{.momentum = 0.3, .activation = relu ? Activation::relu : Activation::none};
        const OwnRows rows(ranks, shape[0], shares);
        Tensors whole{normal_values(shape, 1, dtype, device, 2.0),
                      with_residual ? normal_values(shape, 2, dtype, device) : Tensor(),
                      channels(3),
                      channels(4),
                      channels(5),
                      channels(6)};
        Tensors own{rows.of(whole.x),           with_residual ? rows.of(whole.residual) : Tensor(),
                    whole.scale.clone(),        whole.shift.clone(),
                    whole.running_mean.clone(), whole.running_variance.clone()};
        for (Tensors* tensors : {&whole, &own})
          for (Tensor* leaf : {&tensors->x, &tensors->residual, &tensors->scale, &tensors->shift})
            if (leaf->defined()) leaf->set_requires_grad(true);
        const Tensor weights = normal_values(shape, 7, dtype, device);

        const Tensor whole_y = batch_norm(whole.x, whole.scale, whole.shift, whole.running_mean, whole.running_variance,
                                          params, whole.residual);
        backward(whole_y, weights);
        const Tensor y = synchronised_batch_norm(own.x, own.scale, own.shift, own.running_mean, own.running_variance,
                                                 params, own.residual, ranks);
        backward(y, rows.of(weights));
        check_gap("y", y, rows.of(whole_y), tolerance);
        check_gap("dx", own.x.grad(), rows.of(whole.x.grad()), tolerance);
        if (with_residual) check_gap("dresidual", own.residual.grad(), rows.of(whole.residual.grad()), tolerance);
        check_gap("dscale", summed(own.scale.grad(), ranks), whole.scale.grad(), tolerance);
        check_gap("dshift", summed(own.shift.grad(), ranks), whole.shift.grad(), tolerance);
        check_gap("the running mean", own.running_mean, whole.running_mean, tolerance);
        check_gap("the running variance", own.running_variance, whole.running_variance, tolerance);
      }
}

// The variance where the mean is `mean` deviations from 0, against that of x in f64 by two passes.
inline void check_norm_far_from_zero(Communicator& ranks, Device device, DType dtype, double mean, double tolerance) {
  const Tensor x = normal_values({64, 3}, 9, dtype, device, mean);
  const auto zeros = [](const Tensor& like) { return Tensor::zeros({3}, like.dtype(), like.device()); };
  const auto ones = [](const Tensor& like) { return Tensor::full({3}, 1.0, like.dtype(), like.device()); };
  const BatchNormParams params{.momentum = 1.0};
  const Tensor exact = cast(x.to(kHost), DType::f64), exact_mean = zeros(exact), exact_variance = zeros(exact);
  batch_norm(exact, ones(exact), zeros(exact), exact_mean, exact_variance, params);
  const Tensor own = OwnRows(ranks, 64, Shares::equal).of(x), running_mean = zeros(x), running_variance = zeros(x);
  synchronised_batch_norm(own, ones(x), zeros(x), running_mean, running_variance, params, {}, ranks);
  check_gap("the mean far from 0", running_mean, exact_mean, 1e-6);
  check_gap("the variance far from 0", running_variance, exact_variance, tolerance);
}

// The gradient by every x of every rank against central differences of the ranks' common loss.
inline void check_norm_differences(Communicator& ranks) {
  constexpr int64_t kRows = 7, kChannels = 2;
  constexpr double kStep = 1e-5;
  const OwnRows rows(ranks, kRows, Shares::one_each);
  Tensor x = rows.of(normal_values({kRows, kChannels}, 11, DType::f64, kHost));
  const Tensor weights = rows.of(normal_values({kRows, kChannels}, 12, DType::f64, kHost));
  const Tensor residual = rows.of(normal_values({kRows, kChannels}, 13, DType::f64, kHost));
  const Tensor scale = normal_values({kChannels}, 14, DType::f64, kHost, 1.0), shift = scale.clone();
  const auto own_loss = [&] {
    const Tensor mean = Tensor::zeros({kChannels}, DType::f64, kHost), variance = mean.clone();
    const Tensor y =
        synchronised_batch_norm(x, scale, shift, mean, variance, {.activation = Activation::relu}, residual, ranks);
    return sum(y * y * weights);
  };
  x.set_requires_grad(true);
  backward(own_loss());
  const Tensor gradient = x.grad();
  x.set_requires_grad(false);
  for (int64_t at = 0; at < kRows * kChannels; ++at) {
    const int64_t place = at - rows.first * kChannels;
    const bool mine = place >= 0 && place < x.numel();
    const auto loss_at = [&](double step) {
      if (mine) x.data<double>()[place] += step;
      std::vector<double> loss{own_loss().item()};
      if (mine) x.data<double>()[place] -= step;
      ranks.all_reduce(std::span(loss));
      return loss[0];
    };
    const double difference = (loss_at(kStep) - loss_at(-kStep)) / (2.0 * kStep);
    if (!mine) continue;
    const double found = gradient.data<double>()[place];
    check(std::abs(found - difference) <= 1e-6 * std::max(1.0, std::abs(difference)),
          "batch norm: the gradient by x {} is {}, the difference quotient {}", place, found, difference);
  }
}

inline std::shared_ptr<ResNet> small_resnet(Device device, DType dtype) {
  Initializer init(device, 4, dtype);
  return std::make_shared<ResNet>(init,
                                  ResNetOptions{.blocks = {1, 1}, .classes = 3, .stem = ResNetStem::cifar, .width = 4});
}

// Two steps of a network with batch norm and many buckets, whose sums start between those of the batch norms, beside
// the same on the whole batch. The loss is cross entropy, or DMI.
inline void check_norm_network(Communicator& ranks, Device device, DType dtype, Shares shares, bool with_dmi,
                               double tolerance) {
  constexpr int64_t kSamples = 14;
  const Tensor inputs = normal_values({kSamples, 6, 6, 3}, 15, dtype, device);
  std::vector<int32_t> labels;
  for (int32_t i = 0; i < kSamples; ++i) labels.push_back(i % 3);
  const Tensor all_labels = Tensor::from(labels, {kSamples}, device);
  const OwnRows rows(ranks, kSamples, shares);
  const Tensor own_labels =
      Tensor::from(std::vector<int32_t>(labels.begin() + rows.first, labels.begin() + rows.first + rows.count),
                   {rows.count}, device);
  const auto whole = small_resnet(device, dtype), own = small_resnet(device, dtype);
  own->synchronise_batch_norm(&ranks);
  GradientBuckets buckets(own->parameters(), ranks, {.bytes = 500});
  Sgd whole_sgd(whole->parameters(), {.lr = 0.1}), own_sgd(own->parameters(), {.lr = 0.1});
  const auto compare = [&](const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b, bool gradients) {
    for (size_t i = 0; i < a.size(); ++i)
      if (a[i].tensor.dtype() != DType::i32)
        check_gap(a[i].name, gradients ? a[i].tensor.grad() : a[i].tensor, gradients ? b[i].tensor.grad() : b[i].tensor,
                  tolerance);
  };
  for (int step = 1; step <= 2; ++step) {
    const Tensor whole_logits = (*whole)(inputs);
    whole_sgd.zero_grad();
    backward(with_dmi ? dmi(whole_logits, all_labels) : cross_entropy(whole_logits, all_labels));
    const Tensor logits = (*own)(rows.of(inputs));
    own_sgd.zero_grad();
    const double share = static_cast<double>(rows.count) / kSamples;
    backward(with_dmi ? dmi(logits, own_labels, {}, ranks) : cross_entropy(logits, own_labels) * share, {},
             buckets.on_gradient());
    buckets.finish();
    compare(own->parameters(), whole->parameters(), true);
    whole_sgd.step();
    own_sgd.step();
    compare(own->buffers(), whole->buffers(), false);
  }
  check(buckets.count() > 5 && buckets.started_in_backward() > 5, "{} buckets, of which {} started in backward",
        buckets.count(), buckets.started_in_backward());

  // Evaluation needs no other rank.
  if (ranks.rank() == 0) {
    whole->eval();
    own->eval();
    check_gap("the logits in evaluation", (*own)(inputs), (*whole)(inputs), tolerance);
  }
  // Switched off, it is what it was before.
  own->train();
  const auto plain = small_resnet(device, dtype);
  plain->load_state(own->state());
  own->synchronise_batch_norm(nullptr);
  const auto bits = [](const Tensor& y) { return cast(y.detach(), DType::f64).to_vector<double>(); };
  check(bits((*own)(inputs)) == bits((*plain)(inputs)), "batch norm that is not synchronised any more differs");
}

inline void check_batch_norm_over_ranks(Communicator& ranks) {
  const Device device = default_device();
  check_norm_op(ranks, kHost, DType::f64, 1e-12);
  check_norm_op(ranks, device, DType::f32, 1e-5);
  check_norm_op(ranks, device, DType::bf16, 0x1p-7);
  check_norm_far_from_zero(ranks, kHost, DType::f64, 1e6, 1e-9);
  check_norm_far_from_zero(ranks, device, DType::f32, 1e3, 1e-5);
  check_norm_differences(ranks);
  for (const Shares shares : {Shares::equal, Shares::one_each})
    for (const bool with_dmi : {false, true}) {
      check_norm_network(ranks, kHost, DType::f64, shares, with_dmi, 1e-10);
      // f32's roundings grow through the layers and the steps; f64 tells what is exact.
      check_norm_network(ranks, device, DType::f32, shares, with_dmi, 1e-3);
    }
}

}  // namespace cofactor::testing
