// Losses of batches that ranks share are those of the whole batch, with its gradient.
#include <doctest/doctest.h>

#include <mutex>

#include "data/sampler.h"
#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "losses/dmi.h"
#include "losses/lccn.h"
#include "losses/make_loss.h"
#include "tests/engine/distributed/thread_ranks.h"
#include "tests/fixtures/errors.h"
#include "tests/losses/helpers.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

constexpr int64_t kClasses = 3;

// A batch with logits, and what one rank has of it.
struct SharedLogits {
  SharedLogits(int64_t samples, DType type, uint32_t index)
      : labels(cycling_labels(samples, kClasses)),
        logits(informative_logits(labels, kClasses, 1.0, index)),
        dtype(type) {}

  Tensor leaf(int64_t first, int64_t count) const {
    const auto begin = logits.begin() + first * kClasses;
    Tensor x =
        cast(Tensor::from(std::vector<double>(begin, begin + count * kClasses), {count, kClasses}, kHost), dtype);
    x.set_requires_grad(true);
    return x;
  }
  Batch batch(int64_t first, int64_t count) const {
    Batch batch;
    batch.host_labels.assign(labels.begin() + first, labels.begin() + first + count);
    batch.labels = label_tensor(batch.host_labels, kHost);
    for (int64_t i = first; i < first + count; ++i) batch.indices.push_back(100 + i);
    batch.first = first;
    return batch;
  }
  Batch share(int rank, int ranks) const {
    const auto samples = std::ssize(labels);
    const BatchShare places = share_of(samples, rank, ranks);
    Batch batch = this->batch(places.first, places.count);
    auto whole = std::make_shared<WholeBatch>();
    whole->labels = labels;
    whole->indices = this->batch(0, samples).indices;
    whole->shared_out = samples * (samples < ranks ? ranks : 1);
    batch.whole = whole;
    return batch;
  }

  std::vector<int32_t> labels;
  std::vector<double> logits;
  DType dtype;
};

void ready(Loss& loss, const SharedLogits& batch) {
  const auto samples = std::ssize(batch.labels);
  if (loss.needs_training_outputs()) loss.prepare(batch.leaf(0, samples).detach(), batch.batch(0, samples));
  loss.set_random(5, 7);
}

std::vector<double> values_of(const Tensor& tensor) {
  return cast(tensor, DType::f64).to_vector<double>();
}

double largest(const std::vector<double>& values) {
  double most = 0.0;
  for (const double value : values) most = std::max(most, std::abs(value));
  return most;
}

}  // namespace

