#include "experiments/training/diagnosis.h"

#include <doctest/doctest.h>
#include <signal.h>

#include <cmath>

#include "experiments/training/loss_sum.h"
#include "experiments/training/stop.h"
#include "tests/experiments/small_experiment.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::contains;
using cofactor::testing::error_of;
using cofactor::testing::small_points;

namespace {

Tensor row(std::vector<float> values) {
  const auto count = static_cast<int64_t>(values.size());
  return Tensor::from(values, Shape{1, count}, Device::reference);
}

Split labelled(const std::vector<int32_t>& labels) {
  Split split = make_split(small_points(static_cast<int64_t>(labels.size())), 0, static_cast<int64_t>(labels.size()));
  split.labels = labels;
  return split;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("diagnosis: the flag that is named is that of the phase which is to blame") {
    const Batch batch{.inputs = row({0.0f}), .labels = {}, .host_labels = {}, .indices = {}};
    const Tensor nan = row({NAN, 0.0f}), large = row({1e5f, 0.0f}), same = row({0.5f, 0.5f});
    const Standing pretraining{.finetuning = false, .loss = "ce", .lr = 0.5, .updates = 3};
    const Standing finetuning{.finetuning = true, .loss = "dmi", .lr = 0.25, .updates = 3};
    Standing first = pretraining, untouched = finetuning;
    first.updates = untouched.updates = 0;
    CHECK(contains(cause_of_loss(pretraining, batch, nan), "lower --pretrain-lr (it is 0.5)"));
    CHECK(contains(cause_of_loss(finetuning, batch, nan), "lower --lr (it is 0.25)"));
    CHECK(contains(cause_of_loss(untouched, batch, nan), "lower --pretrain-lr"));
    CHECK(!contains(cause_of_loss(untouched, batch, nan), "lower --lr"));
    CHECK(contains(cause_of_loss(first, batch, nan), "the initial weights are to blame"));
    CHECK(!contains(cause_of_loss(first, batch, nan), "learning rate"));
    CHECK(contains(cause_of_loss(finetuning, batch, same), "pre-train longer (--epochs), lower --lr (it is 0.25)"));
    CHECK(contains(cause_of_loss(untouched, batch, large), "outputs reach 1e+05: pre-training has diverged"));
    CHECK(!contains(cause_of_loss(untouched, batch, same), "diverged"));
    const Batch broken{.inputs = row({NAN}), .labels = {}, .host_labels = {}, .indices = {}};
    CHECK(contains(cause_of_loss(finetuning, broken, nan), "the batch's inputs hold values that are not finite"));
    CHECK(contains(cause_of_outputs(untouched), "pre-training is to blame"));
  }

  TEST_CASE("diagnosis: what cures skipped batches cures them") {
    const Split balanced = labelled({0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1});
    CHECK(cure_for_skipped_batches(balanced, SamplerKind::shuffled, 4) ==
          "--sampler stratified gives every batch a sample of each class");
    const Split rare = labelled({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1});
    CHECK(cure_for_skipped_batches(rare, SamplerKind::shuffled, 4) ==
          "--sampler stratified with --batch-size 6 gives every batch a sample of each class (the rarest has 2 of 12)");
    const std::string cure = cure_for_skipped_batches(rare, SamplerKind::stratified, 4);
    CHECK(cure.starts_with("--batch-size 6 gives"));
    CHECK(!contains(cure, "--sampler"));
    for (const auto& batch : make_batches(SamplerKind::stratified, rare.labels, 6, LastBatch::keep, {})) {
      CHECK(std::ranges::any_of(batch, [](int64_t position) { return position >= 10; }));
    }
    CHECK(contains(cure_for_skipped_batches(labelled({0, 0, 0}), SamplerKind::stratified, 2), "no training sample"));
  }

  TEST_CASE("loss sum: the order of the losses decides it and not when they are read") {
    const auto sum_of = [](const std::vector<int>& read_after) {
      LossSum sum([](double, const StepPlace&) {});
      sum.restart(0.1);
      double value = 0.0;
      for (int i = 0; i < 200; ++i) {
        const float loss = 1.0f / static_cast<float>(i + 3);
        if (i % 7 == 0) {
          sum.add(loss);
        } else {
          sum.add_later(Tensor::full(Shape{}, loss, DType::f32, Device::reference), {.step = i});
        }
        if (std::ranges::find(read_after, i) != read_after.end()) value = sum.read();
      }
      (void)value;
      return sum.read();
    };
    const double wanted = sum_of({});
    for (const int at : {0, 1, 5, 63, 64, 100, 199}) CHECK(sum_of({at}) == wanted);
    std::vector<int64_t> seen;
    LossSum strict([&](double value, const StepPlace& at) {
      seen.push_back(at.step);
      check(std::isfinite(value), "step {}", at.step);
    });
    for (int i = 0; i < 3; ++i)
      strict.add_later(Tensor::full(Shape{}, i == 1 ? NAN : 1.0, DType::f32, Device::reference), {.step = i});
    CHECK(error_of([&] { strict.read(); }) == "step 1");
    CHECK(seen == std::vector<int64_t>{0, 1});
  }

  TEST_CASE("stop: a signal is remembered within a scope and thrown where it is asked for") {
    StopSignals::check();  // outside of a scope nothing comes
    const StopSignals scope;
    CHECK(StopSignals::pending() == 0);
    StopSignals::check();
    raise(SIGTERM);
    CHECK(StopSignals::pending() == SIGTERM);
    try {
      StopSignals::check();
      FAIL("nothing was thrown");
    } catch (const Interrupted& stop) {
      CHECK(stop.signal() == SIGTERM);
      CHECK(std::string(stop.what()) == "stopped by SIGTERM");
    }
  }
}
