#include "experiments/training/diagnosis.h"

#include <doctest/doctest.h>

#include <cmath>

#include "losses/make_loss.h"
#include "tests/engine/distributed/thread_ranks.h"
#include "tests/experiments/small_experiment.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::contains;
using cofactor::testing::error_of;
using cofactor::testing::run_ranks;
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
  TEST_CASE("diagnosis: the flag that is named is that of the phase that caused the failure") {
    const Batch batch{.inputs = row({0.0f}), .labels = {}, .host_labels = {}, .indices = {}};
    const Tensor nan = row({NAN, 0.0f}), large = row({1e5f, 0.0f}), same = row({0.5f, 0.5f});
    const auto ce = make_loss("ce"), dmi = make_loss("dmi");
    const Standing pretraining{.finetuning = false, .loss = *ce, .lr = 0.5, .updates = 3};
    const Standing finetuning{.finetuning = true, .loss = *dmi, .lr = 0.25, .updates = 3};
    const Standing first{.finetuning = false, .loss = *ce, .lr = 0.5, .updates = 0};
    const Standing untouched{.finetuning = true, .loss = *dmi, .lr = 0.25, .updates = 0};
    CHECK(contains(cause_of_loss(pretraining, batch, nan), "lower --pretrain-lr (it is 0.5)"));
    CHECK(contains(cause_of_loss(finetuning, batch, nan), "lower --lr (it is 0.25)"));
    CHECK(contains(cause_of_loss(untouched, batch, nan), "lower --pretrain-lr"));
    CHECK(!contains(cause_of_loss(untouched, batch, nan), "lower --lr"));
    CHECK(contains(cause_of_loss(first, batch, nan), "the cause lies in the initial weights"));
    CHECK(!contains(cause_of_loss(first, batch, nan), "learning rate"));
    CHECK(contains(cause_of_loss(finetuning, batch, same), "pre-train longer (--epochs), lower --lr (it is 0.25)"));
    CHECK(contains(cause_of_loss(untouched, batch, large), "outputs reach 1e+05: pre-training has diverged"));
    CHECK(!contains(cause_of_loss(untouched, batch, same), "diverged"));
    const Batch broken{.inputs = row({NAN}), .labels = {}, .host_labels = {}, .indices = {}};
    CHECK(contains(cause_of_loss(finetuning, broken, nan), "the batch's inputs hold values that are not finite"));
    // Of ranks that share the batch, that with the fault is named on all, and rank 0 speaks where none has it.
    for (const int at_fault : {0, 2, 9}) {
      const auto errors = run_ranks(3, {}, [&](Communicator& ranks) {
        const bool own = ranks.rank() == at_fault;
        throw Error(cause_of_loss(finetuning, own ? broken : batch, own ? nan : same, ranks));
      });
      for (const std::string& error : errors) {
        CHECK(error == errors[0]);
        if (at_fault < 3)
          CHECK(error == fmt::format("on rank {}, the batch's inputs hold values that are not finite", at_fault));
        if (at_fault == 9) CHECK(contains(error, "pre-train longer (--epochs), lower --lr (it is 0.25)"));
      }
    }
    CHECK(contains(cause_of_outputs(untouched), "the cause lies in pre-training"));
  }

  TEST_CASE("diagnosis: the remedy for skipped batches works") {
    const Split balanced = labelled({0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1});
    CHECK(remedy_for_skipped_batches(balanced, SamplerKind::shuffled, 4) ==
          "--sampler stratified gives every batch a sample of each class");
    const Split rare = labelled({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1});
    CHECK(remedy_for_skipped_batches(rare, SamplerKind::shuffled, 4) ==
          "--sampler stratified with --batch-size 6 gives every batch a sample of each class (the rarest has 2 of 12); "
          "--dmi-batch 6 does so in the memory of small batches");
    CHECK(remedy_for_skipped_batches(rare, SamplerKind::stratified, 4, kLogicalBatchFlag) ==
          "--dmi-batch 6 gives every batch a sample of each class (the rarest has 2 of 12)");
    const std::string remedy = remedy_for_skipped_batches(rare, SamplerKind::stratified, 4);
    CHECK(remedy.starts_with("--batch-size 6 gives"));
    CHECK(!contains(remedy, "--sampler"));
    for (const auto& batch : make_batches(SamplerKind::stratified, rare.labels, 6, LastBatch::keep, {})) {
      CHECK(std::ranges::any_of(batch, [](int64_t position) { return position >= 10; }));
    }
    CHECK(contains(remedy_for_skipped_batches(labelled({0, 0, 0}), SamplerKind::stratified, 2), "no training sample"));
  }
}
