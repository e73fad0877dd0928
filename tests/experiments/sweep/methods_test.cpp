// The losses' options: on the command line, in the settings, and through the executable.
#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include <set>

#include "experiments/report/results.h"
#include "experiments/sweep/loss_flags.h"
#include "experiments/sweep/protocol.h"
#include "experiments/sweep/run.h"
#include "experiments/sweep/settings.h"
#include "tests/experiments/process.h"
#include "tests/experiments/small_experiment.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

const std::vector<std::string> kEveryMethod = loss_names();

ExperimentTable with_every_method() {
  ExperimentTable table = small_table();
  table.finetuning.clear();
  for (const std::string& method : kEveryMethod) {
    if (method != "ce") table.finetuning.push_back({method, table.pretraining});
  }
  table.loss = {{"lccn", {{"warmup_steps", 77}}}};
  table.default_methods = kEveryMethod;
  return table;
}

RunOptions parsed(std::vector<std::string> flags) {
  flags.insert(flags.begin(), "small");
  std::vector<const char*> words;
  for (const std::string& flag : flags) words.push_back(flag.c_str());
  SmallExperiment experiment(with_every_method());
  return parse_options(experiment, static_cast<int>(words.size()), words.data()).value();
}

std::string usage_error(const std::vector<std::string>& flags) {
  try {
    parsed(flags);
  } catch (const UsageError& error) {
    return error.what();
  }
  return {};
}

std::string loss_of(const std::string& method, const RunOptions& options) {
  return write_json(loss_settings(method, options.loss));
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("loss flags: the experiment's defaults hold where no flag is given") {
    const RunOptions options = parsed({});
    CHECK(contains(loss_of("lccn", options), "\"warmup_steps\":77"));
    CHECK(loss_of("gce", options) == write_json(loss_settings("gce", {})));
    CHECK(!options.transition.has_value());
  }

  // Finished runs are recognised by their settings: after a change of these, old results are no longer those of the
  // same run.
  TEST_CASE("loss flags: the settings that results are recognised by are these to the byte") {
    const std::vector<std::pair<std::string, std::string>> expected = {
        {"ce", "null"},
        {"dmi", R"({"normalize":true,"epsilon":0.0})"},
        {"gce", R"({"q":0.7,"truncation":0.0})"},
        {"fw", R"({"transition":"estimated"})"},
        {"lccn", R"({"warmup_steps":77,"update_every":200,"alpha":1.0})"},
        {"bw", R"({"transition":"estimated"})"},
        {"mae", "null"},
        {"bootstrap-soft", R"({"beta":0.95})"},
        {"bootstrap-hard", R"({"beta":0.8})"},
        {"sce", R"({"alpha":0.1,"beta":1.0,"log_zero":-4.0})"},
    };
    const RunOptions options = parsed({});
    for (const auto& [method, settings] : expected) CHECK(loss_of(method, options) == settings);
    CHECK(loss_of("dmi", parsed({"--no-normalize", "--epsilon", "1"})) == R"({"normalize":false,"epsilon":1.0})");
    CHECK(loss_of("dmi", parsed({"--dmi-batch", "60"})) == R"({"normalize":true,"epsilon":0.0,"batch":60})");
    CHECK(loss_of("dmi", parsed({"--dmi-batch", "0"})) == R"({"normalize":true,"epsilon":0.0})");
  }

  TEST_CASE("loss flags: an experiment's own option that no loss has is an error before anything is parsed") {
    ExperimentTable table = with_every_method();
    table.loss = {{"lccn", {{"warmup_step", 77}}}};
    SmallExperiment experiment(table);
    const std::vector<const char*> words = {"small", "--method", "ce"};
    CHECK(contains(error_of([&] { parse_options(experiment, static_cast<int>(words.size()), words.data()); }),
                   "lccn: there is no option \"warmup_step\", expected one of: warmup_steps, update_every, alpha"));
  }

  TEST_CASE("loss flags: each reaches the settings of the methods that read it and of no other") {
    const TemporaryFolder folder;
    const auto file = write_in(folder, "t.txt", "0.9 0.1\n0.2 0.8\n");
    const std::vector<std::tuple<std::vector<std::string>, std::vector<std::string>>> cases = {
        {{"--epsilon", "0.001"}, {"dmi"}},
        {{"--no-normalize"}, {"dmi"}},
        {{"--dmi-batch", "60"}, {"dmi"}},
        {{"--q", "0.5"}, {"gce"}},
        {{"--truncation", "0.5"}, {"gce"}},
        {{"--transition", file.string()}, {"fw", "bw"}},
        {{"--warmup-steps", "9"}, {"lccn"}},
        {{"--update-every", "3"}, {"lccn"}},
        {{"--lccn-alpha", "2"}, {"lccn"}},
        {{"--soft-beta", "0.5"}, {"bootstrap-soft"}},
        {{"--hard-beta", "0.5"}, {"bootstrap-hard"}},
        {{"--sce-alpha", "0.5"}, {"sce"}},
        {{"--sce-beta", "0.5"}, {"sce"}},
        {{"--sce-log-zero", "-6"}, {"sce"}},
    };
    const RunOptions plain = parsed({});
    const SmallExperiment experiment(with_every_method());
    const ExperimentData data = small_data();
    for (const auto& [flags, readers] : cases) {
      const RunOptions changed = parsed(flags);
      for (const std::string& method : kEveryMethod) {
        CAPTURE(flags[0]);
        CAPTURE(method);
        const bool reads = std::ranges::find(readers, method) != readers.end();
        CHECK((loss_of(method, plain) != loss_of(method, changed)) == reads);
        const auto settings = [&](const RunOptions& options) {
          return settings_of(experiment, options, data, {"flip", 0.25, 1}, method);
        };
        CHECK((settings(plain) != settings(changed)) == reads);
      }
    }
    CHECK(loss_of("fw", parsed({"--transition", file.string()})) == "{\"transition\":[0.9,0.1,0.2,0.8]}");
    CHECK(loss_of("fw", plain) == "{\"transition\":\"estimated\"}");
  }

  TEST_CASE("loss flags: what a loss does not take is bad usage with the flag and the value") {
    CHECK(contains(usage_error({"--q", "1.5"}), "--q 1.5: gce"));
    CHECK(contains(usage_error({"--truncation", "-1"}), "--truncation -1: gce"));
    CHECK(contains(usage_error({"--update-every", "0"}), "--update-every 0: lccn"));
    CHECK(contains(usage_error({"--warmup-steps", "-1"}), "--warmup-steps -1: lccn"));
    CHECK(contains(usage_error({"--soft-beta", "2"}), "--soft-beta 2"));
    CHECK(contains(usage_error({"--sce-log-zero", "1"}), "--sce-log-zero 1: sce"));
    CHECK(contains(usage_error({"--q", "0.5", "--method", "ce,dmi"}),
                   "--q: it is for gce, and --method has only ce, dmi"));
    CHECK(contains(usage_error({"--transition", "t", "--method", "dmi"}), "it is for fw and bw"));
  }

  TEST_CASE("loss flags: a transition matrix must be one and bw must be able to invert it") {
    const TemporaryFolder folder;
    const auto with = [&](const std::string& text, const std::string& methods) {
      return usage_error({"--transition", write_in(folder, "t.txt", text).string(), "--method", methods});
    };
    CHECK(with("0.9 0.1\n0.2 0.8\n", "fw,bw").empty());
    CHECK(with("0.5 0.5\n0.5 0.5\n", "fw").empty());
    const std::string singular = with("0.5 0.5\n0.5 0.5\n", "fw,bw");
    CHECK(singular.starts_with("--transition "));
    CHECK(contains(singular, "t.txt: bw: the transition matrix is singular"));
    CHECK(contains(with("0.5 0.4\n0.5 0.5\n", "fw"), "t.txt, line 1: the row sums to 0.9"));
    CHECK(contains(with("1 0 0\n0 1 0\n0 0 1\n", "fw"), "t.txt, line 1: 3 numbers"));
    CHECK(contains(usage_error({"--transition", "/nowhere/t.txt"}), "--transition: "));
  }
}

