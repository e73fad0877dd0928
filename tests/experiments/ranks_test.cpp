// Experiments of several ranks, under mpirun.
#include <dirent.h>
#include <doctest/doctest.h>

#include <random>

#include "experiments/report/results.h"
#include "experiments/training/checkpoint.h"
#include "tests/experiments/process.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/mpirun.h"

using namespace cofactor;
using namespace cofactor::testing;
namespace fs = std::filesystem;

namespace {

const std::string kCell = "clothes-to-bags-rate0.2-seed1";

std::vector<EpochMetrics> metrics_of(const fs::path& out, const std::string& method) {
  return read_metrics(out / kCell / method / "metrics.jsonl");
}

std::map<std::string, std::string> weights_below(const fs::path& out) {
  std::map<std::string, std::string> files = files_below(out);
  std::erase_if(files, [](const auto& file) { return !file.first.ends_with("weights.safetensors"); });
  return files;
}

// The processes whose command line has this argument, but for env and mpirun.
std::vector<pid_t> ranks_with(const std::string& argument) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::error_code ignored;
    const std::string program = fs::read_symlink(entry.path() / "exe", ignored).filename();
    if (program != "fashion_mnist") continue;
    std::string line;
    try {
      line = read_file(entry.path() / "cmdline");
    } catch (const Error&) {
      continue;  // it has ended
    }
    if (line.find(argument) != std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("ranks: two and four of them train as one process does") {
    if (!have_mpirun()) return;
    const Workplace place;
    const std::vector<std::string> flags = {
        "--method",       "ce,dmi,gce,fw,lccn,bw,mae,sce,bootstrap-soft,bootstrap-hard",
        "--warmup-steps", "3",
        "--update-every", "4"};
    REQUIRE(Process(place.command_in(place.path() / "one", flags), place.path()).wait().code == 0);
    for (const int ranks : {2, 4}) {
      const fs::path out = place.path() / std::to_string(ranks);
      const Outcome outcome = Process(mpirun(ranks, place.command_in(out, flags)), place.path()).wait();
      CAPTURE(outcome.err);
      REQUIRE(outcome.code == 0);
      CHECK(contains(outcome.out, fmt::format("{} ranks share each batch", ranks)));
      const auto results = read_results(out / "results.jsonl").results;
      const auto wanted = read_results(place.path() / "one" / "results.jsonl").results;
      REQUIRE(results.size() == wanted.size());
      for (size_t i = 0; i < results.size(); ++i) {
        const std::string& method = results[i].method;
        CAPTURE(method);
        CHECK(method == wanted[i].method);
        CHECK(results[i].ranks == ranks);
        CHECK(results[i].settings == wanted[i].settings);
        CHECK(results[i].batches == wanted[i].batches);
        CHECK(results[i].skipped_batches == wanted[i].skipped_batches);
        CHECK(results[i].test_accuracy == doctest::Approx(wanted[i].test_accuracy).epsilon(0.03));
        const auto a = metrics_of(out, method), b = metrics_of(place.path() / "one", method);
        REQUIRE(a.size() == b.size());
        for (size_t epoch = 0; epoch < a.size(); ++epoch) {
          CHECK(a[epoch].train_loss == doctest::Approx(b[epoch].train_loss).epsilon(2e-4));
          CHECK(a[epoch].valid_loss == doctest::Approx(b[epoch].valid_loss).epsilon(2e-4));
        }
      }
    }
  }

  TEST_CASE("ranks: a run is repeatable to the bit also where it is interrupted or a rank is killed") {
    if (!have_mpirun()) return;
    const Workplace place;
    const std::vector<std::string> flags = {"--method",           "ce,dmi,lccn", "--epochs",       "4",
                                            "--checkpoint-every", "50ms",        "--warmup-steps", "3",
                                            "--update-every",     "4",           "--rank-timeout", "5s"};
    const auto command = [&](const std::string& name) {
      return mpirun(2, place.command_in(place.path() / name, flags));
    };
    REQUIRE(Process(command("whole"), place.path()).wait().code == 0);
    const auto whole = weights_below(place.path() / "whole");
    CHECK(whole.size() == 3);
    std::mt19937 random(20);
    for (const int signal : {SIGKILL, SIGTERM}) {
      const std::string name = fmt::format("stopped{}", signal);
      for (int attempt = 0; attempt < 4; ++attempt) {
        Process process(command(name), place.path());
        std::this_thread::sleep_for(std::chrono::milliseconds(700 + random() % 1500));
        const std::vector<pid_t> ranks = ranks_with(name);
        if (!ranks.empty()) ::kill(ranks[random() % ranks.size()], signal);
        const auto began = std::chrono::steady_clock::now();
        process.wait();
        CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(60));
        CHECK(ranks_with(name).empty());
        for (const auto& [file, bytes] : files_below(place.path() / name)) {
          CAPTURE(file);
          if (file.ends_with("checkpoint.safetensors"))
            CHECK_NOTHROW(load_checkpoint(place.path() / name / file, Device::reference));
        }
      }
      const Outcome last = Process(command(name), place.path()).wait();
      CAPTURE(last.err);
      REQUIRE(last.code == 0);
      CHECK(weights_below(place.path() / name) == whole);
    }
  }