TEST_SUITE("gradient") {
  TEST_CASE("losses: shared by ranks they have the value and the gradient of the whole batch") {
    for (const std::string& method : loss_names()) {
      for (const auto& [dtype, tolerance] : {std::pair{DType::f64, 1e-12}, {DType::f32, 1e-6}}) {
        for (const auto& [samples, size] : {std::pair<int64_t, int>{24, 2}, {25, 3}, {7, 5}, {4, 5}, {128, 2}}) {
          CAPTURE(method);
          CAPTURE(samples);
          CAPTURE(size);
          const SharedLogits batch(samples, dtype, 300);
          const auto alone = make_loss(method);
          ready(*alone, batch);
          const Tensor x = batch.leaf(0, samples);
          const Tensor whole = (*alone)(x, batch.batch(0, samples));
          backward(whole);
          const std::vector<double> gradient = values_of(x.grad());
          std::vector<double> summed(gradient.size(), 0.0), losses(static_cast<size_t>(size));
          std::mutex mutex;
          const auto errors = run_ranks(size, {}, [&](Communicator& ranks) {
            const auto loss = make_loss(method);
            ready(*loss, batch);
            const Batch own = batch.share(ranks.rank(), size);
            loss->set_random(5, 7, own.first);
            const Tensor mine = batch.leaf(own.first, own.size());
            const Tensor value = loss->over_ranks(mine, own, ranks);
            backward(value);
            const std::vector<double> part = values_of(mine.grad());
            const std::lock_guard lock(mutex);
            losses[static_cast<size_t>(ranks.rank())] = value.item();
            for (size_t i = 0; i < part.size(); ++i) summed[static_cast<size_t>(own.first * kClasses) + i] += part[i];
          });
          for (const std::string& error : errors) CHECK(error == "");
          for (const double loss : losses) {
            CHECK(loss == losses[0]);
            CHECK(std::abs(loss - whole.item()) <= tolerance * std::max(1.0, std::abs(whole.item())));
          }
          for (size_t i = 0; i < gradient.size(); ++i)
            CHECK(std::abs(summed[i] - gradient[i]) <= tolerance * largest(gradient));
        }
      }
    }
  }

  TEST_CASE("dmi: shared by ranks without division by N and smoothed too and in parts") {
    for (const bool normalize : {true, false}) {
      for (const double epsilon : {0.0, 1e-3}) {
        for (const auto& [samples, size] : {std::pair<int64_t, int>{25, 3}, {4, 5}}) {
          const DmiOptions options{.normalize = normalize, .epsilon = epsilon, .batch = samples};
          const SharedLogits batch(samples, DType::f64, 310);
          const Tensor x = batch.leaf(0, samples);
          const Tensor whole = dmi(x, batch.batch(0, samples).labels, options);
          backward(whole);
          const std::vector<double> gradient = values_of(x.grad());
          std::vector<double> summed(gradient.size(), 0.0), in_parts(gradient.size(), 0.0);
          std::mutex mutex;
          const auto errors = run_ranks(size, {}, [&](Communicator& ranks) {
            const DmiLoss loss(options);
            const Batch own = batch.share(ranks.rank(), size);
            const Tensor mine = batch.leaf(own.first, own.size()), again = batch.leaf(own.first, own.size());
            const Tensor value = DmiLoss(options).over_ranks(mine, own, ranks);
            check(std::abs(value.item() - whole.item()) <= 1e-12 * std::abs(whole.item()), "whole: {}", value.item());
            backward(value);
            const auto parts = loss.in_parts();
            const int64_t cut = own.size() / 2;
            const auto each = [&](const auto& work) {
              for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, cut}, {cut, own.size() - cut}})
                if (count > 0) work(slice(again, 0, first, count), batch.batch(own.first + first, count));
            };
            each([&](const Tensor& logits, const Batch& part) { parts->add(logits, part); });
            parts->sum_over(ranks, own.whole->copies());
            const double joined = parts->finish().item();
            check(std::abs(joined - whole.item()) <= 1e-12 * std::abs(whole.item()), "in parts: {}", joined);
            each([&](const Tensor& logits, const Batch& part) { backward(parts->part(logits, part)); });
            const std::lock_guard lock(mutex);
            const std::vector<double> a = values_of(mine.grad()), b = values_of(again.grad());
            for (size_t i = 0; i < a.size(); ++i) {
              summed[static_cast<size_t>(own.first * kClasses) + i] += a[i];
              in_parts[static_cast<size_t>(own.first * kClasses) + i] += b[i];
            }
          });
          for (const std::string& error : errors) CHECK(error == "");
          for (size_t i = 0; i < gradient.size(); ++i) {
            CHECK(std::abs(summed[i] - gradient[i]) <= 1e-12 * largest(gradient));
            CHECK(std::abs(in_parts[i] - gradient[i]) <= 1e-12 * largest(gradient));
          }
        }
      }
    }
  }

  TEST_CASE("lccn: ranks keep the labels and the transition matrix of all samples") {
    const LccnOptions options{.warmup_steps = 2, .update_every = 3};
    const int steps = 8;
    const auto train = [&](LccnLoss& loss, const std::function<void(const SharedLogits&)>& step) {
      const SharedLogits first(12, DType::f64, 400);
      loss.prepare(first.leaf(0, 12).detach(), first.batch(0, 12));
      for (uint32_t i = 0; i < steps; ++i) {
        loss.set_random(3, i);
        step(SharedLogits(i % 2 == 0 ? 12 : 4, DType::f64, 401 + i));  // 4 samples are too few for 5 ranks
      }
    };
    LccnLoss alone(options);
    train(alone, [&](const SharedLogits& batch) {
      const auto samples = std::ssize(batch.labels);
      alone(batch.leaf(0, samples), batch.batch(0, samples));
      alone.step_done(batch.batch(0, samples));
    });
    const auto wanted = alone.state();
    for (const int size : {1, 2, 5}) {
      const auto errors = run_ranks(size, {}, [&](Communicator& ranks) {
        LccnLoss loss(options);
        loss.share_state(ranks);
        uint64_t number = 0;
        train(loss, [&](const SharedLogits& batch) {
          const Batch own = batch.share(ranks.rank(), size);
          loss.set_random(3, number++, own.first);
          loss.over_ranks(batch.leaf(own.first, own.size()), own, ranks);
          loss.step_done(own);
        });
        const auto state = loss.state();
        check(state.size() == wanted.size(), "state of {} tensors", state.size());
        for (size_t i = 0; i < state.size(); ++i)
          check(values_of(state[i].tensor) == values_of(wanted[i].tensor), "{} differs", state[i].name);
      });
      for (const std::string& error : errors) CHECK(error == "");
    }
  }
}

TEST_SUITE("unit") {
  TEST_CASE("losses: a batch that is no share of one is refused over ranks") {
    const SharedLogits batch(6, DType::f64, 320);
    const auto ranks = single_communicator();
    for (const std::string method : {"ce", "dmi"})
      CHECK(error_of([&] { make_loss(method)->over_ranks(batch.leaf(0, 6), batch.batch(0, 6), *ranks); }) ==
            method + ": the batch is not a share of one that ranks divide");
  }
}
