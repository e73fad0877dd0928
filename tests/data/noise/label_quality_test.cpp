#include "data/noise/label_quality.h"

#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "data/noise/synthetic.h"
#include "tests/data/noise/simulated_labels.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

void check_close_to(const std::vector<float>& a, const std::vector<float>& expected) {
  REQUIRE(a.size() == expected.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - expected[i]) < 1e-6f);
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("label quality: self-confidence and margin by hand") {
    const std::vector<float> p{0.7f, 0.2f, 0.1f, 0.7f, 0.2f, 0.1f, 0.0f, 0.0f, 1.0f};
    const std::vector<int32_t> labels{0, 2, kMissingLabel};
    check_close_to(label_quality({p, labels, 3}, QualityScore::self_confidence), {0.7f, 0.1f, kNoQuality});
    check_close_to(label_quality({p, labels, 3}, QualityScore::normalized_margin), {0.75f, 0.2f, kNoQuality});
    const std::vector<float> one{1.0f};
    const std::vector<int32_t> zero{0};
    check_close_to(label_quality({one, zero, 1}, QualityScore::self_confidence), {1.0f});
    check_close_to(label_quality({one, zero, 1}, QualityScore::normalized_margin), {1.0f});
    CHECK(judge_labels({one, zero, 1}, Transition::identity(1), Outputs::given_label).quality ==
          std::vector<float>{1.0f});
    CHECK(error_of([&] {
            label_quality({p, labels, 3}, QualityScore::posterior);
          }) == "label quality: the posterior needs a transition matrix");
  }

  TEST_CASE("label quality: names") {
    for (const QualityScore score :
         {QualityScore::self_confidence, QualityScore::normalized_margin, QualityScore::posterior})
      CHECK(parse_quality_score(name_of(score)) == score);
    CHECK_FALSE(parse_quality_score("margin").has_value());
  }

  TEST_CASE("posterior: Bayes' rule by hand where outputs are those of the true class") {
    // Label 1 with p = (0.6, 0.4): right 0.4 * 0.9, wrong 0.6 * 0.3. Label 0: right 0.6 * 0.7, wrong 0.4 * 0.1.
    const Transition t(2, {0.7, 0.3, 0.1, 0.9});
    const std::vector<float> p{0.6f, 0.4f, 0.6f, 0.4f, 0.6f, 0.4f};
    const LabelJudgement judged =
        judge_labels({p, std::vector<int32_t>{1, 0, kMissingLabel}, 2}, t, Outputs::true_class);
    const double right1 = 0.36 / 0.54, right0 = 0.42 / 0.46;
    check_close_to(judged.quality, {static_cast<float>(right1), static_cast<float>(right0), kNoQuality});
    CHECK(std::abs(judged.joint.at(1, 0) - (1 - right1) / 2) < 1e-6);
    CHECK(std::abs(judged.joint.at(0, 0) - right0 / 2) < 1e-6);
  }

  TEST_CASE("posterior: outputs that are those of the given label are first freed of the noise") {
    // p = T^T r with r = (1, 0): a sample of class 0, which label 1 may name as well.
    const Transition t(2, {0.6, 0.4, 0.0, 1.0});
    const std::vector<float> p{0.6f, 0.4f, 0.6f, 0.4f};
    const LabelJudgement judged = judge_labels({p, std::vector<int32_t>{0, 1}, 2}, t, Outputs::given_label);
    CHECK(judged.quality[0] == doctest::Approx(1.0));
    CHECK(judged.quality[1] < 0.2f);  // 0 in the limit of many steps; self-confidence says 0.4
    // Without noise outputs stay as they are and each label that is possible is right.
    const SimulatedLabels clean = simulate_labels(50, Transition::identity(3), 1.0, Outputs::given_label, 1);
    for (const float quality : judge_labels(clean.view(), Transition::identity(3), Outputs::given_label).quality)
      CHECK(quality == doctest::Approx(1.0));
  }

  TEST_CASE("posterior: a label that nothing allows has quality 0 and not NaN") {
    const Transition t = Transition::identity(2);
    const std::vector<float> p{1.0f, 0.0f, 0.5f, 0.5f};
    for (const Outputs outputs : {Outputs::given_label, Outputs::true_class}) {
      const LabelJudgement judged = judge_labels({p, std::vector<int32_t>{1, 0}, 2}, t, outputs);
      CHECK(judged.quality[0] == 0.0f);
      CHECK(judged.quality[1] == 1.0f);
    }
  }

  TEST_CASE("posterior: is calibrated where outputs and matrix are right") {
    const Transition noise(3, {0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.3, 0.1, 0.6});
    for (const Outputs outputs : {Outputs::given_label, Outputs::true_class}) {
      // Outputs of the given label are freed of the noise in a few steps, not in full.
      const double tolerance = outputs == Outputs::true_class ? 0.02 : 0.15;
      const SimulatedLabels labels = simulate_labels(40000, noise, 3.0, outputs, 7);
      const LabelJudgement judged = judge_labels(labels.view(), noise, outputs);
      double predicted[5] = {}, right[5] = {}, count[5] = {};
      for (size_t i = 0; i < labels.given.size(); ++i) {
        const auto bin = std::min(static_cast<size_t>(judged.quality[i] * 5.0f), size_t{4});
        predicted[bin] += static_cast<double>(judged.quality[i]);
        right[bin] += labels.given[i] == labels.true_class[i];
        count[bin] += 1.0;
      }
      for (size_t bin = 0; bin < 5; ++bin) {
        CAPTURE(bin);
        CHECK(count[bin] > 200);
        CHECK(std::abs(predicted[bin] - right[bin]) / count[bin] < tolerance);
      }
      CHECK(std::abs(judged.joint.wrong_share() - labels.wrong() / 40000) < tolerance / 5.0);
    }
  }

  TEST_CASE("posterior: with more than 32 classes the others count as well") {
    const int64_t many = 100, few = 3;
    const Transition noise(3, {0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.3, 0.1, 0.6});
    const SimulatedLabels labels = simulate_labels(200, noise, 2.0, Outputs::given_label, 8);
    std::vector<double> wide = Transition::identity(many).values();
    std::vector<float> p(static_cast<size_t>(200 * many));
    for (int64_t c = 0; c < few; ++c) {
      for (int64_t y = 0; y < few; ++y) wide[static_cast<size_t>(c * many + y)] = noise.at(c, y);
      for (int64_t i = 0; i < 200; ++i)
        p[static_cast<size_t>(i * many + c)] = labels.probabilities[static_cast<size_t>(i * few + c)];
    }
    for (const Outputs outputs : {Outputs::given_label, Outputs::true_class})
      check_close_to(judge_labels({p, labels.given, many}, Transition(many, wide), outputs).quality,
                     judge_labels(labels.view(), noise, outputs).quality);
    // All other classes can be the true one, the given label too where 32 are more probable: by hand, with r = p,
    // 0.01 * 0.7 against 0.99 * 0.3 / 99.
    std::vector<float> even(static_cast<size_t>(many), 0.01f);
    const Transition uniform = symmetric_noise(many, 0.3);
    const std::vector<int32_t> last{99};
    for (const Outputs outputs : {Outputs::given_label, Outputs::true_class})
      CHECK(judge_labels({even, last, many}, uniform, outputs).quality[0] == doctest::Approx(0.7).epsilon(0.01));
  }

  TEST_CASE("posterior: many classes and weak outputs still give the number of wrong labels") {
    const Transition noise = symmetric_noise(100, 0.2);
    for (const Outputs outputs : {Outputs::given_label, Outputs::true_class}) {
      const SimulatedLabels labels = simulate_labels(4000, noise, 2.0, outputs, 9);
      const double wrong = judge_labels(labels.view(), noise, outputs).joint.wrong_share() * 4000;
      CHECK(std::abs(wrong / labels.wrong() - 1.0) < 0.1);
    }
  }

  TEST_CASE("posterior: a matrix of other classes is an error") {
    const std::vector<float> p{0.5f, 0.5f};
    CHECK(error_of([&] {
            judge_labels({p, std::vector<int32_t>{0}, 2}, Transition::identity(3), Outputs::true_class);
          }) == "label judgement: the transition matrix has 3 classes, the predictions have 2");
  }
}

}  // namespace cofactor::testing
