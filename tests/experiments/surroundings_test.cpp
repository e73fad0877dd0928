// What a program meets around it: signals, closed files, few threads, little memory, no temporary folder.
#include <doctest/doctest.h>

#include "experiments/report/results.h"
#include "tests/data/tiny_images.h"
#include "tests/experiments/process.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/mpirun.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

const std::string kRun = "clothes-to-bags-rate0.2-seed1/";
const std::vector<std::string> kMethods = {"ce", "dmi", "fw", "lccn"};
const std::vector<std::string> kLong = {
    "--epochs",  "2",          "--batch-size",   "5",  "--method",       "ce,dmi,fw,lccn",
    "--sampler", "stratified", "--warmup-steps", "30", "--update-every", "7"};

std::vector<std::string> and_flags(std::vector<std::string> flags, const std::vector<std::string>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

// A command in a shell that sets its surroundings first.
Outcome command_in_shell(const Workplace& place, const std::string& before, const std::vector<std::string>& command,
                         const std::string& after = "") {
  std::string line = before + " ";
  for (const std::string& word : command) line += " '" + word + "'";
  return Process({"bash", "-c", line + after}, place.path()).wait();
}

Outcome in_shell(const Workplace& place, const std::string& before, const std::vector<std::string>& flags,
                 const std::string& after = "") {
  return command_in_shell(place, before, place.command(flags), after);
}

std::map<std::string, std::string> final_weights(const std::filesystem::path& out) {
  std::map<std::string, std::string> files;
  for (const std::string& method : kMethods) {
    files[method] = read_file(out / (kRun + method) / "weights.safetensors");
  }
  return files;
}

size_t results_in(const Workplace& place) {
  const auto path = place.out() / "results.jsonl";
  return std::filesystem::exists(path) ? read_results(path).results.size() : 0;
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("stop: killed within epochs and started again it ends with the same bits") {
    const Workplace place({.train = 3000, .test = 50});
    const auto peaceful = place.path() / "peaceful";
    REQUIRE(Process(place.command_in(peaceful, kLong), place.path()).wait().code == 0);
    const auto command = place.command(and_flags(kLong, {"--checkpoint-every", "0.001s"}));
    int within = 0;
    for (int attempt = 0; attempt < 60; ++attempt) {
      Process process(command, place.path());
      const double share = random_uniform({.seed = 3}, static_cast<uint64_t>(attempt));
      std::this_thread::sleep_for(std::chrono::duration<double>(0.1 + 0.5 * share));
      const Outcome outcome = process.kill_and_wait();
      within += contains(outcome.out, "resumed in epoch ");
      if (results_in(place) == kMethods.size()) break;
    }
    const Outcome outcome = Process(command, place.path()).wait();
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(within > 0);
    CHECK(final_weights(place.out()) == final_weights(peaceful));
  }

  TEST_CASE("stop: after a signal there is a checkpoint and the same command resumes from there") {
    const Workplace place;
    const auto peaceful = place.path() / "peaceful";
    REQUIRE(Process(place.command_in(peaceful, kLong), place.path()).wait().code == 0);
    for (const std::string& method : kMethods) {
      for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        Process process(place.command(kLong), place.path());
        REQUIRE(appears(place.out() / (kRun + method)));
        std::this_thread::sleep_for(std::chrono::milliseconds(10 * signal));
        kill(process.pid(), signal);
        const Outcome outcome = process.wait();
        if (outcome.code == 0) continue;  // it was done before
        CAPTURE(outcome.out);
        CAPTURE(outcome.err);
        CHECK(outcome.code == -1);  // by the signal, as whoever sent it expects
        if (contains(outcome.out, " stopped by SIG")) CHECK(contains(outcome.err, "fashion_mnist: stopped by SIG"));
      }
    }
    CHECK(place.run(kLong).code == 0);
    CHECK(final_weights(place.out()) == final_weights(peaceful));
  }

  TEST_CASE("stop: candidates of a search go on within their epochs too") {
    const Workplace place({.train = 1500, .test = 50});
    const std::vector<std::string> flags = {"--method", "dmi", "--search", "--lr", "0.001,0.0001", "--batch-size", "8"};
    const auto peaceful = place.path() / "peaceful";
    REQUIRE(Process(place.command_in(peaceful, flags), place.path()).wait().code == 0);
    const auto command = place.command(and_flags(flags, {"--checkpoint-every", "0.001s"}));
    int stopped = 0;
    for (const std::string candidate : {"search-lr0.001-batch8", "search-lr0.0001-batch8"}) {
      Process process(command, place.path());
      REQUIRE(appears(place.out() / kRun / "dmi" / candidate / "checkpoint.safetensors"));
      stopped += contains(process.kill_and_wait().out, "resumed in epoch ");
    }
    const Outcome outcome = Process(command, place.path()).wait();
    CHECK(outcome.code == 0);
    CHECK(stopped + contains(outcome.out, "resumed in epoch ") > 0);
    CHECK(read_file(place.out() / kRun / "dmi/weights.safetensors") ==
          read_file(peaceful / kRun / "dmi/weights.safetensors"));
  }

  TEST_CASE("stop: batch norm's statistics and augmented images go on as they were") {
    const TemporaryFolder folder;
    const auto data = folder.path() / "data";
    for (const auto& [label, name] : {std::pair{0, "apple"}, std::pair{1, "pear"}})
      for (int i = 0; i < 60; ++i)
        write_image(data / name / fmt::format("{}.png", i), tiny_class_image(12, label, static_cast<uint64_t>(i)));
    const auto command = [&](const std::string& out) {
      return command_line("train",
                          {{"--data", data.string()},
                           {"--out", (folder.path() / out).string()},
                           {"--threads", "1"},
                           {"--epochs", "12"},
                           {"--method", "ce"},
                           {"--model", "resnet20"},
                           {"--image-size", "8"},
                           {"--batch-size", "4"},
                           {"--checkpoint-every", "0.001s"}},
                          {});
    };
    const auto run = [&](const std::string& out) { return folder.path() / out / "none-rate0-seed1" / "ce"; };
    REQUIRE(Process(command("peaceful"), folder.path()).wait().code == 0);
    int resumed = 0;
    for (int attempt = 0; attempt < 4 && !std::filesystem::exists(run("killed") / "weights.safetensors"); ++attempt) {
      Process process(command("killed"), folder.path());
      REQUIRE(appears(run("killed") / "checkpoint.safetensors"));
      std::this_thread::sleep_for(std::chrono::milliseconds(120 * attempt));
      resumed += contains(process.kill_and_wait().out, "resumed in epoch ");
    }
    REQUIRE(Process(command("killed"), folder.path()).wait().code == 0);
    CHECK(resumed > 0);
    CHECK(read_file(run("killed") / "weights.safetensors") == read_file(run("peaceful") / "weights.safetensors"));
  }

  TEST_CASE("stop: a signal is answered with the place where it stopped") {
    const Workplace place;
    const std::vector<std::string> endless = {"--epochs", "5000", "--method", "ce"};
    Process process(place.command(endless), place.path());
    REQUIRE(appears(place.out() / kRun / "ce" / "checkpoint.safetensors"));
    kill(process.pid(), SIGTERM);
    const Outcome outcome = process.wait();
    CHECK(outcome.code == -1);
    CHECK(contains(outcome.out, "ce: stopped by SIGTERM "));
    CHECK(contains(outcome.out, "the same command resumes from there"));
    CHECK(contains(outcome.err, "fashion_mnist: stopped by SIGTERM"));
  }

  TEST_CASE("stop: a signal that was ignored from the start stays ignored") {
    const Workplace place;
    const Outcome outcome = in_shell(place, "trap '' HUP INT;", {"--method", "ce", "--batch-size", "5"},
                                     " & sleep 0.5; kill -HUP $!; kill -INT $!; wait $!");
    CHECK(outcome.code == 0);
    CHECK(results_in(place) == 1);
  }

  TEST_CASE("stop: with jobs each process writes a checkpoint and the whole goes on") {
    const Workplace place;
    const std::vector<std::string> flags = {"--rate", "0,0.2",    "--epochs", "40",     "--batch-size",
                                            "5",      "--method", "ce",       "--jobs", "2"};
    Process process(place.command(flags), place.path());
    for (const std::string cell : {"clothes-to-bags-rate0-seed1", "clothes-to-bags-rate0.2-seed1"})
      REQUIRE(appears(place.out() / cell / "ce" / "checkpoint.safetensors"));
    kill(process.pid(), SIGTERM);
    const Outcome outcome = process.wait();
    CHECK(outcome.code == -1);
    CHECK(contains(outcome.out, "rate 0, seed 1, ce: stopped by SIGTERM"));
    CHECK(contains(outcome.out, "rate 0.2, seed 1, ce: stopped by SIGTERM"));
    CHECK(!contains(outcome.err, "its process ended"));
    const Outcome resumed = place.run(flags);
    CHECK(resumed.code == 0);
    CHECK(contains(resumed.out, "resumed "));
    CHECK(results_in(place) == 2);
  }

  TEST_CASE("standard files: closed ones do not become another file and results are safe") {
    for (const std::string closed : {">&-", "<&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full >/dev/full"}) {
      CAPTURE(closed);
      const Workplace place;
      const Outcome outcome = in_shell(place, "exec", {"--method", "ce"}, " " + closed);
      CHECK(outcome.code == 0);
      CHECK(results_in(place) == 1);
      CHECK(read_file(place.out() / ".lock").empty());
      if (closed == ">/dev/full") CHECK(contains(outcome.err, "cannot be written to standard output: No space left"));
    }
  }

  TEST_CASE("standard files: a reader that goes away does not end the training") {
    const Workplace place;
    const Outcome outcome =
        in_shell(place, "set -o pipefail;", {"--method", "ce"}, " | head -1; echo code ${PIPESTATUS[0]}");
    CHECK(contains(outcome.out, "code 0"));
    CHECK(results_in(place) == 1);
    CHECK(contains(outcome.err, "Broken pipe"));
  }

  TEST_CASE(
      "threads: whatever OpenMP is told the run ends with the number of threads and the weights that were asked for") {
    const std::vector<std::string> flags = {"--method", "ce", "--threads", "2"};
    const auto weights_of = [](const Workplace& place) {
      return read_file(place.out() / (kRun + "ce") / "weights.safetensors");
    };
    const Workplace plain;
    REQUIRE(in_shell(plain, "", flags).code == 0);
    for (const std::string setting : {"OMP_THREAD_LIMIT=1", "OMP_DYNAMIC=true", "OMP_NESTED=true", "OMP_NUM_THREADS=1",
                                      "OMP_MAX_ACTIVE_LEVELS=0", "OMP_NUM_THREADS=5000", "OMP_WAIT_POLICY=passive",
                                      "OMP_WAIT_POLICY=active", "GOMP_SPINCOUNT=1k", "OMP_PROC_BIND=true"}) {
      CAPTURE(setting);
      const Workplace other;
      const Outcome outcome = in_shell(other, setting, flags);
      CHECK(outcome.code == 0);
      CHECK(read_results(other.out() / "results.jsonl").results.at(0).threads == 2);
      CHECK(weights_of(other) == weights_of(plain));
    }
  }

  TEST_CASE("threads: without --threads OMP_NUM_THREADS says how many") {
    for (const int threads : {1, 3}) {
      const Workplace place;
      const auto command = command_line("fashion_mnist",
                                        {{"--data", place.data().string()},
                                         {"--out", place.out().string()},
                                         {"--rate", "0.2"},
                                         {"--epochs", "1"},
                                         {"--batch-size", "50"}},
                                        {"--method", "ce"});
      REQUIRE(command_in_shell(place, fmt::format("OMP_NUM_THREADS={}", threads), command).code == 0);
      CHECK(read_results(place.out() / "results.jsonl").results.at(0).threads == threads);
    }
  }

// Sanitizers take more address space than any limit leaves.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  TEST_CASE("memory: where it does not suffice a sentence says what was going on and what is safe") {
    const Workplace place;
    REQUIRE(place.run({"--method", "ce", "--rate", "0.5"}).code == 0);
    const auto before = files_below(place.out());
    const auto run_within = [&](int mib) {
      const Outcome outcome = in_shell(place, fmt::format("ulimit -v {};", mib * 1024),
                                       {"--method", "ce", "--batch-size", "500", "--rate", "0.2"});
      std::filesystem::remove_all(place.out() / kRun);  // it begins anew the next time
      write_file_atomically(place.out() / "results.jsonl", before.at("results.jsonl"));
      return outcome;
    };
    // What is just enough depends on the libraries of the build. Below it, down to too little to load them, nothing
    // ends without a sentence.
    int too_little = 64, enough = 1 << 14;
    while (enough - too_little > 4) {
      const int mib = (too_little + enough) / 2;
      (run_within(mib).code == 0 ? enough : too_little) = mib;
    }
    int refused = 0;
    for (int mib = too_little; mib > 64 && mib > too_little - 100; mib -= 4) {
      CAPTURE(mib);
      const Outcome outcome = run_within(mib);
      CAPTURE(outcome.err);
      if (outcome.code == -1 && outcome.out.empty()) continue;  // CUDA's libraries die as they are loaded, before main
      CHECK((outcome.code == 0 || outcome.code == 1 || outcome.code == 127));
      CHECK(outcome.err.empty() == (outcome.code == 0));
      CHECK(!contains(outcome.err, "std::bad_alloc"));
      // Before the command line is parsed nobody is doing anything, and results have no place yet.
      const bool parsed = contains(outcome.err, "not enough memory, ");
      if (contains(outcome.err, "not enough memory")) CHECK((parsed || outcome.out.empty()));
      if (parsed) {
        ++refused;
        CHECK(contains(outcome.err, "ulimit -v"));
        CHECK(contains(outcome.err, "finished results are safe in " + (place.out() / "results.jsonl").string()));
      }
    }
    CHECK(refused > 0);
  }
