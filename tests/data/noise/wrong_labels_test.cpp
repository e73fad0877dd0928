#include "data/noise/wrong_labels.h"

#include <doctest/doctest.h>

#include <cmath>

#include "data/noise/surest_samples.h"
#include "data/noise/synthetic.h"
#include "tests/data/noise/simulated_labels.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

WrongLabels wrong_labels_of(const LabelledPredictions& predictions, const WrongLabelOptions& options = {}) {
  const std::vector<double> surest = surest_label_counts(predictions);
  const Transition transition = shrunk_transition(predictions.classes, surest);
  return count_wrong_labels(predictions, surest, transition,
                            judge_labels(predictions, transition, options.outputs).quality, options);
}

// Outputs of a network that has learnt only a part of what there is to know: their log-odds have an error of their own.
SimulatedLabels weak_outputs(const Transition& noise, double strength, double error, uint64_t seed) {
  SimulatedLabels labels = simulate_labels(3000, noise, strength, Outputs::given_label, seed);
  const auto classes = static_cast<size_t>(labels.classes);
  for (size_t i = 0; i < labels.given.size(); ++i) {
    const RandomKey key{seed, Purpose::test, 3, i};
    double sum = 0.0;
    const auto row = std::span(labels.probabilities).subspan(i * classes, classes);
    for (size_t c = 0; c < classes; ++c)
      sum += static_cast<double>(row[c] *= static_cast<float>(std::exp(error * random_normal(key, c))));
    for (float& p : row) p = static_cast<float>(static_cast<double>(p) / sum);
  }
  return labels;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("wrong labels: the interval contains the truth where outputs have errors of their own") {
    int covered = 0, covered_by_sampling = 0, runs = 0;
    for (const double strength : {6.0, 10.0}) {
      for (const double error : {0.5, 1.0}) {  // such outputs are overconfident, by up to a factor of 1.4
        for (uint64_t seed = 1; seed <= 8; ++seed) {
          const SimulatedLabels labels = weak_outputs(symmetric_noise(5, 0.2), strength, error, seed);
          const WrongLabels wrong = wrong_labels_of(labels.view());
          CHECK(wrong.low <= wrong.count);
          CHECK(wrong.count <= wrong.high);
          CHECK(wrong.high - wrong.low < 0.8 * labels.wrong());
          covered += wrong.low <= labels.wrong() && labels.wrong() <= wrong.high;
          // Two standard deviations of a binomial number explain less.
          covered_by_sampling += std::abs(wrong.count - labels.wrong()) < 2.0 * std::sqrt(labels.wrong() * 0.8);
          ++runs;
        }
      }
    }
    CAPTURE(covered);
    CAPTURE(covered_by_sampling);
    CHECK(covered >= runs * 85 / 100);
    CHECK(covered_by_sampling < runs * 70 / 100);
  }

  TEST_CASE("wrong labels: with more samples a good network's interval becomes narrower") {
    const auto relative_width = [](int64_t samples) {
      const WrongLabels wrong =
          wrong_labels_of(simulate_labels(samples, symmetric_noise(3, 0.2), 10.0, Outputs::given_label, 3).view());
      return (wrong.high - wrong.low) / wrong.count;
    };
    CHECK(relative_width(20000) < 0.6 * relative_width(800));
  }

  TEST_CASE("wrong labels: right labels of a certain network are few and within the number of labels") {
    for (const size_t samples : {1u, 7u, 300u}) {
      std::vector<float> p;
      std::vector<int32_t> labels;
      for (size_t i = 0; i < samples; ++i) {
        labels.push_back(static_cast<int32_t>(i % 3));
        for (int32_t c = 0; c < 3; ++c) p.push_back(c == labels.back() ? 1.0f : 0.0f);
      }
      const WrongLabels wrong = wrong_labels_of({p, labels, 3});
      CAPTURE(samples);
      CHECK(wrong.low == 0.0);
      CHECK(wrong.count < 0.01);
      CHECK(wrong.high <= std::min(static_cast<double>(samples), 10.0));
    }
    const WrongLabels one_class = wrong_labels_of({std::vector<float>{1.0f, 1.0f}, std::vector<int32_t>{0, 0}, 1});
    CHECK(one_class.count == 0.0);
    CHECK(one_class.high <= 0.5);
  }

  TEST_CASE("wrong labels: sizes that do not fit are errors") {
    const SimulatedLabels labels = simulate_labels(50, symmetric_noise(3, 0.2), 3.0, Outputs::given_label, 1);
    CHECK(error_of([&] {
            const std::vector<double> surest = surest_label_counts(labels.view());
            count_wrong_labels(labels.view(), surest, shrunk_transition(3, surest), {0.5f});
          }) == "label errors: 1 qualities for 50 samples");
  }
}

}  // namespace cofactor::testing
