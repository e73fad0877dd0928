#include "experiments/sweep/cross_fitting.h"

#include <doctest/doctest.h>

#include <set>

#include "data/files/npy.h"
#include "experiments/sweep/cell_runner.h"
#include "experiments/training/run_failed.h"
#include "tests/experiments/small_experiment.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

const std::vector<std::string> kSides = {"left", "right"};

// Small data whose samples are judged in folds.
ExperimentData judged_data() {
  ExperimentData data = small_data();
  data.folds.unaugmented = data.splits.train.data;
  return data;
}

NoisyData labels_of(const ExperimentData& data) {
  return {data.splits.train, data.splits.validation};
}

class Silent : public Progress {
 public:
  void start(std::string) override {}
  void advance(int64_t) override {}
  void skip(int64_t) override {}
  void note(std::string_view line) override { lines += std::string(line) + '\n'; }
  void epoch(std::string_view) override {}
  void failure(std::string_view line) override { lines += std::string(line) + '\n'; }
  std::string lines;
};

RunOptions options_in(const std::filesystem::path& out) {
  RunOptions options;
  options.out = out;
  options.noises = {"none"};
  options.rates = {0.0};
  options.methods = {"ce", "dmi"};
  options.seeds = {1};
  options.class_names = kSides;
  options.trainer.device = Device::reference;
  options.cross_fitting = {.folds = 3};
  return options;
}

// Outputs its two classes in an order that depends on the sign.
class Signed : public Module {
 public:
  explicit Signed(float sign) : sign_(sign) {}
  Tensor forward(const Tensor& x) override {
    std::vector<float> values = flatten(x).to_vector<float>();
    for (float& value : values) value *= sign_;
    return Tensor::from(values, Shape{x.dim(0), 2}, x.device());
  }

