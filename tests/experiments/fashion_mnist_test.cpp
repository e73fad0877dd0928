// fashion_mnist and report, end to end, as a person would start them.
#include <doctest/doctest.h>

#include "experiments/report/results.h"
#include "tests/experiments/process.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

TEST_SUITE("experiment") {
  TEST_CASE("fashion_mnist: a run ends with results metrics weights and a figure") {
    const Workplace place;
    const Outcome outcome = place.run({"--epochs", "6", "--pretrain-lr", "0.003", "--lr", "0.001"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(contains(outcome.out, "epoch 6/6"));
    CHECK(!contains(outcome.out, "\r"));  // a pipe gets plain lines
    const ResultsFile results = read_results(place.out() / "results.jsonl");
    REQUIRE(results.results.size() == 2);
    CHECK(results.results[0].method == "ce");
    CHECK(results.results[1].method == "dmi");
    for (const Result& result : results.results) {
      CHECK(result.noise == "clothes-to-bags");
      CHECK(result.test_accuracy > 90.0);
      CHECK(result.best_permutation_accuracy >= result.test_accuracy);
      CHECK(result.epochs == 6);
      CHECK(result.batches == 60);
      CHECK(result.threads == 1);
      CHECK(!result.version.empty());
      const auto folder = place.out() / "clothes-to-bags-rate0.2-seed1" / result.method;
      const SafetensorsFile weights = load_safetensors(folder / "weights.safetensors", Device::reference);
      CHECK(weights.at("conv1.weight").shape() == Shape{16, 1, 5, 5});  // PyTorch's layout
      CHECK(weights.at("fc.weight").shape() == Shape{2, 512});
      CHECK(std::ranges::count(read_file(folder / "metrics.jsonl"), '\n') == 6);
      CHECK(!std::filesystem::exists(folder / "checkpoint.safetensors"));
    }
    REQUIRE(Process({program("report"), place.out().string()}, place.path()).wait().code == 0);
    CHECK(read_file(place.out() / "fashion_mnist_accuracy.png").starts_with("\x89PNG"));
    CHECK(contains(read_file(place.out() / "fashion_mnist_accuracy.svg"), "</svg>"));
  }

  TEST_CASE("fashion_mnist: the same seed gives the same weights another seed others") {
    const Workplace place;
    const auto weights_in = [&](const std::string& name, const std::string& seed) {
      const auto out = place.path() / name;
      REQUIRE(Process(place.command_in(out, {"--seed", seed}), place.path()).wait().code == 0);
      return read_file(out / ("clothes-to-bags-rate0.2-seed" + seed) / "dmi" / "weights.safetensors");
    };
    const std::string first = weights_in("a", "1");
    CHECK(first == weights_in("b", "1"));
    CHECK(first != weights_in("c", "2"));
  }

  TEST_CASE("fashion_mnist: what is finished is skipped and a method added later starts from the same pre-training") {
    const Workplace apart, together;
    REQUIRE(apart.run({"--method", "ce"}).code == 0);
    const auto after_ce = files_below(apart.out());
    const Outcome again = apart.run({"--method", "ce"});
    CHECK(again.code == 0);
    CHECK(!contains(again.out, "epoch"));
    CHECK(files_below(apart.out()) == after_ce);
    const Outcome later = apart.run({"--method", "dmi"});
    CHECK(later.code == 0);
    CHECK(!contains(later.out, "rate 0.2, seed 1, ce\n  epoch"));
    REQUIRE(together.run().code == 0);
    const std::string dmi = "clothes-to-bags-rate0.2-seed1/dmi/weights.safetensors";
    CHECK(read_file(apart.out() / dmi) == read_file(together.out() / dmi));
  }

  TEST_CASE("fashion_mnist: other settings do not mix with what is there") {
    const Workplace place;
    REQUIRE(place.run({"--method", "ce"}).code == 0);
    const auto before = files_below(place.out());
    const Outcome other = place.run({"--method", "ce", "--epochs", "1"});
    CHECK(other.code == 1);
    CHECK(contains(other.err, "pretraining/epochs 2 there, 1 asked for"));
    CHECK(files_below(place.out()) == before);
  }

  TEST_CASE("fashion_mnist: a sweep is every combination each with its own line") {
    const Workplace place({.train = 120, .test = 20});
    REQUIRE(
        place.run({"--case", "1,3", "--rate", "0,0.5", "--seed", "1,2", "--epochs", "1", "--method", "ce,dmi"}).code ==
        0);
    CHECK(read_results(place.out() / "results.jsonl").results.size() == 16);
  }

  TEST_CASE("fashion_mnist: batches without a class are skipped counted and the cure is named and works") {
    // 500 training samples, about 5% bags: most batches of 10 hold none.
    const Workplace place({.bags = 0.05});
    const Outcome shuffled = place.run({"--batch-size", "10", "--rate", "0"});
    CAPTURE(shuffled.err);
    REQUIRE(shuffled.code == 0);
    CHECK(contains(shuffled.out, "skipped"));
    const size_t expected = shuffled.out.find("% of the batches are expected to hold all 2 classes (");
    CHECK(expected < shuffled.out.find("epoch 1"));  // said before training
    const std::string cure = "--sampler stratified with --batch-size ";
    const size_t named = shuffled.out.find(cure);
    REQUIRE(named != std::string::npos);
    const std::string size = fmt::format("{}", std::stoi(shuffled.out.substr(named + cure.size())));
    const Result dmi = read_results(place.out() / "results.jsonl").results[1];
    CHECK(dmi.skipped_batches > 20);
    CHECK(dmi.skipped_batches < dmi.batches);
    const auto out = place.path() / "stratified";
    const Outcome cured =
        Process(place.command_in(out, {"--batch-size", size, "--rate", "0", "--sampler", "stratified"}), place.path())
            .wait();
    REQUIRE(cured.code == 0);
    CHECK(read_results(out / "results.jsonl").results[1].skipped_batches == 0);
  }

  TEST_CASE("fashion_mnist: --help shows defaults and the paper's values") {
    const TemporaryFolder folder;
    const Outcome help = Process({program("fashion_mnist"), "--help"}, folder.path()).wait();
    CHECK(help.code == 0);
    for (const auto* part :
         {"--sampler", "clothes-to-bags", "0.2,0.5,0.8", "1e-4", "five seeds", "Adam 0.0001, 20 epochs"}) {
      CAPTURE(part);
      CHECK(contains(help.out, part));
    }
  }
}