TEST_SUITE("experiment") {
  TEST_CASE("fashion_mnist: every method runs from the one pre-training and repeats itself to the bit") {
    const Workplace place;
    const std::vector<std::string> flags = {"--method",       fmt::format("{}", fmt::join(kEveryMethod, ",")),
                                            "--pretrain-lr",  "0.003",
                                            "--warmup-steps", "5",
                                            "--update-every", "3"};
    const Outcome outcome = place.run(flags);
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const auto results = read_results(place.out() / "results.jsonl").results;
    REQUIRE(results.size() == kEveryMethod.size());
    std::set<std::string> weights;
    for (size_t i = 0; i < results.size(); ++i) {
      CAPTURE(results[i].method);
      CHECK(results[i].method == kEveryMethod[i]);
      CHECK(results[i].test_accuracy > 80.0);
      const auto file = place.out() / "clothes-to-bags-rate0.2-seed1" / results[i].method / "weights.safetensors";
      const Tensor fc = load_safetensors(file, Device::reference).at("fc.weight");
      weights.insert(std::string(static_cast<const char*>(fc.raw_data()), fc.nbytes()));
    }
    CHECK(weights.size() == kEveryMethod.size());  // no method is another by mistake
    const auto again = place.path() / "again";
    REQUIRE(Process(place.command_in(again, flags), place.path()).wait().code == 0);
    const std::string lccn = "clothes-to-bags-rate0.2-seed1/lccn/weights.safetensors";
    CHECK(read_file(again / lccn) == read_file(place.out() / lccn));
  }

  TEST_CASE("fashion_mnist: a given transition matrix is used and is part of the settings") {
    const Workplace place;
    const auto file = place.path() / "t.csv";
    write_file_atomically(file, "1,0\n0.2,0.8\n");
    const std::vector<std::string> flags = {"--method", "fw", "--transition", file.string()};
    REQUIRE(place.run(flags).code == 0);
    CHECK(contains(read_results(place.out() / "results.jsonl").results.at(0).settings,
                   "\"transition\":[1.0,0.0,0.2,0.8]"));
    write_file_atomically(file, "1,0\n0.3,0.7\n");
    const Outcome other = place.run(flags);
    CHECK(other.code == 1);
    CHECK(contains(other.err, "loss/transition"));
    write_file_atomically(file, "0.5,0.5\n0.5,0.5\n");
    const Outcome singular = place.run({"--method", "bw", "--transition", file.string()});
    CHECK(singular.code == 2);
    CHECK(contains(singular.err, "singular"));
  }
}
