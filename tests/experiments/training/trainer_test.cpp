#include "experiments/training/trainer.h"

#include <doctest/doctest.h>

#include <signal.h>

#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "experiments/sweep/protocol.h"
#include "experiments/training/stop.h"
#include "losses/make_loss.h"
#include "tests/experiments/process.h"
#include "tests/experiments/small_experiment.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// Cross entropy that a test can make fail, skip, or judge validation as it likes.
class Scripted : public Loss {
 public:
  std::string_view name() const override { return "scripted"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override {
    if (batch.size() == kValidation) {
      const double value = validation_losses.empty() ? 1.0 : validation_losses.at(static_cast<size_t>(validations_));
      ++validations_;
      return Tensor::full(Shape{}, value, DType::f32, logits.device());
    }
    if (calls_++ == fail_at) fail("scripted: as the test wants it");
    if (calls_ - 1 == stop_at) raise(SIGTERM);
    if (calls_ - 1 == nan_at) return sum(logits) * NAN;
    return (*ce_)(logits, batch);
  }
  bool skips(const Batch& batch, int64_t) const override {
    return batch.size() != kValidation && std::ranges::find(skipped, batches_++ % 3) != skipped.end();
  }

  static constexpr int64_t kValidation = 17;
  int64_t fail_at = -1, nan_at = -1, stop_at = -1;  // training calls, from 0
  std::vector<int64_t> skipped;                     // batches of each epoch of three
  std::vector<double> validation_losses;

 private:
  std::unique_ptr<Loss> ce_ = make_loss("ce");
  int64_t calls_ = 0, validations_ = 0;
  mutable int64_t batches_ = 0;
};

// Cross entropy with a weight that grows by what the loss has seen: the outputs it was prepared with, the draws it was
// named, the samples of every step. Whoever forgets one of the hooks, or loses the state, trains other weights.
class Remembering : public Loss {
 public:
  std::string_view name() const override { return "remembering"; }
  Tensor operator()(const Tensor& logits, const Batch& batch) override {
    if (calls_++ == fail_at) fail("remembering: as the test wants it");
    if (calls_ - 1 == stop_at) raise(SIGTERM);
    return (*ce_)(logits, batch) * (1.0 + 0.1 * weight_ + 0.01 * static_cast<double>(draw_ % 7));
  }
  Tensor evaluate(const Tensor& logits, const Batch& batch) override {
    ++evaluations;
    return (*ce_)(logits, batch);
  }
  bool needs_training_outputs() const override { return true; }
  void prepare(const Tensor& logits, const Batch& batch) override {
    if (!refusal.empty()) fail("{}", refusal);
    ++preparations;
    prepared_with = batch.indices;
    weight_ = std::abs(logits.to_vector<float>().at(0));
  }
  void set_random(uint64_t seed, uint64_t step) override { draw_ = seed + step; }
  void step_done(const Batch& batch) override {
    if (calls_ - 1 == refuse_step) fail("remembering: a label that is none");
    for (const int64_t index : batch.indices) weight_ += 1e-4 * static_cast<double>(index);
  }
  std::vector<NamedTensor> state() const override {
    return {{"weight", Tensor::from(std::vector<double>{weight_}, Shape{1}, Device::reference)}};
  }
  void load_state(const std::vector<NamedTensor>& state) override {
    check(state.size() == 1 && state[0].name == "weight", "remembering: {} tensors, expected weight", state.size());
    weight_ = state[0].tensor.item();
  }

  int64_t fail_at = -1, refuse_step = -1, stop_at = -1;  // training calls, from 0
  std::string refusal;
  int preparations = 0, evaluations = 0;
  std::vector<int64_t> prepared_with;

