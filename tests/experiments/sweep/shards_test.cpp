// --shard: the parts of a sweep in processes of their own, as the tasks of a job array are.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <sstream>

#include "experiments/report/shards.h"
#include "tests/experiments/own_samples.h"
#include "tests/experiments/sweep/outcomes.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

namespace fs = std::filesystem;

// Two noises, two rates and two seeds: 8 cells.
std::vector<std::string> eight_cells(std::vector<std::string> more = {}) {
  more.insert(more.end(), {"--case", "1,3", "--rate", "0,0.5", "--seed", "1,2", "--epochs", "1"});
  return more;
}

// Processes started at the same time, each with these flags more than `flags`. Waits for all.
std::vector<Outcome> run_together(const Workplace& place, const std::vector<std::string>& flags,
                                  const std::vector<std::vector<std::string>>& more) {
  std::vector<std::unique_ptr<TemporaryFolder>> folders;  // of what they print
  std::vector<std::unique_ptr<Process>> processes;
  for (std::vector<std::string> own : more) {
    own.insert(own.end(), flags.begin(), flags.end());
    folders.push_back(std::make_unique<TemporaryFolder>());
    processes.push_back(std::make_unique<Process>(place.command(own), folders.back()->path()));
  }
  std::vector<Outcome> outcomes;
  for (const auto& process : processes) outcomes.push_back(process->wait());
  return outcomes;
}

std::map<std::string, std::string> outcome_of_shards(const fs::path& out) {
  std::map<std::string, std::string> all;
  for (const fs::path& shard : shard_folders(out)) {
    for (auto& [name, bytes] : outcome_in(shard)) CHECK(all.emplace(name, std::move(bytes)).second);
  }
  return all;
}

