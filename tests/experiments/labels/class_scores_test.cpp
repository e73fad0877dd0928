#include "experiments/labels/class_scores.h"

#include <doctest/doctest.h>

#include "tests/fixtures/errors.h"

using namespace cofactor;

TEST_SUITE("unit") {
  TEST_CASE("class scores: they are those of the definitions") {
    // Predictions 0 0 0 1 1 of labels 0 0 1 1 0: counts[predicted * 2 + label].
    const std::vector<ClassScore> scores = class_scores({2, {2, 1, 1, 1}});
    REQUIRE(scores.size() == 2);
    CHECK(scores[0].labelled == 3);
    CHECK(scores[0].predicted == 3);
    CHECK(scores[0].correct == 2);
    CHECK(scores[0].precision() == doctest::Approx(2.0 / 3));
    CHECK(scores[1].recall() == doctest::Approx(0.5));
    CHECK(scores[1].precision() == doctest::Approx(0.5));
    CHECK(scores[1].f1() == doctest::Approx(0.5));
    CHECK(ClassScore{.labelled = 4, .predicted = 0, .correct = 0}.precision() == 0.0);
    CHECK(ClassScore{}.f1() == 0.0);
    const std::vector<std::string> classes = {"cat", "dog, \"small\""};
    CHECK(class_scores_csv(classes, scores) ==
          "class,labelled,predicted,correct,precision,recall,f1\n"
          "cat,3,3,2,0.6667,0.6667,0.6667\n"
          "\"dog, \"\"small\"\"\",2,2,1,0.5000,0.5000,0.5000\n");
    CHECK(cofactor::testing::contains(format_class_scores(classes, scores), "0.6667"));
  }
}