#endif

  TEST_CASE("figure: no temporary folder and no gnuplot leave the results as they are") {
    const Workplace place;
    const Outcome elsewhere = in_shell(place, "TMPDIR=/nowhere", {"--method", "ce"});
    CHECK(elsewhere.code == 0);
    CHECK(elsewhere.err.empty());
    CHECK(std::filesystem::exists(place.out() / "fashion_mnist_accuracy.png"));
    for (const auto& entry : std::filesystem::directory_iterator(place.out()))
      CHECK(!contains(entry.path().filename().string(), "cofactor-figure"));
    const Outcome without = in_shell(place, "PATH=/nowhere", {"--method", "ce", "--rate", "0.5"});
    CHECK(without.code == 0);
    CHECK(contains(without.err, "warning: the results are in " + (place.out() / "results.jsonl").string()));
    CHECK(results_in(place) == 2);
  }

  TEST_CASE("batches: one that leaves a sample alone with a batch norm of one value is found before training") {
    const TemporaryFolder folder;
    const auto data = folder.path() / "data";
    for (const auto& [label, name] : {std::pair{0, "apple"}, std::pair{1, "pear"}})
      for (int i = 0; i < 30; ++i)
        write_image(data / name / fmt::format("{}.png", i), tiny_class_image(10, label, static_cast<uint64_t>(i)));
    const auto command = [&](const std::string& size, const std::string& side, const std::vector<std::string>& more) {
      return command_line("train",
                          {{"--data", data.string()},
                           {"--out", (folder.path() / ("out" + size + side)).string()},
                           {"--threads", "1"},
                           {"--epochs", "1"},
                           {"--model", "resnet18"},
                           {"--stem", "imagenet"},
                           {"--image-size", side},
                           {"--batch-size", size}},
                          more);
    };
    const auto run = [&](const std::string& size, const std::string& side,
                         const std::vector<std::string>& more = {"--method", "ce"}) {
      return Process(command(size, side, more), folder.path()).wait();
    };
    // 42 images train; a side of 16 ends in maps of 1 x 1.
    const Outcome outcome = run("41", "16");
    CAPTURE(outcome.err);
    CHECK(outcome.code == 2);
    CHECK(contains(outcome.err, "--batch-size 41: the last batch of the 42 training samples is one sample"));
    CHECK(contains(outcome.err, "--batch-size 40 or 42 leaves none alone"));
    const Outcome parts = run("14", "16", {"--method", "dmi", "--dmi-batch", "41"});
    CHECK(parts.code == 2);
    CHECK(contains(parts.err,
                   "--dmi-batch 41: of the 42 training samples, in parts of at most 14, a part is one sample"));
    CHECK(contains(parts.err, "--dmi-batch 40 or 42 leaves none alone"));
    CHECK(contains(run("2", "16", {"--method", "dmi", "--dmi-batch", "21"}).err, "--batch-size 3 leaves none alone"));
    CHECK(run("42", "16").code == 0);
    CHECK(run("41", "64").code == 0);  // maps of 2 x 2 are enough
    if (!have_mpirun()) return;
    const auto run_two = [&](const std::string& size, const std::vector<std::string>& more) {
      return Process(mpirun(2, command(size, "16", more)), folder.path()).wait();
    };
    const Outcome shared = run_two("39", {"--method", "ce"});
    CHECK(shared.code == 2);
    CHECK(contains(shared.err,
                   "--batch-size 39: of the 42 training samples, shared by 2 ranks, one has a single sample"));
    CHECK(contains(shared.err, "--batch-size 38 or 42 leaves none alone"));
    CHECK(run_two("39", {"--method", "ce", "--sync-batch-norm"}).code == 0);
    CHECK(run_two("38", {"--method", "ce"}).code == 0);
  }
}
