#include "experiments/training/activity.h"

#include <doctest/doctest.h>

#include <new>

#include "engine/error.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::contains;

TEST_SUITE("unit") {
  TEST_CASE("activity: an error of memory says what the program was doing and where finished results are") {
    CHECK(message_of(Error("as it is")) == "as it is");
    now_doing("training the run");
    results_are_in("/nowhere/results.jsonl");
    const std::string text = message_of(std::bad_alloc());
    CHECK(contains(text, "not enough memory, training the run"));
    CHECK(contains(text, "MiB"));
    CHECK(!contains(text, "finished results"));
    results_are_in(COFACTOR_SOURCE_DIR "/README.md");
    CHECK(contains(message_of(std::bad_alloc()), "finished results are safe in " COFACTOR_SOURCE_DIR "/README.md"));
    CHECK(contains(message_of(OutOfMemory("memory: no block")), "training the run: memory: no block"));
    now_doing("");
    results_are_in("");
  }
}