std::vector<std::string> lines_in(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

Outcome report_of(const Workplace& place, const fs::path& out, const std::vector<std::string>& flags = {}) {
  std::vector<std::string> command = {program("report"), out.string()};
  command.insert(command.end(), flags.begin(), flags.end());
  return Process(command, place.path()).wait();
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("shards: the tasks of the documentation's job array are the shards of one sweep") {
    const std::string page = read_file(fs::path(COFACTOR_SOURCE_DIR) / "docs/experiments.md");
    const std::string fence = "```bash\n", array = "#SBATCH --array=1-";
    const size_t begin = page.find(fence + "#!/bin/bash\n") + fence.size(), end = page.find("```", begin);
    REQUIRE(end != std::string::npos);
    const std::string script = page.substr(begin, end - begin);
    REQUIRE(contains(script, array));
    const int tasks = std::stoi(script.substr(script.find(array) + array.size()));
    CHECK(tasks > 1);

    const TemporaryFolder place;
    const fs::path file = place / "sweep.sh", stand_in = place / "cofactor-fashion_mnist";
    write_file_atomically(file, script);
    CHECK(Process({"bash", "-n", file.string()}, place.path()).wait().code == 0);
    write_file_atomically(stand_in, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");  // prints its arguments
    fs::permissions(stand_in, fs::perms::owner_all);
    std::vector<std::string> sweep;
    for (int task = 1; task <= tasks; ++task) {
      CAPTURE(task);
      const Outcome outcome =
          Process({"env", "PATH=" + place.path().string() + ":/usr/bin:/bin", "SLURM_CPUS_PER_TASK=8",
                   fmt::format("SLURM_ARRAY_TASK_ID={}", task), "bash", file.string()},
                  place.path())
              .wait();
      REQUIRE(outcome.code == 0);
      std::vector<std::string> words = lines_in(outcome.out);
      const auto shard = std::ranges::find(words, "--shard");
      REQUIRE(words.end() - shard > 1);
      CHECK(parse_shard(shard[1]) == Shard{task, tasks});
      words.erase(shard, shard + 2);
      if (task == 1) sweep = words;
      CHECK(words == sweep);  // the rest is the same
    }
    // It is a sweep that the program takes: it gets as far as the data.
    std::vector<std::string> command = {program("fashion_mnist"), "--data", (place / "none").string()};
    command.insert(command.end(), sweep.begin(), sweep.end());
    const Outcome outcome = Process(command, place.path()).wait();
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, (place / "none").string()));
  }

  TEST_CASE("shards: started together into one --out they are the sweep and nothing is trained twice") {
    const Workplace place({.train = 300, .test = 50});
    const fs::path whole = place.path() / "whole";
    REQUIRE(Process(place.command_in(whole, eight_cells()), place.path()).wait().code == 0);
    const auto wanted = outcome_in(whole);
    REQUIRE(wanted.size() == 2 * 16);

    const std::vector<Outcome> outcomes =
        run_together(place, eight_cells(), {{"--shard", "1/3"}, {"--shard", "2/3"}, {"--shard", "3/3", "--jobs", "2"}});
    for (size_t i = 0; i < outcomes.size(); ++i) {
      CAPTURE(outcomes[i].err);
      REQUIRE(outcomes[i].code == 0);
      CHECK(contains(outcomes[i].out, fmt::format("shard {} of 3: {} of the sweep's 8 cells", i + 1, i < 2 ? 3 : 2)));
    }
    CHECK(shard_folders(place.out()).size() == 3);
    CHECK(outcome_of_shards(place.out()) == wanted);

    const std::string table = report_of(place, whole, {"--no-figure"}).out;
    // The order of a table's lines is that in which the runs were finished.
    CHECK(std::ranges::is_permutation(lines_in(report_of(place, place.out(), {"--no-figure"}).out), lines_in(table)));
    const fs::path kept = place.path() / "kept.jsonl";
    CHECK(contains(report_of(place, place.out(), {"--collect", kept.string()}).out, "16 runs; 16 added"));
    const Outcome page =
        Process({program("report"), "--runs", place.out().string(), "--out", (place.path() / "page").string()},
                place.path())
            .wait();
    CHECK(page.code == 0);
    CHECK(lines_in(read_file(place.path() / "page/results.csv")).size() == 1 + 16);

    // The same sweep without --shard, with another number of them, and the same shard again.
    const auto before = files_below(place.out());
    const Outcome all = place.run(eight_cells());
    CHECK(all.code == 0);
    CHECK(contains(all.out, "16 of 16 runs are known from shards of the sweep in " + place.out().string()));
    CHECK(!contains(all.out, "epoch 1/1"));
    CHECK(contains(all.out, table.substr(0, table.find("\nmean"))));
    const Outcome other = place.run(eight_cells({"--shard", "2/2"}));
    CHECK(contains(other.out, "8 of 8 runs are known from other parts of the sweep in " + place.out().string()));
    CHECK(!contains(place.run(eight_cells({"--shard", "1/3"})).out, "epoch 1/1"));
    for (const auto& [name, bytes] : before) {
      CAPTURE(name);
      if (name.ends_with(".safetensors") || name.ends_with(".jsonl")) CHECK(read_file(place.out() / name) == bytes);
    }
    CHECK(!fs::exists(place.out() / "results.jsonl"));
    CHECK(!fs::exists(place.out() / "shard2of2/results.jsonl"));

    const Outcome known =
        Process(place.command_in(place.path() / "elsewhere", eight_cells({"--known", place.out().string()})),
                place.path())
            .wait();
    CHECK(contains(known.out, "16 of 16 runs are known from " + place.out().string()));
    const Outcome differs = place.run(eight_cells({"--batch-size", "25"}));
    CHECK(differs.code == 1);
    CHECK(contains(differs.err, "give this run a folder of its own with --out"));
    CHECK(!contains(differs.err, "--known"));
  }

  TEST_CASE("shards: one that is killed is resumed in its folder and the others are as they were") {
    const Workplace place({.train = 300, .test = 50});
    const std::vector<std::string> flags = {"--rate", "0,0.5", "--epochs", "8", "--shard", "2/2"};
    REQUIRE(place.run({"--rate", "0,0.5", "--epochs", "8", "--shard", "1/2"}).code == 0);
    const auto first = files_below(place.out() / "shard1of2");
    const fs::path run = place.out() / "shard2of2/clothes-to-bags-rate0.5-seed1/ce";
    {
      Process process(place.command(flags), place.path());
      REQUIRE(appears(run / "checkpoint.safetensors"));
      process.kill_and_wait();
    }
    const Outcome resumed = place.run(flags);
    CHECK(resumed.code == 0);
    CHECK(contains(resumed.out, "resumed after epoch"));
    CHECK(files_below(place.out() / "shard1of2") == first);
    CHECK(outcome_of_shards(place.out()).size() == 8);
  }

  TEST_CASE("shards: of more shards than cells the others say so and leave nothing") {
    const Workplace place;
    const Outcome outcome = place.run({"--rate", "0,0.5", "--shard", "3/4"});
    CHECK(outcome.code == 0);
    CHECK(outcome.err.empty());
    CHECK(outcome.out ==
          "fashion_mnist: --shard 3/4: the sweep has 2 cells, none of which is this shard's; there is nothing to do\n");
    CHECK(!fs::exists(place.out()));
    const Outcome bad = place.run({"--shard", "5/4"});
    CHECK(bad.code == 2);
    CHECK(contains(bad.err, "fashion_mnist: --shard 5/4: expected I/N"));
    CHECK(!fs::exists(place.out()));
  }

  TEST_CASE("shards: a sweep without --shard waits for its shards and they for it") {
    const Workplace place({.train = 300, .test = 50});
    for (const bool shard_first : {true, false}) {
      CAPTURE(shard_first);
      const std::vector<std::string> sweep = {"--epochs", "100"}, shard = {"--epochs", "100", "--shard", "1/2"};
      const std::vector<std::string>&flags = shard_first ? shard : sweep, &others = shard_first ? sweep : shard;
      const TemporaryFolder elsewhere;
      Process training(place.command(flags), elsewhere.path());
      REQUIRE(appears(place.out() / (shard_first ? "shard1of2" : "") / "clothes-to-bags-rate0.2-seed1/ce"));
      const Outcome refused = place.run(others);
      CHECK(refused.code == 1);
      CHECK(contains(refused.err, place.out().string() + ": another process is writing its results here"));
      const Outcome same = place.run(flags);
      CHECK(same.code == 1);
      CHECK(contains(same.err, "another process is writing its results here"));
      training.kill_and_wait();
      fs::remove_all(place.out());
    }
  }

  TEST_CASE("shards: folds of a cell belong to its shard and folds asked for later are judged in the whole sweep") {
    const FeaturePlace place;
    const std::vector<std::string> sweep = {"--seed", "1,2", "--method", "ce,dmi"};
    const auto with = [&](const std::vector<std::string>& more) {
      std::vector<std::string> flags = sweep;
      flags.insert(flags.end(), more.begin(), more.end());
      return flags;
    };
    place.train(with({"--folds", "3", "--out", place.path("whole").string()}));
    for (const std::string shard : {"1/2", "2/2"}) place.train(with({"--folds", "3", "--shard", shard}));
    for (const int seed : {1, 2}) {
      const std::string cell = fmt::format("none-rate0-seed{}/dmi/labels.csv", seed);
      CHECK(read_file(place.out() / fmt::format("shard{}of2", seed) / cell) == read_file(place.path("whole") / cell));
    }
    CHECK(!contains(place.train(with({"--folds", "3"})).out, "samples judged"));

    // The runs are known, but their labels were judged otherwise.
    const Outcome later = place.train(with({"--folds", "4"}));
    CHECK(!contains(later.out, "are known from"));
    CHECK(contains(later.out, "fold 4, dmi: "));
    CHECK(fs::exists(place.out() / "none-rate0-seed2/dmi/labels.csv"));
  }
}
