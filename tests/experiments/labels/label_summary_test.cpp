#include "experiments/labels/label_summary.h"

#include <doctest/doctest.h>

#include "tests/experiments/labels/judged_sample.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// Three samples labelled a are of class b, one of a; all four labelled b are right.
struct Small {
  JudgedLabels labels;
  Verdict verdict;
};

Small small() {
  JudgedLabels labels = judged_sample({"a", "b"}, 8);
  labels.given = {0, 0, 0, 0, 1, 1, 1, 1};
  LabelErrors errors{Transition::identity(2), {std::vector<float>(8, 1.0f), LabelJoint(2, {1, 3, 0, 4})}, {}, {}};
  errors.wrong = {3.0, 1.0, 5.0};
  Verdict verdict{.errors = std::move(errors), .quality = {}, .suspect = {}, .predicted = {}, .suggested = {}};
  verdict.suspects = 3;
  verdict.agreement = 1.0;
  return {std::move(labels), std::move(verdict)};
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("label summary: noise by class and pairs are the joint's in numbers of labels") {
    const auto [labels, verdict] = small();
    const std::vector<ClassNoise> classes = noise_by_class(labels, verdict);
    REQUIRE(classes.size() == 2);
    CHECK(classes[0].label == 0);
    CHECK(classes[0].given == 4);
    CHECK(classes[0].wrong == doctest::Approx(3));
    CHECK(classes[0].wrong_share() == doctest::Approx(0.75));
    CHECK(classes[0].missed_share() == doctest::Approx(0));
    CHECK(classes[1].wrong_share() == doctest::Approx(0));
    CHECK(classes[1].members == doctest::Approx(7));
    CHECK(classes[1].missed_share() == doctest::Approx(3.0 / 7));
    CHECK(ClassNoise{}.wrong_share() == 0.0);
    const std::vector<ConfusedPair> pairs = confused_pairs(labels, verdict, 5);
    REQUIRE(pairs.size() == 1);
    CHECK(pairs[0].given == 0);
    CHECK(pairs[0].true_class == 1);
    CHECK(pairs[0].count == doctest::Approx(3));
    CHECK(confused_pairs(labels, verdict, 0).empty());
  }

  TEST_CASE("label summary: the sentences have the numbers") {
    const auto [labels, verdict] = small();
    CHECK(wrong_labels_sentence(labels, verdict) == "About 3 of 8 labels are wrong (95% interval: 1 to 5).");
    const std::string text = format_label_summary(labels, verdict);
    CHECK(contains(text, "75.0%"));
    CHECK(contains(text, "labelled a, probably b: 3"));
    CHECK(contains(text, "DMI's joint matrix 0, which counts the network's own errors too"));
    CHECK(contains(text, "Next: Look through 3 suspects"));
  }

  TEST_CASE("label summary: the next step follows from what was found") {
    auto [labels, verdict] = small();
    verdict.suspects = 0;
    CHECK(contains(next_step(labels, verdict), "nothing to correct"));
    verdict.suspects = 3;
    verdict.agreement = 0.25;  // of 0.625 that are right
    CHECK(contains(next_step(labels, verdict), "--epochs"));
    verdict.agreement = 1.0;
    CHECK(contains(next_step(labels, verdict), "--labels-reviewed"));
    verdict.suspects = 501;
    verdict.errors.wrong.count = 1.0;
    CHECK(contains(next_step(labels, verdict), "--drop-suspects"));
    verdict.errors.wrong.count = 3.0;
    CHECK(contains(next_step(labels, verdict), "--relabel"));
    labels.outputs = Outputs::given_label;
    CHECK(contains(next_step(labels, verdict), "--method dmi"));
    labels.out_of_sample = false;
    CHECK(contains(next_step(labels, verdict), "--folds"));
    verdict.permuted = true;
    CHECK(contains(next_step(labels, verdict), "--seed"));
  }

  TEST_CASE("label summary: what to know before one believes the estimate") {
    auto [labels, verdict] = small();
    CHECK(cautions(labels, verdict).empty());
    verdict.agreement = 0.25;  // of 0.625 that are right
    REQUIRE(cautions(labels, verdict).size() == 1);
    CHECK(contains(cautions(labels, verdict)[0], "25%"));
    labels.out_of_sample = false;
    CHECK(cautions(labels, verdict).size() == 2);
    verdict.permuted = true;
    CHECK(contains(cautions(labels, verdict)[0], "another order"));
  }

  TEST_CASE("label summary: a network is weak by what it predicts beyond chance") {
    auto [labels, verdict] = small();
    verdict.errors.wrong.count = 2.4;  // 70% are right, 20% beyond chance
    verdict.chance_agreement = 0.5;
    verdict.agreement = 0.62;
    REQUIRE(cautions(labels, verdict).size() == 1);
    CHECK(contains(cautions(labels, verdict)[0], "the given label of 62% of the samples; chance would predict 50%"));
    CHECK(contains(next_step(labels, verdict), "--epochs"));
    verdict.agreement = 0.66;
    CHECK(cautions(labels, verdict).empty());
    // The same agreement with 10 equally frequent classes is good.
    verdict.agreement = 0.62;
    verdict.chance_agreement = 0.1;
    CHECK(cautions(labels, verdict).empty());
  }

  TEST_CASE("label summary: many classes are cut and names are one line each") {
    std::vector<std::string> names;
    for (int c = 0; c < 25; ++c) names.push_back(fmt::format("class\n{:02}", c));
    const JudgedLabels labels = judged_sample(names, 500);
    const std::string text = format_label_summary(labels, judge(labels));
    CHECK(contains(text, "and 15 other classes"));
    CHECK(contains(text, "class\\u000A"));
    CHECK_FALSE(contains(text, "class\n0"));
  }
}
