// --search: the grid, its candidates' folders, the choice and its record.
#include <doctest/doctest.h>

#include <cmath>

#include "experiments/report/results.h"
#include "experiments/sweep/batch_check.h"
#include "experiments/sweep/run.h"
#include "experiments/sweep/settings.h"
#include "experiments/training/checkpoint.h"
#include "tests/experiments/process.h"
#include "tests/experiments/small_experiment.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

RunOptions searching(std::vector<const char*> flags) {
  flags.insert(flags.begin(), "small");
  SmallExperiment experiment;
  return parse_options(experiment, static_cast<int>(flags.size()), flags.data()).value();
}

std::string search_refusal(const std::vector<const char*>& flags) {
  return error_of([&] { searching(flags); });
}

const std::filesystem::path kSearched = "clothes-to-bags-rate0.2-seed1/dmi";
const std::vector<std::string> kSearch = {"--search",      "--lr",  "0.001,1e-05", "--batch-size", "50,100",
                                          "--pretrain-lr", "0.003", "--method",    "dmi"};

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("search: the grid is the experiment's and lists replace it") {
    const RunOptions plain = searching({"--search"});
    REQUIRE(plain.search.has_value());
    CHECK(plain.search->lrs == std::vector<double>{1e-4, 1e-5, 1e-6});
    CHECK(plain.search->batch_sizes == std::vector<int64_t>{128, 256});
    CHECK(candidates_of(*plain.search).size() == 6);
    const RunOptions lists = searching({"--search", "--lr", "0.1,0.2,0.1", "--batch-size", "30"});
    CHECK(lists.search->lrs == std::vector<double>{0.1, 0.2});
    CHECK(lists.search->batch_sizes == std::vector<int64_t>{30});
    CHECK(!lists.lr.has_value());
    CHECK(plan_of(SmallExperiment(), lists, "ce").batch_size == 20);
    const TrainingPlan plan = with_candidate(plan_of(SmallExperiment(), lists, "dmi"), candidates_of(*lists.search)[1]);
    CHECK(plan.lr == 0.2);
    CHECK(plan.lr_steps.at(0).lr == doctest::Approx(0.02));
    CHECK(plan.batch_size == 30);
  }

  TEST_CASE("search: lists without it and searches without fine-tuning are bad usage") {
    CHECK(contains(search_refusal({"--lr", "0.1,0.2"}), "--lr 0.1,0.2: a list is for --search"));
    CHECK(contains(search_refusal({"--batch-size", "10,20"}), "--batch-size 10,20: a list is for --search"));
    CHECK(contains(search_refusal({"--search", "--method", "ce"}), "--search: it is for fine-tuning"));
    CHECK(contains(search_refusal({"--search", "--lr", "0.1,0"}), "--lr 0: expected a positive number"));
    CHECK(contains(search_refusal({"--search", "--batch-size", "0"}), "--batch-size 0"));
    const RunOptions tiny = searching({"--search", "--batch-size", "20,1"});
    CHECK(contains(error_of([&] { check_classes_in_batches(SmallExperiment(), tiny, small_splits().train); }),
                   "--batch-size 1: dmi needs every class"));
  }

  TEST_CASE("search: it is part of a method's settings and a candidate's settings are its plan") {
    const SmallExperiment experiment;
    const ExperimentData data = small_data();
    const RunOptions options = searching({"--search", "--lr", "0.1,0.2", "--batch-size", "20"});
    const Cell cell{"flip", 0.25, 1};
    const std::string whole = settings_of(experiment, options, data, cell, "dmi");
    CHECK(contains(whole, "\"search\":{\"lr\":[0.1,0.2],\"batch_size\":[20]}"));
    CHECK(settings_of(experiment, options, data, cell, "ce") ==
          settings_of(experiment, searching({}), data, cell, "ce"));
    const TrainingPlan plan = with_candidate(plan_of(experiment, options, "dmi"), {.lr = 0.2, .batch_size = 20});
    CHECK(settings_of(experiment, options, data, cell, "dmi", plan) ==
          settings_of(experiment, searching({"--lr", "0.2"}), data, cell, "dmi"));
  }
}

