// Training on logical batches, which come in parts (Loss::in_parts).
#include <doctest/doctest.h>

#include "engine/autograd.h"
#include "engine/backend.h"
#include "engine/optim/sgd.h"
#include "experiments/training/step_runner.h"
#include "experiments/training/stop.h"
#include "layers/activation.h"
#include "layers/batch_norm.h"
#include "layers/dropout.h"
#include "losses/dmi.h"
#include "tests/experiments/training/phase_bench.h"
#include "tests/fixtures/errors.h"
#include "tests/losses/helpers.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

constexpr int64_t kClasses = 4, kFeatures = 6;

// A network with dropout, batch norm or neither.
class PartsNetwork : public Module {
 public:
  PartsNetwork(bool with_dropout, bool with_norm) {
    Initializer init(Device::reference, 1);
    first_ = register_module("first", std::make_shared<Linear>(init, kFeatures, 16));
    last_ = register_module("last", std::make_shared<Linear>(init, 16, kClasses));
    if (with_norm) norm_ = register_module("norm", std::make_shared<BatchNorm>(init, BatchNormOptions{.features = 16}));
    if (with_dropout) dropout_ = register_module("dropout", std::make_shared<Dropout>(0.4));
  }
  Tensor forward(const Tensor& x) override {
    Tensor hidden = (*first_)(cast_input(x));
    if (norm_) hidden = (*norm_)(hidden);
    hidden = relu(hidden);
    if (dropout_) hidden = (*dropout_)(hidden);
    return cast_logits((*last_)(hidden));
  }

 private:
  std::shared_ptr<Linear> first_, last_;
  std::shared_ptr<BatchNorm> norm_;
  std::shared_ptr<Dropout> dropout_;
};

