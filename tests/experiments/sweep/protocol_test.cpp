#include "experiments/sweep/protocol.h"

#include <doctest/doctest.h>

#include "experiments/sweep/cell_runner.h"
#include "experiments/sweep/run.h"
#include "experiments/sweep/settings.h"
#include "experiments/training/run_settings.h"
#include "losses/make_loss.h"
#include "tests/experiments/process.h"
#include "tests/experiments/small_experiment.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

RunOptions options_with(std::vector<std::string> noises, std::vector<double> rates,
                        std::vector<std::string> methods = {"ce", "dmi"}) {
  RunOptions options;
  options.noises = std::move(noises);
  options.rates = std::move(rates);
  options.methods = std::move(methods);
  options.seeds = {1};
  options.class_names = {"left", "right"};
  options.trainer.device = Device::reference;
  return options;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("protocol: noise falls on training and validation labels by seed and on nothing else") {
    const DataSplits data = small_splits(400, 200);
    const Transition flip = flip_noise(2, {{0, 1}}, 0.5);
    const NoisyData one = add_noise(data, flip, 1), again = add_noise(data, flip, 1), two = add_noise(data, flip, 2);
    CHECK(one.train.labels == again.train.labels);
    CHECK(one.train.labels != two.train.labels);
    CHECK(one.validation.labels != data.validation.labels);
    CHECK(one.train.indices == data.train.indices);
    int64_t flipped = 0, zeros = 0;
    for (size_t i = 0; i < data.train.labels.size(); ++i) {
      if (data.train.labels[i] == 1) {
        CHECK(one.train.labels[i] == 1);
      } else {
        ++zeros;
        flipped += one.train.labels[i];
      }
    }
    CHECK(static_cast<double>(flipped) / static_cast<double>(zeros) == doctest::Approx(0.5).epsilon(0.2));
    CHECK(add_noise(data, Transition::identity(2), 1).train.labels == data.train.labels);
  }

  TEST_CASE("protocol: a limit leaves the first training samples with the same noisy labels and all others") {
    RunOptions options = options_with({"flip"}, {0.5});
    options.limit = 10;
    const DataSplits all = small_splits(), few = limited(small_splits(), options);
    CHECK(few.train.size() == 10);
    CHECK(few.validation.size() == all.validation.size());
    const Transition flip = flip_noise(2, {{0, 1}}, 0.5);
    const std::vector<int32_t> whole = add_noise(all, flip, 3).train.labels;
    CHECK(add_noise(few, flip, 3).train.labels == std::vector<int32_t>(whole.begin(), whole.begin() + 10));
    options.limit = 61;
    CHECK_THROWS_AS(limited(small_splits(), options), UsageError);
  }

  TEST_CASE("protocol: dmi is refused where the noisy labels carry no signal for it and ce is not") {
    const SmallExperiment experiment;
    CHECK(contains(error_of([&] {
                     check_feasible(experiment, options_with({"flip"}, {0.2, 1.0}));
                   }),
                   "--rate 1 with --noise flip"));
    CHECK(contains(error_of([&] { check_feasible(experiment, options_with({"uniform"}, {1.0})); }), "singular"));
    CHECK(error_of([&] { check_feasible(experiment, options_with({"flip"}, {1.0}, {"ce"})); }).empty());
    CHECK(error_of([&] { check_feasible(experiment, options_with({"flip", "uniform"}, {0.0, 0.999})); }).empty());
  }

  TEST_CASE("protocol: labels without a class carry signal for ce but not for dmi and the class is named") {
    const std::vector<std::string> kClasses = {"left", "right"};
    NoisyData noisy = add_noise(small_splits(), Transition::identity(2), 1);
    CHECK(error_of([&] { check_informative(*make_loss("dmi"), noisy, kClasses, "run"); }).empty());
    std::ranges::fill(noisy.validation.labels, 1);
    const std::string message = error_of([&] { check_informative(*make_loss("dmi"), noisy, kClasses, "run"); });
    CHECK(contains(message, "run: none of the 20 validation samples has the noisy label 'left'"));
    CHECK(error_of([&] { check_informative(*make_loss("ce"), noisy, kClasses, "run"); }).empty());
  }

  TEST_CASE("protocol: settings tell runs apart by what decides their result and by nothing else") {
    const SmallExperiment experiment;
    const ExperimentData data = small_data();
    const Cell cell{"flip", 0.25, 1};
    const RunOptions base = options_with({"flip"}, {0.25});
    const auto settings = [&](const RunOptions& options, const std::string& method) {
      return settings_of(experiment, options, data, cell, method);
    };
    RunOptions changed = base;
    changed.trainer.threads = 7;
    changed.out = "elsewhere";
    changed.data = "elsewhere";
    changed.trainer.workers = 3;
    CHECK(settings(changed, "dmi") == settings(base, "dmi"));
    changed = base;
    changed.trainer.device = Device::cuda;
    CHECK(settings(changed, "ce") != settings(base, "ce"));
    RunOptions second_gpu = base;
    second_gpu.trainer.device = Device::cuda_at(1);
    CHECK(settings(second_gpu, "ce") == settings(changed, "ce"));
    changed = base;
    changed.lr = 0.3;
    CHECK(settings(changed, "ce") == settings(base, "ce"));
    CHECK(settings(changed, "dmi") != settings(base, "dmi"));
    changed = base;
    changed.loss["dmi"] = {{"epsilon", 0.001}};
    CHECK(settings(changed, "ce") == settings(base, "ce"));
    CHECK(settings(changed, "dmi") != settings(base, "dmi"));
    changed = base;
    changed.loss["dmi"] = {{"batch", int64_t{60}}};
    CHECK(settings(changed, "ce") == settings(base, "ce"));
    CHECK(contains(error_of([&] { check_same_settings(settings(base, "dmi"), settings(changed, "dmi"), "it"); }),
                   "loss/batch nothing there, 60 asked for [--dmi-batch]"));
    changed = base;
    changed.epochs = 9;
    CHECK(settings(changed, "ce") != settings(base, "ce"));
    const std::string message =
        error_of([&] { check_same_settings(settings(base, "ce"), settings(changed, "ce"), "it"); });
    CHECK(contains(message, "it was made with other settings (pretraining/epochs 3 there, 9 asked for [--epochs])"));
    ExperimentData longer = small_data();
    longer.settings = {{"max_length", 9}};
    CHECK(contains(error_of([&] {
                     check_same_settings(settings(base, "ce"), settings_of(experiment, base, longer, cell, "ce"), "it");
                   }),
                   "options/max_length nothing there, 9 asked for [--max-length]"));
    CHECK(settings_of(experiment, base, small_data(59), cell, "ce") != settings(base, "ce"));
    CHECK(contains(error_of([&] { check_same_settings("garbage", settings(base, "ce"), "it"); }),
                   "it: its settings: not valid JSON"));
    CHECK(error_of([&] { check_same_settings("[]", settings(base, "ce"), "it"); }) ==
          "it: its settings are not a JSON object");
  }
}