TEST_SUITE("experiment") {
  TEST_CASE("search: the candidate with the lowest validation loss is the run and all are on record") {
    const Workplace place;
    const Outcome outcome = place.run(kSearch);
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const auto results = read_results(place.out() / "results.jsonl").results;
    REQUIRE(results.size() == 1);
    const std::vector<Candidate>& search = results[0].search;
    REQUIRE(search.size() == 4);
    const auto lowest = std::ranges::min_element(search, {}, &Candidate::valid_loss);
    for (const Candidate& candidate : search) {
      CHECK(candidate.chosen == (candidate == *lowest));
      const auto folder =
          place.out() / kSearched / fmt::format("search-lr{}-batch{}", candidate.lr, candidate.batch_size);
      CAPTURE(folder.string());
      const bool same =
          read_file(folder / "weights.safetensors") == read_file(place.out() / kSearched / "weights.safetensors");
      CHECK(same == candidate.chosen);
      CHECK(std::filesystem::exists(folder / "metrics.jsonl"));
    }
    CHECK(results[0].valid_loss == lowest->valid_loss);
    CHECK(lowest->lr == 0.001);  // 1e-05 hardly moves in two epochs
    const auto before = files_below(place.out());
    const Outcome again = place.run(kSearch);
    CHECK(again.code == 0);
    CHECK(!contains(again.out, "epoch"));
    const auto after = files_below(place.out());
    CHECK(after == before);
  }

  TEST_CASE("search: with a logical batch the batch sizes of the candidates are those of its parts") {
    const Workplace place;
    std::vector<std::string> flags = kSearch;
    flags.insert(flags.end(), {"--dmi-batch", "120"});
    const Outcome outcome = place.run(flags);
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const std::vector<Candidate> search = read_results(place.out() / "results.jsonl").results.at(0).search;
    REQUIRE(search.size() == 4);
    // The network has neither batch norm nor dropout, so that the parts do not change the gradient.
    for (const Candidate& candidate : search) {
      const auto same_lr = std::ranges::find(search, candidate.lr, &Candidate::lr);
      CHECK(candidate.valid_loss == doctest::Approx(same_lr->valid_loss).epsilon(1e-4));
    }
    const auto metrics = read_metrics(place.out() / kSearched / "search-lr0.001-batch50" / "metrics.jsonl");
    CHECK(metrics.at(0).batches == 5);  // of 500 samples
    const Outcome other = place.run(kSearch);
    CHECK(other.code == 1);
    CHECK(contains(other.err, "loss/batch 120 there, nothing asked for [--dmi-batch]"));
  }

  TEST_CASE("search: killed in a candidate's phase and started again it chooses the same") {
    const Workplace place;
    std::vector<std::string> flags = kSearch;
    flags.insert(flags.end(), {"--epochs", "8"});
    const auto peaceful = place.path() / "peaceful";
    REQUIRE(Process(place.command_in(peaceful, flags), place.path()).wait().code == 0);
    {
      Process process(place.command(flags), place.path());
      REQUIRE(appears(place.out() / kSearched / "search-lr0.001-batch100" / "checkpoint.safetensors"));
      process.kill_and_wait();
    }
    const Outcome resumed = place.run(flags);
    CHECK(resumed.code == 0);
    CHECK(contains(resumed.out, "dmi, lr 0.001, batch size 100: resumed after epoch"));
    const auto of = [](const std::filesystem::path& out) { return read_results(out / "results.jsonl").results.at(0); };
    CHECK(of(place.out()).search == of(peaceful).search);
    CHECK(of(place.out()).test_accuracy == of(peaceful).test_accuracy);
    CHECK(read_file(place.out() / kSearched / "weights.safetensors") ==
          read_file(peaceful / kSearched / "weights.safetensors"));
  }

  TEST_CASE("search: a candidate that fails is never chosen and a search fails where all do") {
    const Workplace place;
    const Outcome one = place.run({"--search", "--lr", "1e38,0.0001", "--method", "gce"});
    CAPTURE(one.err);
    CHECK(one.code == 0);
    CHECK(contains(one.out, "it is not a candidate any more"));
    const Result result = read_results(place.out() / "results.jsonl").results.at(0);
    CHECK(std::isinf(result.search.at(0).valid_loss));
    CHECK(!result.search.at(0).chosen);
    CHECK(result.search.at(1).chosen);
    const auto out = place.path() / "all";
    const Outcome all =
        Process(place.command_in(out, {"--search", "--lr", "1e38,1e37", "--method", "gce"}), place.path()).wait();
    CHECK(all.code == 1);
    CHECK(contains(all.err, "each of the 2 candidates failed"));
    CHECK(!std::filesystem::exists(out / "results.jsonl"));
  }
}
