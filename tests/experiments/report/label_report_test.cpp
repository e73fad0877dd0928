#include "experiments/report/label_report.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/fixtures/errors.h"

using namespace cofactor;

namespace {

const std::vector<std::string> kClasses = {"cat", "dog, \"small\""};

// Logits whose softmax is (p, 1 - p) for each p.
Predictions answers(const std::vector<double>& first, const std::vector<int32_t>& labels) {
  std::vector<float> logits;
  for (const double p : first) {
    logits.push_back(static_cast<float>(std::log(p)));
    logits.push_back(static_cast<float>(std::log(1 - p)));
  }
  const auto count = static_cast<int64_t>(labels.size());
  Predictions predictions;
  predictions.logits = Tensor::from(logits, Shape{count, 2}, Device::reference);
  predictions.batch.host_labels = labels;
  for (int64_t i = 0; i < count; ++i) predictions.batch.indices.push_back(2 * i);
  return predictions;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("label report: scores by class are those of the definitions") {
    // Answers 0 0 0 1 1 to labels 0 0 1 1 0.
    const auto scores = class_scores(confusion(answers({0.9, 0.8, 0.7, 0.2, 0.1}, {0, 0, 1, 1, 0})));
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
    CHECK(class_scores_csv(kClasses, scores) ==
          "class,labelled,predicted,correct,precision,recall,f1\n"
          "cat,3,3,2,0.6667,0.6667,0.6667\n"
          "\"dog, \"\"small\"\"\",2,2,1,0.5000,0.5000,0.5000\n");
    CHECK(cofactor::testing::contains(format_class_scores(kClasses, scores), "0.6667"));
  }

  TEST_CASE("label report: suspects are the samples with another answer and come with the most certain first") {
    const std::vector<std::string> names = {"a.jpg", "?", "b,1.jpg", "?", "c.jpg", "?", "d.jpg"};
    auto suspects = find_suspects(answers({0.9, 0.6, 0.2, 0.5}, {0, 1, 0, 1}), names, "training");
    REQUIRE(suspects.size() == 3);
    CHECK(suspects[0].file == "b,1.jpg");
    CHECK(suspects[0].label == 1);
    CHECK(suspects[0].predicted == 0);
    CHECK(suspects[1].probability == doctest::Approx(0.8));
    CHECK(suspects_csv(kClasses, suspects) ==
          "file,given_label,predicted_label,probability,part\n"
          "c.jpg,cat,\"dog, \"\"small\"\"\",0.8000,training\n"
          "\"b,1.jpg\",\"dog, \"\"small\"\"\",cat,0.6000,training\n"
          "d.jpg,\"dog, \"\"small\"\"\",cat,0.5000,training\n");
  }

  TEST_CASE("label report: the joint matrix is written by rows of answers") {
    const Tensor joint = Tensor::from(std::vector<double>{0.5, 0.125, 0.25, 0.125}, Shape{2, 2}, Device::reference);
    CHECK(joint_matrix_csv(kClasses, joint) ==
          "predicted \\ given,cat,\"dog, \"\"small\"\"\"\n"
          "cat,0.5,0.125\n"
          "\"dog, \"\"small\"\"\",0.25,0.125\n");
  }
}
