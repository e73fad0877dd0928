#include "experiments/labels/judged_labels.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/experiments/labels/judged_sample.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

const std::vector<std::string> kThree = {"a", "b", "c"};

// How many of the suspects have a label that is wrong.
int64_t wrong_suspects(const JudgedLabels& labels, const Verdict& verdict) {
  int64_t wrong = 0;
  for (size_t i = 0; i < labels.given.size(); ++i)
    wrong += verdict.suspect[i] != 0 && labels.given[i] != static_cast<int32_t>(i % 3) ? 1 : 0;
  return wrong;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("judged labels: the wrong labels of a good classifier are the suspects by every score") {
    JudgedLabels labels = judged_sample(kThree, 600);
    for (const QualityScore score :
         {QualityScore::posterior, QualityScore::self_confidence, QualityScore::normalized_margin}) {
      CAPTURE(std::string(name_of(score)));
      labels.score = score;
      const Verdict verdict = judge(labels);
      CHECK(verdict.suspects == std::ranges::count(verdict.suspect, uint8_t{1}));
      CHECK(verdict.suspects >= 100);
      CHECK(verdict.suspects <= 140);
      CHECK(wrong_suspects(labels, verdict) >= std::min<int64_t>(verdict.suspects, 118));
      CHECK(verdict.errors.wrong.low <= 120.0);
      CHECK(verdict.errors.wrong.high >= 115.0);
      CHECK(verdict.agreement == doctest::Approx(0.8));
      CHECK(verdict.chance_agreement == doctest::Approx(1.0 / 3).epsilon(0.01));
      CHECK_FALSE(verdict.permuted);
      for (size_t i = 0; i < labels.given.size(); ++i) {
        CHECK(verdict.predicted[i] == static_cast<int32_t>(i % 3));
        CHECK(verdict.suggested[i] == (verdict.suspect[i] != 0 ? static_cast<int32_t>(i % 3) : kMissingLabel));
        CHECK(verdict.quality[i] >= 0.0f);
        CHECK(verdict.quality[i] <= 1.0f);
      }
    }
  }

  TEST_CASE("judged labels: DMI's joint counts a classifier's doubts and confident learning its mistakes") {
    const JudgedLabels labels = judged_sample(kThree, 600);
    const Verdict verdict = judge(labels);
    CHECK(verdict.confident_learning == doctest::Approx(120.0));
    // A label that is wrong has 0.9375 of another class in the mean, and one that is right 0.125.
    CHECK(verdict.dmi == doctest::Approx(480 * 0.125 + 120 * 0.9375).epsilon(0.02));
  }

  TEST_CASE("judged labels: a confirmed label is no suspect and no wrong label") {
    JudgedLabels labels = judged_sample(kThree, 600);
    const Verdict before = judge(labels);
    for (size_t i = 0; i < labels.kept.size(); ++i) labels.kept[i] = before.suspect[i];
    for (const QualityScore score : {QualityScore::posterior, QualityScore::self_confidence}) {
      labels.score = score;
      const Verdict after = judge(labels);
      CHECK(after.errors.wrong.count < 12.0);
      CHECK(after.joint().wrong_share() < 0.02);
      for (size_t i = 0; i < labels.kept.size(); ++i) {
        if (labels.kept[i] == 0) continue;
        CHECK(after.suspect[i] == 0);
        CHECK(after.quality[i] == 1.0f);
        CHECK(after.errors.judgement.quality[i] == 1.0f);
      }
    }
  }

  TEST_CASE("judged labels: where all are confirmed nothing is left to find") {
    JudgedLabels labels = judged_sample(kThree, 30);
    std::ranges::fill(labels.kept, uint8_t{1});
    labels.score = QualityScore::normalized_margin;
    labels.given[4] = kMissingLabel;
    const Verdict verdict = judge(labels);
    CHECK(verdict.suspects == 0);
    CHECK(verdict.errors.wrong.count == 0.0);
    CHECK(verdict.joint().wrong_share() == doctest::Approx(0.0));
    CHECK(verdict.quality[0] == 1.0f);
    CHECK(verdict.quality[4] == kNoQuality);
  }

  TEST_CASE("judged labels: a missing label has no quality and is predicted") {
    JudgedLabels labels = judged_sample(kThree, 300);
    for (size_t i = 0; i < labels.given.size(); i += 7) labels.given[i] = kMissingLabel;
    labels.kept[0] = 1;  // means nothing without a label
    const Verdict verdict = judge(labels);
    CHECK(labels.labelled() == 300 - 43);
    for (size_t i = 0; i < labels.given.size(); i += 7) {
      CHECK(verdict.quality[i] == kNoQuality);
      CHECK(verdict.suspect[i] == 0);
      CHECK(verdict.predicted[i] == static_cast<int32_t>(i % 3));
    }
  }

  TEST_CASE("judged labels: classes in another order are noticed on the samples that were not trained on") {
    JudgedLabels labels = judged_sample(kThree, 300, 1000);
    labels.out_of_sample = false;
    CHECK_FALSE(judge(labels).permuted);
    for (size_t i = 0; i < labels.given.size(); ++i)
      if (labels.part[i] == SamplePart::validation) labels.given[i] = (labels.given[i] + 1) % 3;
    const Verdict verdict = judge(labels);
    CHECK(verdict.permuted);
    CHECK(verdict.agreement == 0.0);
  }

  TEST_CASE("judged labels: what does not fit is refused with its sizes") {
    JudgedLabels labels = judged_sample(kThree, 30);
    labels.ids.pop_back();
    CHECK(throws_saying("30 labels, 29 ids", [&] { judge(labels); }));
    labels = judged_sample(kThree, 30);
    labels.given[3] = 3;
    CHECK(throws_saying("row 3: the label is 3", [&] { judge(labels); }));
    labels = judged_sample(kThree, 30);
    std::ranges::fill(labels.given, kMissingLabel);
    CHECK(throws_saying("none of 30 samples has a label", [&] { judge(labels); }));
    CHECK_FALSE(error_of([] { judge({}); }).empty());
  }
}