  TEST_CASE("ranks: another number of them goes on from a checkpoint and says so") {
    if (!have_mpirun()) return;
    const Workplace place;
    const std::vector<std::string> flags = {"--method", "ce", "--epochs", "400"};
    Process process(mpirun(2, place.command_in(place.out(), flags)), place.path());
    REQUIRE(appears(place.out() / kCell / "ce" / "checkpoint.safetensors"));
    const std::vector<pid_t> ranks = ranks_with(place.out().string());
    REQUIRE(ranks.size() == 2);
    ::kill(ranks[0], SIGTERM);
    const Outcome stopped = process.wait();
    CHECK(contains(stopped.out, "stopped by SIGTERM"));
    CHECK(contains(stopped.out, "the same command resumes from there"));
    const fs::path file = place.out() / kCell / "ce" / "checkpoint.safetensors";
    Checkpoint checkpoint = load_checkpoint(file, Device::reference);
    CHECK(checkpoint.ranks == 2);
    const auto alone = place.command_in(place.out(), flags);
    Process again(alone, place.path());
    std::this_thread::sleep_for(std::chrono::seconds(1));
    ::kill(again.pid(), SIGTERM);
    const Outcome resumed = again.wait();
    CHECK(contains(resumed.out, "resumed"));
    CHECK(contains(resumed.out, "its batches were shared by 2 ranks and are now by 1 process"));
  }

  TEST_CASE("ranks: what they cannot do together is refused") {
    if (!have_mpirun()) return;
    const Workplace place;
    const auto error_with = [&](const std::vector<std::string>& flags) {
      const Outcome outcome = Process(mpirun(2, place.command(flags)), place.path()).wait();
      CHECK(outcome.code == 2);
      return outcome.err;
    };
    CHECK(contains(error_with({"--jobs", "2"}), "--jobs 2: 2 ranks train one cell at a time together"));
    CHECK(contains(error_with({"--batch-size", "1"}), "--batch-size 1: fewer samples than the 2 ranks"));
    CHECK(contains(error_with({"--rank-timeout", "0"}), "--rank-timeout 0: expected a time above 0"));
    std::vector<std::string> two = mpirun(1, place.command({"--seed", "1"}));
    two.push_back(":");
    const std::vector<std::string> other = place.command({"--seed", "2"});
    two.insert(two.end(), {"-np", "1"});
    two.insert(two.end(), other.begin(), other.end());
    const Outcome differs = Process(two, place.path()).wait();
    CHECK(differs.code != 0);
    CHECK(contains(differs.err, "ranks 0 and 1 have not the same command line"));
    CHECK(!fs::exists(place.out() / "results.jsonl"));
  }
}