 private:
  std::unique_ptr<Loss> ce_ = make_loss("ce");
  double weight_ = 0.0;
  uint64_t draw_ = 0;
  int64_t calls_ = 0;
};

// 60 training samples in batches of 20, 4 epochs, with momentum, so that a forgotten optimizer state shows.
struct Bench {
  Bench() {
    DataSplits splits = small_splits(60, Scripted::kValidation);
    data = {splits.train, splits.validation};
    options.device = Device::reference;
    options.workers = 0;
    phase.label = "the run";
    phase.settings = R"({"of":"the test"})";
    phase.folder = folder.path() / "run";
    phase.plan = {.optimizer = OptimizerKind::sgd,
                  .lr = 0.1,
                  .lr_steps = {{2, 0.05}},
                  .momentum = 0.9,
                  .epochs = 4,
                  .batch_size = 20};
  }
  std::vector<EpochMetrics> train(Module& model, Loss& loss) {
    std::FILE* file = std::fopen((folder.path() / "log.txt").c_str(), "w");
    REQUIRE(file != nullptr);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> closed(file, std::fclose);
    ConsoleProgress progress(file, false, 1000);
    return train_phase(phase, options, data, model, loss, progress);
  }
  std::string log() const { return read_file(folder.path() / "log.txt"); }
  std::string weights() const { return read_file(phase.folder / "weights.safetensors"); }

