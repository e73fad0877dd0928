#include "experiments/training/trainer.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/experiments/training/phase_bench.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

TEST_SUITE("unit") {
  TEST_CASE("trainer: among equal accuracies the loss decides and then the first is best") {
    const auto of = [](double accuracy, double loss) {
      return EpochMetrics{.valid_loss = loss, .valid_accuracy = accuracy};
    };
    const std::vector<EpochMetrics> history = {of(50, INFINITY), of(70, 2), of(70, 1), of(70, 1), of(60, 1)};
    CHECK(best_epoch(history, Selection::validation_accuracy) == 2);
    CHECK(best_epoch(history, Selection::validation_loss) == 2);
  }

  TEST_CASE("trainer: the weights kept are those of the epoch with the lowest validation loss") {
    PhaseBench two_epochs, four_epochs;
    two_epochs.phase.plan.epochs = 2;
    SmallNetwork a(1, Device::reference), b(1, Device::reference);
    Scripted falling, rising;
    falling.validation_losses = {2.0, 1.0};
    rising.validation_losses = {2.0, 1.0, 1.0, 3.0};
    two_epochs.train(a, falling);
    const auto history = four_epochs.train(b, rising);
    CHECK(history.size() == 4);
    CHECK(history[1].lr == 0.1);
    CHECK(history[2].lr == 0.05);
    CHECK(weights_of(a) == weights_of(b));
    CHECK(two_epochs.weights() == four_epochs.weights());
    CHECK(!std::filesystem::exists(four_epochs.phase.folder / "checkpoint.safetensors"));
    CHECK(read_metrics(four_epochs.phase.folder / "metrics.jsonl") == history);
  }

  TEST_CASE("trainer: a sample that cannot be read is not blamed on the learning rate") {
    class Broken : public Dataset {
     public:
      Broken(std::shared_ptr<const Dataset> data, int64_t broken) : data_(std::move(data)), broken_(broken) {}
      int64_t size() const override { return data_->size(); }
      Shape sample_shape() const override { return data_->sample_shape(); }
      DType dtype() const override { return data_->dtype(); }
      const std::vector<int32_t>& labels() const override { return data_->labels(); }
      int64_t classes() const override { return data_->classes(); }
      void read(int64_t index, const RandomKey& key, void* out) const override {
        check(index != broken_, "image: 'x.jpg' is empty");
        data_->read(index, key, out);
      }

     private:
      std::shared_ptr<const Dataset> data_;
      int64_t broken_;
    };
    for (const bool may_skip : {true, false}) {
      PhaseBench bench;
      bench.options.may_skip_broken = may_skip;
      bench.data.validation.data =
          std::make_shared<Broken>(bench.data.validation.data, bench.data.validation.indices[3]);
      SmallNetwork model(1, Device::reference);
      Scripted loss;
      const std::string message = error_of([&] { bench.train(model, loss); });
      CHECK(contains(message, "the run: image: 'x.jpg' is empty"));
      CHECK(contains(message, "--skip-broken") == may_skip);
      CHECK(!contains(message, "learning rate"));
      CHECK(!std::filesystem::exists(bench.phase.folder / "checkpoint.safetensors"));
    }
  }

  TEST_CASE("trainer: given weights that are not finite are named before the first step") {
    PhaseBench bench;
    SmallNetwork model(1, Device::reference);
    auto state = model.state();
    REQUIRE(state[1].name == "fc.bias");
    state[1].tensor = Tensor::from(std::vector<float>{0.0f, NAN}, Shape{2}, Device::reference);
    model.load_state(state);
    Scripted loss;
    const std::string message = error_of([&] { bench.train(model, loss); });
    CHECK(contains(message, "before the first step the weights are not finite: 'fc.bias' holds nan at element 1"));
    CHECK(contains(message, "--init"));
    CHECK(!contains(message, "learning rate"));
  }

  TEST_CASE("trainer: a validation loss that is infinite after every epoch leaves nothing to select") {
    PhaseBench bench;
    bench.phase.first_epoch = 4;
    SmallNetwork model(1, Device::reference);
    Scripted loss;
    loss.validation_losses = {INFINITY, INFINITY, INFINITY, INFINITY};
    CHECK_THROWS_AS(bench.train(model, loss), RunFailed);
    Scripted again;
    const std::string message = error_of([&] { bench.train(model, again); });
    CHECK(contains(message, "the validation loss is infinite after each of 4 epochs"));
    CHECK(contains(message, "lower --lr (it is 0.1)"));
    CHECK(!std::filesystem::exists(bench.phase.folder / "weights.safetensors"));
  }

  TEST_CASE("trainer: a loss that cannot be prepared fails its run alone") {
    PhaseBench bench;
    SmallNetwork model(1, Device::reference);
    Remembering loss;
    loss.refusal = "remembering: no sample is predicted as class 1";
    CHECK_THROWS_AS(bench.train(model, loss), RunFailed);
    CHECK(contains(error_of([&] { bench.train(model, loss); }),
                   "the run: before the first step: remembering: no sample is predicted as class 1"));
  }

  TEST_CASE("trainer: a loss that cannot follow a step fails its run alone") {
    PhaseBench bench;
    SmallNetwork model(1, Device::reference);
    Remembering loss;
    loss.refuse_step = 4;
    CHECK_THROWS_AS(bench.train(model, loss), RunFailed);
    Remembering again;
    again.refuse_step = 1;  // of the second epoch, to which it is resumed
    CHECK(contains(error_of([&] { bench.train(model, again); }),
                   "the run: after step 4: remembering: a label that is none"));
  }

  TEST_CASE("trainer: a batch that carries no gradient leaves out the whole step and is counted") {
    PhaseBench all_skipped, some_skipped, none_skipped;
    SmallNetwork a(1, Device::reference), b(1, Device::reference), c(1, Device::reference);
    const std::vector<float> before = weights_of(a);
    Scripted all, some, none;
    all.skipped = {0, 1, 2};
    CHECK_THROWS_AS(all_skipped.train(a, all), RunFailed);
    CHECK(weights_of(a) == before);  // neither momentum nor anything else has moved them
    some.skipped = {1};
    const auto history = some_skipped.train(b, some);
    none_skipped.train(c, none);
    CHECK(history[0].batches == 3);
    CHECK(history[0].skipped_batches == 1);
    CHECK(contains(some_skipped.log(), "skipped 1 of 3 batches"));
    CHECK(contains(some_skipped.log(), "--sampler stratified gives every batch a sample of each class"));
    CHECK(!contains(none_skipped.log(), "skipped"));
    CHECK(weights_of(b) != weights_of(c));
  }

  TEST_CASE("trainer: a loss that is not finite stops the run with the step and a likely cause") {
    PhaseBench bench;
    SmallNetwork model(1, Device::reference);
    Scripted loss;
    loss.nan_at = 4;
    const std::string message = error_of([&] { bench.train(model, loss); });
    CHECK(contains(message, "the run: the training loss is nan at step 4 (epoch 2, batch 2); likely cause:"));
    CHECK(std::filesystem::exists(bench.phase.folder / "checkpoint.safetensors"));
    CHECK(!std::filesystem::exists(bench.phase.folder / "weights.safetensors"));
  }

  TEST_CASE("trainer: a learning rate that blows the weights up is found and named") {
    PhaseBench bench;
    bench.phase.plan.lr = 1e38;
    SmallNetwork model(1, Device::reference);
    Scripted loss;
    const std::string message = error_of([&] { bench.train(model, loss); });
    CHECK(contains(message, "learning rate is likely too high; lower --pretrain-lr (it is 1e+38)"));
    PhaseBench finetuning;
    finetuning.phase.plan.lr = 1e38;
    finetuning.phase.first_epoch = 4;
    SmallNetwork other(1, Device::reference);
    Scripted another;
    CHECK(contains(error_of([&] { finetuning.train(other, another); }), "lower --lr (it is 1e+38)"));
  }

  TEST_CASE("trainer: a validation loss may be infinite never NaN") {
    PhaseBench infinite, nan;
    SmallNetwork a(1, Device::reference), b(1, Device::reference);
    Scripted sometimes, never;
    sometimes.validation_losses = {INFINITY, 3.0, INFINITY, 5.0};
    const auto history = infinite.train(a, sometimes);
    CHECK(best_epoch(history, Selection::validation_loss) == 1);
    never.validation_losses = {1.0, NAN};
    CHECK(contains(error_of([&] { nan.train(b, never); }), "the validation loss is nan after epoch 2"));
  }

  TEST_CASE("trainer: fine-tuning sees other batches than pre-training") {
    PhaseBench pretraining, finetuning;
    finetuning.phase.first_epoch = 4;
    SmallNetwork a(1, Device::reference), b(1, Device::reference);
    Scripted loss_a, loss_b;
    pretraining.train(a, loss_a);
    finetuning.train(b, loss_b);
    CHECK(weights_of(a) != weights_of(b));
  }
}
