#include "data/noise/label_suspects.h"

#include <doctest/doctest.h>

#include "data/noise/label_quality.h"
#include "data/noise/synthetic.h"
#include "tests/data/noise/simulated_labels.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::testing {

namespace {

using Marks = std::vector<uint8_t>;

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("suspects: the numbers follow from the joint and add up") {
    const std::vector<float> p{1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1};
    const std::vector<int32_t> labels{0, 0, 0, 0, 1, 1, 2, kMissingLabel};
    // 7 labels: row 0 asks for 7 * (0.15 + 0.12) = 1.89, so 2, of which the remainders give each class 1; row 1 for
    // 0.35, so none; row 2 for 7 * 0.31 = 2.17 of the one label 2 there is.
    const LabelJoint joint(3, {0.22, 0.15, 0.12, 0.05, 0.15, 0.0, 0.21, 0.1, 0.0});
    CHECK(wrong_label_counts({p, labels, 3}, joint) == std::vector<int64_t>{0, 1, 1, 0, 0, 0, 1, 0, 0});
    // Many small entries do not vanish: 100 labels of class 0, each of the 19 other classes has 0.4 of them.
    std::vector<double> weights(400);
    for (size_t c = 1; c < 20; ++c) weights[c] = 0.004;
    weights[0] = 1.0 - 19 * 0.004;
    std::vector<float> many(100 * 20);
    for (size_t i = 0; i < 100; ++i) many[i * 20] = 1.0f;
    int64_t sum = 0;
    for (const int64_t count : wrong_label_counts({many, std::vector<int32_t>(100), 20}, LabelJoint(20, weights)))
      sum += count;
    CHECK(sum == 8);
  }

  TEST_CASE("suspects: the three rules by hand") {
    const std::vector<float> p{0.5f, 0.1f, 0.4f, 0.3f, 0.4f, 0.3f, 0.8f, 0.1f, 0.1f, 0.4f, 0.0f,
                               0.6f, 0.0f, 0.9f, 0.1f, 0.0f, 0.0f, 1.0f, 1.0f, 0.0f, 0.0f};
    const std::vector<int32_t> labels{0, 0, 0, 0, 1, 2, kMissingLabel};
    // One of class 1 and one of class 2 among those labelled 0.
    const LabelJoint joint(3, {2, 1, 1, 0, 1, 0, 0, 0, 1});
    const std::vector<float> quality{0.1f, 0.3f, 0.9f, 0.2f, 0.0f, 0.0f, kNoQuality};
    const LabelledPredictions predictions{p, labels, 3};
    CHECK(suspect_labels(predictions, joint, quality, SuspectRule::by_class) == Marks{1, 0, 0, 1, 0, 0, 0});
    CHECK(suspect_labels(predictions, joint, quality, SuspectRule::by_pair) == Marks{0, 1, 0, 1, 0, 0, 0});
    CHECK(suspect_labels(predictions, joint, quality, SuspectRule::both) == Marks{0, 0, 0, 1, 0, 0, 0});
    // Equal qualities: the earlier sample.
    const std::vector<float> equal{0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, kNoQuality};
    CHECK(suspect_labels(predictions, joint, equal, SuspectRule::by_class) == Marks{1, 1, 0, 0, 0, 0, 0});
    // No noise: no suspect, though predictions differ from labels.
    const LabelJoint clean(3, {1, 0, 0, 0, 1, 0, 0, 0, 1});
    CHECK(suspect_labels(predictions, clean, quality, SuspectRule::by_class) == Marks(7, 0));
    // Every label wrong: all of them, and never the missing one.
    const LabelJoint wrong(3, {0, 4, 0, 1, 0, 0, 1, 0, 0});
    CHECK(suspect_labels(predictions, wrong, quality, SuspectRule::by_pair) == Marks{1, 1, 1, 1, 1, 1, 0});
  }

  TEST_CASE("suspects: names of classes and order of samples do not matter") {
    const SimulatedLabels labels =
        simulate_labels(300, flip_noise(3, {{0, 1}, {1, 2}}, 0.3), 2.0, Outputs::given_label, 3);
    const std::vector<int32_t> renamed{2, 0, 1};
    const auto suspects = [](const SimulatedLabels& of, SuspectRule rule) {
      return suspect_labels(of.view(), confident_joint(of.view()),
                            label_quality(of.view(), QualityScore::self_confidence), rule);
    };
    for (const SuspectRule rule : {SuspectRule::by_class, SuspectRule::by_pair, SuspectRule::both}) {
      const Marks marks = suspects(labels, rule), backwards = suspects(reversed(labels), rule);
      CHECK(marks == suspects(rename_classes(labels, renamed), rule));
      CHECK(marks == Marks(backwards.rbegin(), backwards.rend()));
    }
  }

  TEST_CASE("suspects: qualities and joints that do not fit are errors") {
    const std::vector<float> p{0.5f, 0.5f, 0.5f, 0.5f};
    const std::vector<int32_t> labels{0, 1};
    const auto refusal = [&](const std::vector<float>& quality, int64_t classes) {
      return error_of([&] {
        suspect_labels({p, labels, 2}, LabelJoint(classes, Transition::identity(classes).values()), quality,
                       SuspectRule::by_class);
      });
    };
    CHECK(refusal({0.5f, 0.5f}, 3) == "suspect labels: the joint has 3 classes, the predictions have 2");
    CHECK(refusal({0.5f}, 2) == "suspect labels: 1 qualities for 2 samples");
    CHECK(refusal({0.5f, static_cast<float>(kNan)}, 2) ==
          "suspect labels: the quality of sample 1 is nan, expected 0 to 1");
    CHECK(refusal({kNoQuality, 0.5f}, 2) == "suspect labels: the quality of sample 0 is -1, expected 0 to 1");
  }
}

}  // namespace cofactor::testing