  TemporaryFolder folder;
  NoisyData data;
  RunOptions options;
  Phase phase;
};

std::vector<float> weights_of(const Module& model) {
  std::vector<float> all;
  for (const NamedTensor& named : model.state()) {
    const std::vector<float> values = named.tensor.to_vector<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("trainer: equal accuracies are told apart by the loss and then the first is best") {
    const auto of = [](double accuracy, double loss) {
      return EpochMetrics{.valid_loss = loss, .valid_accuracy = accuracy};
    };
    const std::vector<EpochMetrics> history = {of(50, INFINITY), of(70, 2), of(70, 1), of(70, 1), of(60, 1)};
    CHECK(best_epoch(history, Selection::validation_accuracy) == 2);
    CHECK(best_epoch(history, Selection::validation_loss) == 2);
  }

  TEST_CASE("trainer: the weights kept are those of the epoch with the lowest validation loss") {
    Bench two_epochs, four_epochs;
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

  TEST_CASE("trainer: stopped in any epoch and started again it ends with the same bits") {
    Bench whole;
    SmallNetwork model(1, Device::reference);
    Scripted quiet;
    quiet.validation_losses = {4.0, 3.0, 2.0, 1.0};
    auto wanted = whole.train(model, quiet);
    for (const int64_t stop : {0, 4, 7, 11}) {
      CAPTURE(stop);
      Bench cut;
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
    Bench whole;
    SmallNetwork model(1, Device::reference);
    Remembering peaceful;
    auto wanted = whole.train(model, peaceful);
    for (int64_t stop = 0; stop < 12; ++stop) {
      CAPTURE(stop);
      Bench cut;
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
      Bench cut;
      cut.options.checkpoint_every = every;
      SmallNetwork first(1, Device::reference);
      Scripted failing;
      failing.fail_at = 2;  // within the first epoch, and no signal
      CHECK(contains(error_of([&] { cut.train(first, failing); }), "as the test wants it"));
      CHECK(std::filesystem::exists(cut.phase.folder / "checkpoint.safetensors") == (every == 1e-6));
    }
  }

  TEST_CASE("trainer: skipped batches are counted over an interruption") {
    Bench whole, cut;
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

  TEST_CASE("trainer: a sample that cannot be read is no fault of the learning rate") {
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
      Bench bench;
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
    Bench bench;
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
    Bench bench;
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

  TEST_CASE("trainer: a loss that keeps state is prepared once and given its state back when resumed") {
    Bench whole;
    SmallNetwork model(1, Device::reference);
    Remembering peaceful;
    whole.train(model, peaceful);
    CHECK(peaceful.preparations == 1);
    CHECK(peaceful.prepared_with == whole.data.train.indices);
    CHECK(peaceful.evaluations == 4);
    for (const int64_t stop : {1, 3, 7, 11}) {
      CAPTURE(stop);
      Bench cut;
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

  TEST_CASE("trainer: a loss that cannot be prepared fails its run alone") {
    Bench bench;
    SmallNetwork model(1, Device::reference);
    Remembering loss;
    loss.refusal = "remembering: nobody answers class 1";
    CHECK_THROWS_AS(bench.train(model, loss), RunFailed);
    CHECK(contains(error_of([&] { bench.train(model, loss); }),
                   "the run: before the first step: remembering: nobody answers class 1"));
  }

  TEST_CASE("trainer: a loss that cannot follow a step fails its run alone") {
    Bench bench;
    SmallNetwork model(1, Device::reference);
    Remembering loss;
    loss.refuse_step = 4;
    CHECK_THROWS_AS(bench.train(model, loss), RunFailed);
    Remembering again;
    again.refuse_step = 1;  // of the second epoch, to which it is resumed
    CHECK(contains(error_of([&] { bench.train(model, again); }),
                   "the run: after step 4: remembering: a label that is none"));
  }

  TEST_CASE("trainer: a checkpoint without the loss's state is an error that names the file") {
    Bench bench;
    SmallNetwork model(1, Device::reference);
    Scripted stateless;
    stateless.fail_at = 4;
    CHECK(contains(error_of([&] { bench.train(model, stateless); }), "as the test wants it"));
    Remembering loss;
    CHECK(contains(error_of([&] { bench.train(model, loss); }), "checkpoint.safetensors: remembering: 0 tensors"));
  }

  TEST_CASE("trainer: finished weights are taken as they are") {
    Bench bench;
    SmallNetwork model(1, Device::reference), other(2, Device::reference);
    Scripted loss, unused;
    const auto history = bench.train(model, loss);
    unused.fail_at = 0;
    CHECK(bench.train(other, unused) == history);
    CHECK(weights_of(other) == weights_of(model));
    bench.phase.settings = R"({"of":"another"})";
    CHECK(contains(error_of([&] { bench.train(other, unused); }), "weights.safetensors was made with other settings"));
  }

  TEST_CASE("trainer: a batch that carries no gradient leaves out the whole step and is counted") {
    Bench all_skipped, some_skipped, none_skipped;
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
    Bench bench;
    SmallNetwork model(1, Device::reference);
    Scripted loss;
    loss.nan_at = 4;
    const std::string message = error_of([&] { bench.train(model, loss); });
    CHECK(contains(message, "the run: the training loss is nan at step 4 (epoch 2, batch 2); likely cause:"));
    CHECK(std::filesystem::exists(bench.phase.folder / "checkpoint.safetensors"));
    CHECK(!std::filesystem::exists(bench.phase.folder / "weights.safetensors"));
  }

  TEST_CASE("trainer: a learning rate that blows the weights up is found and named") {
    Bench bench;
    bench.phase.plan.lr = 1e38;
    SmallNetwork model(1, Device::reference);
    Scripted loss;
    const std::string message = error_of([&] { bench.train(model, loss); });
    CHECK(contains(message, "learning rate is likely too high; lower --pretrain-lr (it is 1e+38)"));
    Bench finetuning;
    finetuning.phase.plan.lr = 1e38;
    finetuning.phase.first_epoch = 4;
    SmallNetwork other(1, Device::reference);
    Scripted another;
    CHECK(contains(error_of([&] { finetuning.train(other, another); }), "lower --lr (it is 1e+38)"));
  }

  TEST_CASE("trainer: a validation loss may be infinite never NaN") {
    Bench infinite, nan;
    SmallNetwork a(1, Device::reference), b(1, Device::reference);
    Scripted sometimes, never;
    sometimes.validation_losses = {INFINITY, 3.0, INFINITY, 5.0};
    const auto history = infinite.train(a, sometimes);
    CHECK(best_epoch(history, Selection::validation_loss) == 1);
    never.validation_losses = {1.0, NAN};
    CHECK(contains(error_of([&] { nan.train(b, never); }), "the validation loss is nan after epoch 2"));
  }

  TEST_CASE("trainer: fine-tuning sees other batches than pre-training") {
    Bench pretraining, finetuning;
    finetuning.phase.first_epoch = 4;
    SmallNetwork a(1, Device::reference), b(1, Device::reference);
    Scripted loss_a, loss_b;
    pretraining.train(a, loss_a);
    finetuning.train(b, loss_b);
    CHECK(weights_of(a) != weights_of(b));
  }
}