// All weights and buffers, as numbers.
std::vector<double> state_of(const Module& model) {
  std::vector<double> all;
  for (const NamedTensor& named : model.state()) {
    const std::vector<double> values = cast(named.tensor, DType::f64).to_vector<double>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

// Random inputs with the labels 0, 1, 2, 3, 0, ...
std::vector<Batch> parts_of(const std::vector<int64_t>& sizes) {
  std::vector<Batch> parts;
  uint32_t index = 400;
  int32_t label = 0;
  int64_t first = 0;
  for (const int64_t size : sizes) {
    Batch part;
    part.first = first;
    first += size;
    std::vector<float> inputs = random_values<float>(size * kFeatures, index++);
    for (int64_t i = 0; i < size; ++i) {
      inputs[static_cast<size_t>(i * kFeatures + label)] += 1.0f;
      part.host_labels.push_back(label);
      part.indices.push_back(i);
      label = (label + 1) % static_cast<int32_t>(kClasses);
    }
    part.inputs = Tensor::from(inputs, {size, kFeatures}, Device::reference);
    part.labels = Tensor::from(part.host_labels, {size}, Device::reference);
    parts.push_back(std::move(part));
  }
  return parts;
}

constexpr uint64_t kSeed = 11, kNumber = 70;

// The step with the graphs of all parts at once.
void step_on_all(Module& model, Optimizer& optimizer, const std::vector<Batch>& parts) {
  Tensor u;
  int64_t samples = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    model.set_random(kSeed, kNumber, parts[i].first);
    const Tensor part = joint_matrix(model(parts[i].inputs), parts[i].labels, false);
    u = u.defined() ? u + part : part;
    samples += parts[i].size();
  }
  optimizer.zero_grad();
  backward(dmi_from_joint(u / static_cast<double>(samples)));
  optimizer.step();
}

// Interrupts at one call.
struct InterruptAt {
  int call = 0, calls = 0;
  void operator()() {
    if (calls++ == call) throw Error("interrupted");
  }
};

// L_DMI that sends SIGTERM when it is given its nth part, counting both passes, and counts the parts.
class StoppingDmi : public DmiLoss {
 public:
  explicit StoppingDmi(int64_t batch, int64_t stop_at = -1) : DmiLoss({.batch = batch}), stop_at_(stop_at) {}
  std::unique_ptr<LossInParts> in_parts() const override { return std::make_unique<Counting>(*this); }
  mutable int64_t parts = 0;

 private:
  class Counting : public DmiInParts {
   public:
    explicit Counting(const StoppingDmi& loss) : DmiInParts(loss.options()), loss_(loss) {}
    void add(const Tensor& logits, const Batch& batch) override {
      count();
      DmiInParts::add(logits, batch);
    }
    Tensor part(const Tensor& logits, const Batch& batch) override {
      count();
      return DmiInParts::part(logits, batch);
    }

   private:
    void count() const {
      if (loss_.parts++ == loss_.stop_at_) raise(SIGTERM);
    }
    const StoppingDmi& loss_;
  };
  int64_t stop_at_;
};

// Weights that are informative, from which L_DMI can start.
void make_informative(Module& model) {
  auto state = model.state();
  state[0].tensor = Tensor::from(std::vector<float>{1.0f, -1.0f, -1.0f, 1.0f}, state[0].tensor.shape(), kHost);
  model.load_state(state);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("step in parts: the update is that of one graph over all parts with the same dropout masks") {
    for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{9, 9, 8}, {3, 20, 2, 7}, {40}}) {
      for (const bool dropout : {false, true}) {
        for (const bool norm : {false, true}) {
          CAPTURE(dropout);
          CAPTURE(norm);
          const std::vector<Batch> parts = parts_of(sizes);
          PartsNetwork whole(dropout, norm), in_parts(dropout, norm);
          Sgd whole_optimizer(whole.parameters(), {.lr = 0.1}), optimizer(in_parts.parameters(), {.lr = 0.1});
          step_on_all(whole, whole_optimizer, parts);
          DmiLoss loss({.batch = 1});
          StepRunner runner(in_parts, loss, optimizer, false);
          int between = 0;
          runner.run_parts(parts, kSeed, kNumber, [&] { ++between; });
          CHECK(between == 2 * std::ssize(sizes));
          // Weights, and running statistics, which moved once for each part.
          CHECK(largest_difference(state_of(in_parts), state_of(whole)) < 1e-5);
          if (!norm) continue;
          for (const NamedTensor& buffer : in_parts.buffers()) {
            if (buffer.name.ends_with("num_batches_tracked"))
              CHECK(buffer.tensor.to_vector<int32_t>().at(0) == std::ssize(sizes));
          }
        }
      }
    }
  }

  TEST_CASE("step in parts: the gradient is that of the whole batch at once where nothing depends on the batch") {
    const std::vector<Batch> parts = parts_of({9, 9, 8}), whole_batch = parts_of({9, 9, 8});
    std::vector<float> inputs;
    Batch all;
    for (const Batch& part : parts) {
      const auto values = part.inputs.to_vector<float>();
      inputs.insert(inputs.end(), values.begin(), values.end());
      all.host_labels.insert(all.host_labels.end(), part.host_labels.begin(), part.host_labels.end());
    }
    all.inputs = Tensor::from(inputs, {26, kFeatures}, Device::reference);
    all.labels = Tensor::from(all.host_labels, {26}, Device::reference);
    PartsNetwork whole(true, false), in_parts(true, false);
    Sgd whole_optimizer(whole.parameters(), {.lr = 0.1}), optimizer(in_parts.parameters(), {.lr = 0.1});
    DmiLoss loss;
    const double expected = StepRunner(whole, loss, whole_optimizer, false).run(all, kSeed, kNumber).item();
    CHECK(StepRunner(in_parts, loss, optimizer, false).run_parts(parts, kSeed, kNumber, [] {}).item() ==
          doctest::Approx(expected).epsilon(1e-5));
    CHECK(largest_difference(state_of(in_parts), state_of(whole)) < 1e-5);
  }

  TEST_CASE("step in parts: interrupted in either pass it leaves everything as it was") {
    const std::vector<Batch> parts = parts_of({9, 9, 8});
    PartsNetwork model(true, true);
    Sgd optimizer(model.parameters(), {.lr = 0.1, .momentum = 0.9});
    DmiLoss loss({.batch = 26});
    StepRunner runner(model, loss, optimizer, false);
    runner.run_parts(parts, kSeed, kNumber, [] {});
    const auto before = state_of(model);
    for (int call = 0; call < 6; ++call) {
      CHECK_THROWS_AS(runner.run_parts(parts, kSeed, kNumber + 3, InterruptAt{call}), Error);
      CHECK(state_of(model) == before);
    }
    PartsNetwork other(true, true);
    Sgd other_optimizer(other.parameters(), {.lr = 0.1, .momentum = 0.9});
    StepRunner uninterrupted(other, loss, other_optimizer, false);
    for (const uint64_t number : {kNumber, kNumber + 3}) uninterrupted.run_parts(parts, kSeed, number, [] {});
    runner.run_parts(parts, kSeed, kNumber + 3, [] {});
    CHECK(state_of(model) == state_of(other));
  }

  TEST_CASE("step in parts: a loss that is not finite makes no update and the part at fault is known") {
    std::vector<Batch> parts = parts_of({9, 9, 8});
    PartsNetwork model(false, true);
    Sgd optimizer(model.parameters(), {.lr = 0.1});
    DmiLoss loss({.batch = 26});
    StepRunner runner(model, loss, optimizer, false);
    const auto before = state_of(model);
    parts[1].inputs = Tensor::full({9, kFeatures}, NAN, DType::f32, Device::reference);
    CHECK(!std::isfinite(runner.run_parts(parts, kSeed, kNumber, [] {}).item()));
    CHECK(state_of(model) == before);
    CHECK(runner.part_of_logits() == 1);
    parts = parts_of({4, 4});
    std::ranges::fill(parts[1].host_labels, 0);
    std::ranges::fill(parts[0].host_labels, 1);
    for (Batch& part : parts) part.labels = Tensor::from(part.host_labels, {4}, Device::reference);
    CHECK(runner.run_parts(parts, kSeed, kNumber, [] {}).item() == INFINITY);
    CHECK(state_of(model) == before);
  }

  TEST_CASE("step in parts: no graph is kept from one part to the next") {
    constexpr int64_t kSamples = 500;
    const std::vector<Batch> parts = parts_of({kSamples, kSamples, kSamples, kSamples});
    PartsNetwork model(true, true);
    Sgd optimizer(model.parameters(), {.lr = 0.1});
    DmiLoss loss({.batch = 4 * kSamples});
    StepRunner runner(model, loss, optimizer, false);
    std::vector<int64_t> in_use;
    runner.run_parts(parts, kSeed, kNumber, [&] {
      in_use.push_back(static_cast<int64_t>(backend_of(Device::reference).memory_stats().in_use));
    });
    REQUIRE(in_use.size() == 8);
    // A graph holds more than one activation of 16 values per sample; the first pass keeps the logits, 4 values.
    constexpr int64_t kLogits = kSamples * kClasses * 4;
    for (const size_t i : {1, 2, 3, 5, 6, 7}) CHECK(in_use[i] - in_use[i - 1] < 2 * kLogits);
  }

  TEST_CASE("step in parts: in bf16 the gradients of parts are summed in f32") {
    const std::vector<Batch> parts = parts_of({9, 9, 8});
    const auto after_step = [&](const auto& step) {
      PartsNetwork model(true, false);
      model.compute_in_bf16();
      Sgd optimizer(model.parameters(), {.lr = 0.1});
      step(model, optimizer);
      return state_of(model);
    };
    DmiLoss loss({.batch = 26});
    const auto in_parts = after_step([&](Module& model, Optimizer& optimizer) {
      StepRunner(model, loss, optimizer, false).run_parts(parts, kSeed, kNumber, [] {});
    });
    const auto whole = after_step([&](Module& model, Optimizer& optimizer) { step_on_all(model, optimizer, parts); });
    CHECK(largest_difference(in_parts, whole) < 1e-3);
  }

  TEST_CASE("trainer: logical batches train as batches of that size and are counted as such") {
    for (const SamplerKind sampler : {SamplerKind::shuffled, SamplerKind::stratified}) {
      for (const int workers : {0, 2}) {
        PhaseBench large, logical;
        large.phase.plan.batch_size = 25;
        logical.phase.plan.batch_size = 7;
        for (PhaseBench* bench : {&large, &logical}) {
          bench->options.sampler = sampler;
          bench->options.workers = workers;
        }
        SmallNetwork a(1, Device::reference), b(1, Device::reference);
        make_informative(a);
        make_informative(b);
        DmiLoss whole;
        StoppingDmi in_parts(25);
        const auto expected = large.train(a, whole), history = logical.train(b, in_parts);
        CHECK(largest_difference(weights_of(b), weights_of(a)) < 1e-5);
        REQUIRE(history.size() == expected.size());
        for (size_t epoch = 0; epoch < history.size(); ++epoch) {
          CHECK(history[epoch].batches == 3);
          CHECK(history[epoch].skipped_batches == expected[epoch].skipped_batches);
          CHECK(history[epoch].train_loss == doctest::Approx(expected[epoch].train_loss).epsilon(1e-5));
        }
        CHECK(in_parts.parts == 2 * 4 * (4 + 4 + 2));  // two passes over parts of 25, 25 and 10 in 4 epochs
      }
    }
  }

  TEST_CASE("trainer: stopped within a logical batch or between two it resumes to the same bits") {
    const auto prepared = [] {
      auto bench = std::make_unique<PhaseBench>();
      bench->phase.plan.batch_size = 7;
      bench->phase.plan.epochs = 2;
      return bench;
    };
    const auto peaceful = prepared();
    SmallNetwork model(1, Device::reference);
    make_informative(model);
    StoppingDmi loss(25);
    const auto history = peaceful->train(model, loss);
    const int64_t all = loss.parts;
    REQUIRE(all == 40);
    for (int64_t stop = 0; stop < all; ++stop) {
      CAPTURE(stop);
      const auto bench = prepared();
      SmallNetwork stopped(1, Device::reference), resumed(1, Device::reference);
      make_informative(stopped);
      make_informative(resumed);
      StoppingDmi stopping(25, stop), rest(25);
      bool was_stopped = false;
      try {
        bench->train(stopped, stopping);
      } catch (const Interrupted&) {
        was_stopped = true;
      }
      CHECK(was_stopped);
      const auto metrics = bench->train(resumed, rest);
      CHECK(bench->weights() == peaceful->weights());
      REQUIRE(metrics.size() == history.size());
      for (size_t epoch = 0; epoch < history.size(); ++epoch)
        CHECK(metrics[epoch].train_loss == history[epoch].train_loss);
    }
  }

  TEST_CASE("trainer: logical batches without a class are skipped whole and the remedy names their flag") {
    PhaseBench bench;
    bench.phase.plan.batch_size = 2;
    SmallNetwork model(1, Device::reference);
    make_informative(model);
    StoppingDmi loss(3);
    const auto history = bench.train(model, loss);
    int64_t skipped = 0;
    for (const EpochMetrics& epoch : history) {
      CHECK(epoch.batches == 20);
      skipped += epoch.skipped_batches;
    }
    CHECK(skipped > 0);
    CHECK(loss.parts == 2 * 2 * (80 - skipped));
    CHECK(contains(bench.log(), fmt::format("skipped {} of 20 batches", history[0].skipped_batches)));
    CHECK(contains(bench.log(), "--sampler stratified"));
  }
}
