// derive theorem from the command line.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "tests/experiments/process.h"

namespace cofactor::theorem {
namespace {

using namespace testing;

// The program with small settings; flags of `extra` come in place of these.
Outcome run_theorem(const TemporaryFolder& folder, const std::vector<std::string>& extra) {
  std::vector<std::string> command = command_line("derive",
                                                  {{"--classifiers", "12"},
                                                   {"--samples", "10,1000"},
                                                   {"--repetitions", "4"},
                                                   {"--batch-size", "8,64"},
                                                   {"--batches", "10"}},
                                                  extra);
  command.insert(command.begin() + 1, "theorem");
  return Process(command, folder.path()).wait();
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const std::vector<std::string> kFigures = {"theorem_batches.png",    "theorem_batches.svg",    "theorem_gradient.png",
                                           "theorem_gradient.svg",   "theorem_order.png",      "theorem_order.svg",
                                           "theorem_processing.png", "theorem_processing.svg", "theorem_samples.png",
                                           "theorem_samples.svg"};

// Expects the exit code, nothing on standard output and one line on standard error that holds every part.
void expect_refused(const std::vector<std::string>& flags, int code, const std::vector<std::string>& parts) {
  const TemporaryFolder folder;
  const Outcome outcome = run_theorem(folder, flags);
  CAPTURE(outcome.err);
  CHECK(outcome.code == code);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.starts_with("derive: "));
  CHECK(std::ranges::count(outcome.err, '\n') == 1);
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(has(outcome.err, part));
  }
}

TEST_SUITE("experiment") {
  TEST_CASE("derive theorem: five parts whose checks hold and no file unless one is asked for") {
    const TemporaryFolder folder;
    const Outcome outcome = run_theorem(folder, {});
    CAPTURE(outcome.out);
    CHECK(outcome.code == 0);
    CHECK(outcome.err.empty());
    for (const char* title : {"1. 12 classifiers", "2. Finite samples: 4 repetitions", "3. Information monotonicity",
                              "4. The gradient near a singular U", "5. log|det U| on batches"})
      CHECK(has(outcome.out, title));
    CHECK(count_of(outcome.out, "\n  holds: largest difference ") + count_of(outcome.out, "\n  not checked: ") == 10);
    CHECK(count_of(outcome.out, "\n  holds: largest difference ") >= 7);
    CHECK(!has(outcome.out, " nan"));
    CHECK(has(outcome.out, " no      0.2           0.2"));  // flip 0.8: most labels of class 0 are wrong
    CHECK(folder.count() == 2);                             // what it printed
    CHECK(run_theorem(folder, {}).out == outcome.out);
    CHECK(run_theorem(folder, {"--seed", "2"}).out != outcome.out);
  }

  TEST_CASE("derive theorem: Markdown tables have as many cells in each row as in their head") {
    const TemporaryFolder folder;
    const Outcome outcome = run_theorem(folder, {"--format", "markdown"});
    CHECK(outcome.code == 0);
    std::istringstream lines(outcome.out);
    size_t cells = 0, rows = 0;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with('|')) {
        cells = 0;
        continue;
      }
      const size_t here = count_of(line, "|") - count_of(line, "\\|");
      if (cells == 0) cells = here;
      CHECK(here == cells);
      ++rows;
    }
    CHECK(rows > 40);
    CHECK(count_of(outcome.out, "\n## ") == 4);
    CHECK(outcome.out.starts_with("## 1. "));
  }

  TEST_CASE("derive theorem: the figures and the table of numbers are whole") {
    const TemporaryFolder folder;
    const std::filesystem::path out = folder / "new" / "out";
    const Outcome outcome = run_theorem(folder, {"--out", out.string()});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const auto files = files_below(out);
    REQUIRE(files.size() == kFigures.size() + 1);
    for (const std::string& name : kFigures) {
      CAPTURE(name);
      REQUIRE(files.contains(name));
      const std::string& bytes = files.at(name);
      if (name.ends_with(".svg")) {
        CHECK(has(bytes, "</svg>"));
        CHECK(!has(bytes, "NaN"));
      } else {
        CHECK(bytes.starts_with("\x89PNG"));
      }
      CHECK(has(outcome.out, (out / name).string() + "\n"));
    }
    std::istringstream lines(files.at("theorem.csv"));
    std::string line;
    std::getline(lines, line);
    CHECK(line == "part,noise,item,quantity,value");
    size_t rows = 0;
    for (; std::getline(lines, line); ++rows) {
      CHECK(std::ranges::count(line, ',') == 4);
      CHECK(!line.ends_with("nan"));
    }
    CHECK(rows > 12 * 4 * 5);
    CHECK(has(files.at("theorem.csv"), "\norder,flip 0.8,all,log_abs_det_t,-1.6094379124341"));
    CHECK(has(files.at("theorem_order.svg"), "DMI: 0 of 264 pairs reversed"));
  }

  TEST_CASE("derive theorem: figures of little data are drawn") {
    const TemporaryFolder folder;
    const std::filesystem::path out = folder / "out";
    const std::vector<std::string> few = {"--out",         out.string(), "--classifiers", "4", "--samples", "1",
                                          "--repetitions", "2",          "--batch-size",  "1", "--batches", "2"};
    for (const char* rate : {"0", "0.4"}) {
      std::vector<std::string> flags = few;
      flags.insert(flags.end(), {"--noise", "uniform", "--rate", rate});
      const Outcome outcome = run_theorem(folder, flags);
      CAPTURE(outcome.err);
      CHECK(outcome.code == 0);
      CHECK(files_below(out).size() == kFigures.size() + 1);
    }
  }

  TEST_CASE("derive theorem: without gnuplot the table of numbers is written and the error says what is missing") {
    const TemporaryFolder folder;
    const std::string out = (folder / "out").string();
    const Outcome outcome =
        Process({"/usr/bin/env", "PATH=/nowhere", program("derive"), "theorem", "--classifiers", "4", "--samples", "10",
                 "--repetitions", "2", "--batch-size", "8", "--batches", "2", "--out", out},
                folder.path())
            .wait();
    CHECK(outcome.code == 1);
    CHECK(has(outcome.err, "gnuplot is not installed"));
    CHECK(has(outcome.out, "5. log|det U| on batches"));
    const auto files = files_below(out);
    CHECK(files.size() == 1);
    CHECK(files.contains("theorem.csv"));
  }

  TEST_CASE("derive theorem: other numbers of classes and other noises") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "t.txt", "# two classes\n0.6, 0.4\n0.1, 0.9\n");
    const Outcome file = run_theorem(folder, {"--classes", "2", "--transition", (folder / "t.txt").string()});
    CHECK(file.code == 0);
    CHECK(has(file.out, "transition"));
    CHECK(has(file.out, "0.6931"));  // -log 0.5
    CHECK(!has(file.out, "does not hold"));
    const Outcome many = run_theorem(folder, {"--classes", "40", "--noise", "random,cyclic", "--rate", "0.3",
                                              "--classifiers", "4", "--samples", "20"});
    CHECK(many.code == 0);
    CHECK(has(many.out, "cyclic 0.3"));
    CHECK(!has(many.out, "does not hold"));
    CHECK(!has(many.out, " nan"));
  }

  TEST_CASE("derive theorem: nearly singular noise and labels too rare for the samples") {
    const TemporaryFolder folder;
    const Outcome near = run_theorem(folder, {"--noise", "uniform,flip", "--rate", "0.9995", "--classifiers", "200"});
    CHECK(near.code == 0);
    CHECK(!has(near.out, "does not hold"));
    write_file_atomically(folder / "rare.txt", "0.0000001 0.9999999 0\n0 1 0\n0 0 1\n");
    write_file_atomically(folder / "rarer.txt", "0.9999 0.0001 0\n0.9999 0 0.0001\n0.9999 0.00005 0.00005\n");
    for (const char* name : {"rare.txt", "rarer.txt"}) {
      const std::filesystem::path out = folder / "out";
      const Outcome outcome = run_theorem(folder, {"--transition", (folder / name).string(), "--out", out.string()});
      CAPTURE(outcome.err);
      CHECK(outcome.code == 2);
      CHECK(outcome.out.empty());
      CHECK(has(outcome.err, "needs det T != 0"));
      CHECK(files_below(out).empty());
    }
  }

  TEST_CASE("derive theorem: bad input is one sentence") {
    expect_refused({"--classes", "1"}, 2, {"--classes 1: expected at least 2", "says nothing"});
    expect_refused({"--classes", "0"}, 2, {"--classes 0: expected a number from 2 to 64"});
    expect_refused({"--classes", "1000000"}, 2, {"--classes 1000000", "2 to 64", "C^-C"});
    expect_refused({"--classes", "three"}, 2, {"--classes three"});
    expect_refused({"--rate", "1.5"}, 2, {"--rate 1.5", "from 0 to 1"});
    expect_refused({"--rate", "nan"}, 2, {"--rate nan"});
    expect_refused({"--noise", "loud"}, 2, {"--noise loud", "uniform, symmetric, flip, cyclic, random"});
    expect_refused({"--noise", "uniform", "--rate", "1"}, 2,
                   {"Theorem 4.1 needs det T != 0", "uniform 1", "rows 0 and 1"});
    expect_refused({"--noise", "uniform,flip,random", "--rate", "0.1,0.2,0.3,0.4,0.5"}, 2,
                   {"15 combinations, expected at most 12"});
    expect_refused({"--samples", "0"}, 2, {"--samples 0", "from 1 to"});
    expect_refused({"--samples", "10,-5"}, 2, {"--samples -5"});
    expect_refused({"--samples", "1000000000000"}, 2, {"--samples 1000000000000", "100000000"});
    expect_refused({"--classifiers", "0"}, 2, {"--classifiers 0"});
    expect_refused({"--repetitions", "1"}, 2, {"--repetitions 1"});
    expect_refused({"--epsilon", "0"}, 2, {"--epsilon 0: expected a positive number"});
    expect_refused({"--batch-size", "100000"}, 2, {"--batch-size 100000", "65536"});
    expect_refused({"--batches", "1"}, 2, {"--batches 1"});
    expect_refused({"--format", "html"}, 2, {"--format", "html"});
    expect_refused({"--transition", "absent.txt", "--rate", "0.2"}, 2, {"--transition", "--rate"});
    expect_refused({"--transition", "absent.txt"}, 1, {"absent.txt"});
    expect_refused({"--out", "/proc/none"}, 1, {"/proc/none"});
    expect_refused({"--speed", "9"}, 2, {"--speed"});
  }

  TEST_CASE("derive theorem: --help lists the flags with their defaults") {
    const TemporaryFolder folder;
    const Outcome outcome = Process({program("derive"), "theorem", "--help"}, folder.path()).wait();
    CHECK(outcome.code == 0);
    for (const char* flag : {"--classes", "--seed", "--noise", "--rate", "--transition", "--classifiers", "--samples",
                             "--repetitions", "--epsilon", "--batch-size", "--batches", "--format", "--out"})
      CHECK(has(outcome.out, flag));
    CHECK(has(outcome.out, "uniform,flip"));
  }

  TEST_CASE("derive theorem: a full disk is reported") {
    const TemporaryFolder folder;
    const Outcome outcome =
        Process({"/bin/sh", "-c",
                 program("derive") + " theorem --classifiers 4 --samples 10 --repetitions 2 --batch-size 8 "
                                     "--batches 2 > /dev/full"},
                folder.path())
            .wait();
    CHECK(outcome.code == 1);
    CHECK(has(outcome.err, "standard output cannot be written to"));
  }
}

}  // namespace
}  // namespace cofactor::theorem
