// --profile from start to end: the trace and the table, results that do not change, and what is refused.
#include <doctest/doctest.h>

#include "engine/io/json.h"
#include "tests/experiments/process.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kExperiments = {"fashion_mnist", "movie_reviews", "cifar10",
                                               "dogs_vs_cats",  "clothing1m",    "train"};

// The flags, and a profile into `trace`.
std::vector<std::string> profiled(std::vector<std::string> flags, const fs::path& trace) {
  flags.insert(flags.end(), {"--profile", trace.string()});
  return flags;
}

// The names of a trace's complete events of a category, with repetitions.
std::vector<std::string> names_in(const fs::path& trace, std::string_view category) {
  std::vector<std::string> names;
  const Json json = parse_json(read_file(trace));
  for (const Json& event : list_field(json, "traceEvents"))
    if (field<std::string>(event, "ph") == "X" && field<std::string>(event, "cat") == category)
      names.push_back(field<std::string>(event, "name"));
  return names;
}

// What training decides: every file of the runs without the times in it.
std::map<std::string, std::string> decided_files(const fs::path& out) {
  std::map<std::string, std::string> files = files_below(out);
  std::erase_if(files, [](const auto& file) {
    return !file.first.ends_with(".safetensors") && !file.first.ends_with("matrices.json");
  });
  return files;
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("profile: the results are byte for byte those without it") {
    const Workplace place({.train = 160, .test = 20});
    const fs::path trace = place.path() / "trace.json";
    for (const std::string device : {"cpu", "reference"}) {
      CAPTURE(device);
      const fs::path plain = place.path() / (device + "-plain"), with = place.path() / (device + "-with");
      const std::vector<std::string> flags = {"--device", device, "--method", "ce,dmi", "--batch-size", "20"};
      REQUIRE(Process(place.command_in(plain, flags), place.path()).wait().code == 0);
      std::vector<std::string> profile_flags = flags;
      profile_flags.insert(profile_flags.end(), {"--profile-steps", "3"});
      const Outcome outcome = Process(place.command_in(with, profiled(profile_flags, trace)), place.path()).wait();
      CAPTURE(outcome.err);
      REQUIRE(outcome.code == 0);
      CHECK(decided_files(plain).size() == 4);
      CHECK(decided_files(plain) == decided_files(with));
    }
  }

  TEST_CASE("profile: a trace of the asked steps and a table of their ops") {
    const Workplace place;
    const fs::path trace = place.path() / "trace.json";
    const Outcome outcome =
        place.run(profiled({"--method", "ce,dmi", "--batch-size", "20", "--profile-steps", "3"}, trace));
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(names_in(trace, "step").size() == 3);
    const std::vector<std::string> ops = names_in(trace, "op"), backward = names_in(trace, "backward op");
    CHECK(std::ranges::count(ops, "conv2d") == 6);
    CHECK(std::ranges::count(backward, "conv2d backward") == 6);
    CHECK(std::ranges::count(names_in(trace, "kernel"), "adam_step") == 3);
    CHECK(std::ranges::count(names_in(trace, "phase"), "load") == 3);
    CHECK(contains(outcome.out, "profile of clothes-to-bags, rate 0.2, seed 1, ce: 3 steps on cpu, on average\n"));
    for (const char* part : {"\nconv2d backward ", "\nadam_step ", "\nother: between the ops ", "\na step ",
                             "\nThe machine: ", "\nTrace: "}) {
      CAPTURE(part);
      CHECK(contains(outcome.out, part));
    }
    const Json about = parse_json(read_file(trace))["otherData"];
    CHECK(field<std::string>(about, "run") == "clothes-to-bags, rate 0.2, seed 1, ce");
    CHECK(field<int>(about, "steps") == 3);
    CHECK(field<double>(about, "GB/s of a copy") > 0.0);
  }

  TEST_CASE("profile: what is recorded is the first run that the command line asks for") {
    const Workplace place;
    const fs::path trace = place.path() / "trace.json";
    const Outcome outcome = place.run(profiled({"--method", "dmi", "--batch-size", "25"}, trace));
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(contains(outcome.out, "profile of clothes-to-bags, rate 0.2, seed 1, dmi:"));
    CHECK(std::ranges::count(names_in(trace, "op"), "log_abs_det") == 10);
  }

  TEST_CASE("profile: fewer steps than asked for are recorded where a run has no more") {
    const Workplace place;
    const fs::path trace = place.path() / "trace.json";
    // 12 steps in all, and 10 are a warm-up.
    const Outcome outcome = place.run(profiled({"--method", "ce", "--limit", "120", "--batch-size", "20"}, trace));
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(names_in(trace, "step").size() == 2);
    CHECK(contains(outcome.out, ": 2 steps on cpu"));
  }

  TEST_CASE("profile: where nothing can be recorded the runs are kept and the exit code is 1") {
    const Workplace place;
    const fs::path trace = place.path() / "trace.json";
    const std::vector<std::string> flags = profiled({"--method", "ce", "--limit", "100", "--batch-size", "50"}, trace);
    const std::string start = "fashion_mnist: --profile " + trace.string() + ": no profile was written: ";
    const Outcome short_run = place.run(flags);
    CHECK(short_run.code == 1);
    CHECK(short_run.err == start + "4 steps were trained, and the first 10 are a warm-up\n");
    CHECK(fs::exists(place.out() / "results.jsonl"));
    const Outcome again = place.run(flags);
    CHECK(again.code == 1);
    CHECK(again.err == start + "nothing was trained that the command line asks for\n");
    CHECK(!fs::exists(trace));
  }

  TEST_CASE("profile: bad values are refused before anything is written") {
    const Workplace place;
    const fs::path trace = place.path() / "trace.json", folder = place.path() / "folder",
                   notes = place.path() / "notes";
    fs::create_directory(folder);
    write_file_atomically(notes, "not a trace");
    const auto refused = [&](const std::vector<std::string>& flags, const std::string& part) {
      const Outcome outcome = place.run(flags);
      CAPTURE(outcome.err);
      CHECK(outcome.code == 2);
      CHECK(contains(outcome.err, part));
      CHECK(files_below(place.out()).empty());
      CHECK(!fs::exists(trace));
    };
    refused({"--profile", folder.string()}, "it is a folder, expected the name of a file");
    refused({"--profile", ""}, "it is a folder, expected the name of a file");
    refused({"--profile", notes.string()}, "there is a file of that name that is no profile");
    refused({"--profile", "/dev/null"}, "it is not a file");
    refused({"--profile", (notes / "trace.json").string()}, "cannot be created: Not a directory");
    refused({"--profile-steps", "3"}, "--profile-steps 3: it is for --profile FILE");
    refused(profiled({"--profile-steps", "0"}, trace), "--profile-steps 0: expected 1 to 100");
    refused(profiled({"--profile-steps", "101"}, trace), "expected 1 to 100");
    refused(profiled({"--jobs", "2"}, trace), "with --jobs 2 the steps of several processes share the cores");
    CHECK(read_file(notes) == "not a trace");
  }

  TEST_CASE("profile: the trace is whole where the run is stopped after its steps") {
    const Workplace place;
    const fs::path folder = place.path() / "traces", trace = folder / "trace.json";
    Process process(place.command(profiled({"--epochs", "10000", "--batch-size", "20"}, trace)), place.path());
    REQUIRE(appears(trace));
    ::kill(process.pid(), SIGTERM);
    CHECK(process.wait().code == -1);
    CHECK(names_in(trace, "step").size() == 10);
    CHECK(files_below(folder).size() == 1);
    // Another profile takes its place.
    CHECK(place.run(profiled({"--method", "ce", "--rate", "0.4", "--batch-size", "20"}, trace)).code == 0);
    CHECK(contains(read_file(trace), "rate 0.4"));
  }

  TEST_CASE("profile: every experiment has the flag") {
    const TemporaryFolder folder;
    for (const std::string& experiment : kExperiments) {
      CAPTURE(experiment);
      const Outcome help = Process({program(experiment), "--help"}, folder.path()).wait();
      CHECK(contains(help.out, "--profile "));
      CHECK(contains(help.out, "--profile-steps "));
    }
  }
}