 private:
  float sign_;
};

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("cross-fitting: a fold is judged by a network that was neither trained nor selected with it") {
    const ExperimentData data = judged_data();
    const NoisyData all = labels_of(data);
    const Folds folds = deal_folds(all, data.folds, kSides, 4, 1);
    std::multiset<int64_t> judged;
    for (int fold = 1; fold <= 4; ++fold) {
      const NoisyData seen = without_fold(all, folds, fold);
      const std::vector<Split> its = judged_by(all, folds, fold, data);
      REQUIRE(its.size() == 3);  // training, validation and test
      CHECK(seen.train.size() + its[0].size() == all.train.size());
      CHECK(seen.validation.size() + its[1].size() == all.validation.size());
      std::set<int64_t> trained(seen.train.indices.begin(), seen.train.indices.end());
      trained.insert(seen.validation.indices.begin(), seen.validation.indices.end());
      for (const Split* split : {&its[0], &its[1]}) {
        for (const int64_t index : split->indices) {
          CHECK(!trained.contains(index));
          judged.insert(index);
        }
      }
      CHECK(its[2].indices == data.splits.test.indices);
    }
    CHECK(judged.size() == 80);  // each once
    CHECK(std::set<int64_t>(judged.begin(), judged.end()).size() == 80);
  }

  TEST_CASE("cross-fitting: samples of one group are left out together") {
    ExperimentData data = judged_data();
    for (int32_t i = 0; i < 60; ++i) data.folds.train_groups.push_back(i / 2);
    for (int32_t i = 0; i < 20; ++i) data.folds.validation_groups.push_back(i);  // groups of two training samples
    const Folds folds = deal_folds(labels_of(data), data.folds, kSides, 3, 1);
    for (size_t i = 0; i < 60; i += 2) CHECK(folds.train[i] == folds.train[i + 1]);
    for (size_t i = 0; i < 20; ++i) CHECK(folds.validation[i] == folds.train[2 * i]);
  }

  TEST_CASE("cross-fitting: a class in one fold only is an error that names it") {
    const ExperimentData data = judged_data();
    NoisyData all = labels_of(data);
    std::ranges::fill(all.train.labels, 0);
    all.train.labels[5] = 1;
    CHECK(contains(error_of([&] { deal_folds(all, data.folds, kSides, 3, 1); }),
                   "--folds: the only training sample of class 'right' is in fold "));
  }

  TEST_CASE("cross-fitting: classes in another order than the reference's are put back") {
    const ExperimentData data = judged_data();
    const NoisyData all = labels_of(data);
    const std::vector<Split> judged = judged_by(all, deal_folds(all, data.folds, kSides, 2, 1), 1, data);
    const TrainerOptions trainer{.device = Device::reference};
    Signed right(1.0f), exchanged(-1.0f);
    const FoldPrediction reference = predict_fold(right, judged, trainer, {});
    CHECK(!reference.permuted);
    const FoldPrediction same = predict_fold(right, judged, trainer, reference.probabilities);
    CHECK(!same.permuted);
    CHECK(same.probabilities == reference.probabilities);
    const FoldPrediction other = predict_fold(exchanged, judged, trainer, reference.probabilities);
    CHECK(other.permuted);
    REQUIRE(other.probabilities.size() == reference.probabilities.size());
    for (size_t i = 0; i < other.probabilities.size(); ++i) {
      CHECK(other.probabilities[i] == doctest::Approx(reference.probabilities[i]).epsilon(1e-5));
    }
  }

  TEST_CASE("cross-fitting: what all folds find is collected in the order of the samples") {
    const TemporaryFolder folder;
    RunOptions options = options_in(folder.path());
    ExperimentData data = judged_data();
    data.splits.unlabelled = data.splits.test;
    std::vector<CrossFitted> found;
    data.report = [&](const FinishedRun& run) {
      REQUIRE(run.folds != nullptr);
      found.push_back(*run.folds);
    };
    const SmallExperiment experiment;
    Silent progress;
    CellRunner runner(experiment, options, data, progress, [](const Result&) {});
    const std::vector<CellRuns> cells = plan_runs(experiment, options, data);
    REQUIRE(cells.size() == 4);
    CHECK(cells[1].cell.folder() == "none-rate0-seed1/fold2of3");
    SUBCASE("of folds that are trained") {
      for (const CellRuns& cell : cells) CHECK(runner.run(cell) == 0);
      REQUIRE(found.size() == 2);  // ce and dmi
      CHECK(found[0].train_fold == found[1].train_fold);
      CHECK(found[0].train != found[1].train);
      CHECK(found[0].train.size() == 120);
      CHECK(found[0].test.size() == 40);
      CHECK(found[0].unlabelled == found[0].test);  // the same samples
      // The network of fold 2 predicts a sample as its file of weights does.
      const auto model = data.make_model(1, Device::reference);
      model->load_state(load_weights(folder / "none-rate0-seed1" / "fold2of3" / "ce" / "weights.safetensors").tensors);
      const FoldPrediction all = predict_fold(*model, {data.splits.train}, options.trainer, {});
      for (size_t i = 0; i < 60; ++i) {
        if (found[0].train_fold[i] != 2) continue;
        CHECK(found[0].train[2 * i] == doctest::Approx(all.probabilities[2 * i]).epsilon(1e-5));
      }
    }
    SUBCASE("of which one is missing") {
      CHECK(runner.run(cells[0]) == 0);
      CHECK(runner.run(cells[3]) > 0);
      CHECK(contains(progress.lines, "its network of fold 2 has not been trained"));
      CHECK(found.empty());
    }
    SUBCASE("of which one has another size") {
      for (int i = 0; i < 3; ++i) CHECK(runner.run(cells[static_cast<size_t>(i)]) == 0);
      write_npy<float>(folder / "none-rate0-seed1" / "fold3of3" / "ce" / "probabilities.npy", std::vector<float>(6),
                       {3, 2});
      CHECK(contains(error_of([&] { runner.run(cells[3]); }), "expected probabilities of shape"));
    }
  }

  TEST_CASE("cross-fitting: an amendment decides what the last networks are trained on and is part of their settings") {
    const TemporaryFolder folder;
    RunOptions options = options_in(folder.path());
    ExperimentData data = judged_data();
    const SmallExperiment experiment;
    const std::string plain = plan_runs(experiment, options, data)[3].pretraining.phase.settings;
    options.cross_fitting.amendment = "drop-suspects";
    options.cross_fitting.judge = "dmi";
    data.report_settings = {{"quality", std::string("posterior")}};
    data.amend = [](const NoisyData& given, const CrossFitted& found, const std::string& method) {
      CHECK(method == "dmi");
      CHECK(found.train.size() == 2 * given.train.indices.size());
      NoisyData less = given;
      less.train.indices.resize(30);
      less.train.labels.resize(30);
      return less;
    };
    const std::vector<CellRuns> cells = plan_runs(experiment, options, data);
    CHECK(cells[3].pretraining.phase.settings != plain);
    CHECK(contains(cells[3].pretraining.phase.settings, "\"amended\":{\"by\":\"drop-suspects\",\"judge\":\"dmi\""));
    CHECK(!contains(cells[0].pretraining.phase.settings, "amended"));
    Silent progress;
    std::vector<Result> results;
    CellRunner runner(experiment, options, data, progress, [&](const Result& result) { results.push_back(result); });
    for (const CellRuns& cell : cells) CHECK(runner.run(cell) == 0);
    REQUIRE(results.size() == 2);        // folds have none
    CHECK(results[0].batches == 3 * 2);  // 30 samples in batches of 20, 3 epochs
  }
}
