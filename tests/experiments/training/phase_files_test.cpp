// Phases that are interrupted and resumed.
#include "experiments/training/phase_files.h"

#include <doctest/doctest.h>

#include "experiments/training/stop.h"
#include "tests/experiments/training/phase_bench.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

TEST_SUITE("unit") {
  TEST_CASE("trainer: stopped in any epoch and started again it ends with the same bits") {
    PhaseBench whole;
    SmallNetwork model(1, Device::reference);
    Scripted quiet;
    quiet.validation_losses = {4.0, 3.0, 2.0, 1.0};
    auto wanted = whole.train(model, quiet);
    for (const int64_t stop : {0, 4, 7, 11}) {
      CAPTURE(stop);
      PhaseBench cut;
      SmallNetwork first(1, Device::reference), second(1, Device::reference);
      Scripted failing, going_on;
      failing.validation_losses = quiet.validation_losses;
      failing.fail_at = stop;
      CHECK(contains(error_of([&] { cut.train(first, failing); }), "as the test wants it"));
      const auto done = static_cast<std::ptrdiff_t>(stop / 3);
      going_on.validation_losses.assign(quiet.validation_losses.begin() + done, quiet.validation_losses.end());
      auto history = cut.train(second, going_on);
      CHECK(contains(cut.log(), "resumed after epoch") == (done > 0));
      CHECK(weights_of(second) == weights_of(model));
      CHECK(cut.weights() == whole.weights());
      for (auto* one : {&history, &wanted}) {
        for (EpochMetrics& epoch : *one) epoch.seconds = 0.0;
      }
      CHECK(history == wanted);
    }
  }

  TEST_CASE("trainer: stopped after any step by a signal it goes on from that step to the same bits") {
    PhaseBench whole;
    SmallNetwork model(1, Device::reference);
    Remembering peaceful;
    auto wanted = whole.train(model, peaceful);
    for (int64_t stop = 0; stop < 12; ++stop) {
      CAPTURE(stop);
      PhaseBench cut;
      SmallNetwork first(1, Device::reference), second(1, Device::reference);
      Remembering stopped, going_on;
      stopped.stop_at = stop;
      CHECK_THROWS_AS(cut.train(first, stopped), Interrupted);
      const std::string place = fmt::format("in epoch {} of 4, after batch {} of 3", stop / 3 + 1, stop % 3 + 1);
      CHECK(contains(cut.log(), "stopped by SIGTERM " + place));
      const Checkpoint checkpoint = load_checkpoint(cut.phase.folder / "checkpoint.safetensors", Device::reference);
      REQUIRE(checkpoint.partial);
      CHECK(checkpoint.partial->batches == stop % 3 + 1);
      auto history = cut.train(second, going_on);
      CHECK(contains(cut.log(), "the run: resumed " + place));
      CHECK(going_on.preparations == 0);
      CHECK(weights_of(second) == weights_of(model));
      CHECK(cut.weights() == whole.weights());
      CHECK(going_on.state()[0].tensor.item() == peaceful.state()[0].tensor.item());
      for (auto* one : {&history, &wanted}) {
        for (EpochMetrics& epoch : *one) epoch.seconds = 0.0;
      }
      CHECK(history == wanted);
    }
  }

  TEST_CASE("trainer: a checkpoint comes within an epoch when its time has come and not before") {
    for (const double every : {0.0, 1e-6, 3600.0}) {
      CAPTURE(every);
      PhaseBench cut;
      cut.options.checkpoint_every = every;
      SmallNetwork first(1, Device::reference);
      Scripted failing;
      failing.fail_at = 2;  // within the first epoch, and no signal
      CHECK(contains(error_of([&] { cut.train(first, failing); }), "as the test wants it"));
      CHECK(std::filesystem::exists(cut.phase.folder / "checkpoint.safetensors") == (every == 1e-6));
    }
  }

  TEST_CASE("trainer: skipped batches are counted over an interruption") {
    PhaseBench whole, cut;
    SmallNetwork a(1, Device::reference), b(1, Device::reference), c(1, Device::reference);
    Scripted peaceful, stopped, going_on;
    for (Scripted* loss : {&peaceful, &stopped}) loss->skipped = {1};
    const auto wanted = whole.train(a, peaceful);
    stopped.stop_at = 1;  // the first epoch's third batch
    CHECK_THROWS_AS(cut.train(b, stopped), Interrupted);
    going_on.skipped = {1};
    const auto history = cut.train(c, going_on);
    CHECK(history[0].skipped_batches == 1);
    CHECK(history[0].batches == 3);
    CHECK(history[0].train_loss == wanted[0].train_loss);
    CHECK(weights_of(c) == weights_of(a));
  }

  TEST_CASE("trainer: a loss that keeps state is prepared once and given its state back when resumed") {
    PhaseBench whole;
    SmallNetwork model(1, Device::reference);
    Remembering peaceful;
    whole.train(model, peaceful);
    CHECK(peaceful.preparations == 1);
    CHECK(peaceful.prepared_with == whole.data.train.indices);
    CHECK(peaceful.evaluations == 4);
    for (const int64_t stop : {1, 3, 7, 11}) {
      CAPTURE(stop);
      PhaseBench cut;
      SmallNetwork first(1, Device::reference), second(1, Device::reference);
      Remembering failing, going_on;
      failing.fail_at = stop;
      CHECK(contains(error_of([&] { cut.train(first, failing); }), "as the test wants it"));
      cut.train(second, going_on);
      CHECK(going_on.preparations == (stop < 3 ? 1 : 0));
      CHECK(weights_of(second) == weights_of(model));
      CHECK(cut.weights() == whole.weights());
      CHECK(going_on.state()[0].tensor.item() == peaceful.state()[0].tensor.item());
    }
  }

  TEST_CASE("trainer: a checkpoint without the loss's state is an error that names the file") {
    PhaseBench bench;
    SmallNetwork model(1, Device::reference);
    Scripted stateless;
    stateless.fail_at = 4;
    CHECK(contains(error_of([&] { bench.train(model, stateless); }), "as the test wants it"));
    Remembering loss;
    CHECK(contains(error_of([&] { bench.train(model, loss); }), "checkpoint.safetensors: remembering: 0 tensors"));
  }

  TEST_CASE("trainer: finished weights are taken as they are") {
    PhaseBench bench;
    SmallNetwork model(1, Device::reference), other(2, Device::reference);
    Scripted loss, unused;
    const auto history = bench.train(model, loss);
    unused.fail_at = 0;
    CHECK(bench.train(other, unused) == history);
    CHECK(weights_of(other) == weights_of(model));
    bench.phase.settings = R"({"of":"another"})";
    CHECK(contains(error_of([&] { bench.train(other, unused); }), "weights.safetensors was made with other settings"));
  }
}
