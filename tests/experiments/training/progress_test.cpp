#include "experiments/training/progress.h"

#include <doctest/doctest.h>

#include "experiments/training/duration.h"
#include "tests/experiments/process.h"

using namespace cofactor;

namespace {

// What a sweep of one epoch shows.
std::string shown(bool terminal) {
  const cofactor::testing::TemporaryFolder folder;
  const auto path = folder.path() / "shown.txt";
  std::FILE* file = std::fopen(path.c_str(), "w");
  REQUIRE(file != nullptr);
  {
    ConsoleProgress progress(file, terminal, 1000);
    progress.start("a run");
    progress.advance(500);
    progress.epoch("epoch 1/2");
    progress.note("done");
  }
  std::fclose(file);
  return read_file(path);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("progress: a pipe gets plain lines") {
    CHECK(shown(false) == "a run\n  epoch 1/2\ndone\n");
  }

  TEST_CASE("progress: a terminal gets one line that is rewritten in place with rate and time left") {
    const std::string text = shown(true);
    CHECK(text.find("samples/s") != std::string::npos);
    CHECK(text.find(" left] a run; epoch 1/2") != std::string::npos);
    CHECK(text.ends_with("\r\x1b[Kdone\n"));
    CHECK(std::ranges::count(text, '\n') == 1);
  }

  TEST_CASE("progress: cells done and the time left from what finished cells took") {
    const cofactor::testing::TemporaryFolder folder;
    const auto path = folder.path() / "shown.txt";
    std::FILE* file = std::fopen(path.c_str(), "w");
    REQUIRE(file != nullptr);
    std::string states;
    {
      ConsoleProgress progress(file, false, 1000);
      progress.expect_cells(6, 10, 2, [&](size_t done, size_t all, double left) {
        states += fmt::format("{} of {}, {:g} s; ", done, all, left);
      });
      progress.advance(250);
      progress.cell_done(50.0, 250);  // 0.2 s per sample, 750 samples left, two cells at once
      progress.advance(500);
      progress.cell_done(0.0, 0);  // one whose weights were there and were only tested
      progress.cell_done(100.0, 500);
      progress.skip(250);
      progress.cell_done(0.0, 0);
    }
    std::fclose(file);
    CHECK(read_file(path) ==
          "7 of 10 cells done, 1 min 15 s left\n8 of 10 cells done, 25 s left\n9 of 10 cells done, 50 s left\n"
          "10 of 10 cells done\n");
    CHECK(states == "6 of 10, -1 s; 7 of 10, 75 s; 8 of 10, 25 s; 9 of 10, 50 s; 10 of 10, 0 s; ");
  }

  TEST_CASE("progress: durations") {
    CHECK(format_duration(0.2) == "0 s");
    CHECK(format_duration(59.4) == "59 s");
    CHECK(format_duration(725.0) == "12 min 05 s");
    CHECK(format_duration(4 * 3600 + 7 * 60 + 3) == "4 h 07 min");
  }
}
