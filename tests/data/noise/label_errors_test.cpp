#include "data/noise/label_errors.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/noise/synthetic.h"
#include "tests/data/noise/simulated_labels.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

// The mean over the wrong labels of the share of wrong ones among those ranked no better (average precision).
double average_precision(const SimulatedLabels& labels, const std::vector<float>& quality) {
  std::vector<size_t> order(quality.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return quality[i]; });
  double wrong = 0.0, sum = 0.0;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    if (labels.given[order[rank]] == labels.true_class[order[rank]]) continue;
    wrong += 1.0;
    sum += wrong / static_cast<double>(rank + 1);
  }
  return sum / wrong;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("label errors: with uneven noise the posterior ranks better than self-confidence and margin") {
    const Transition noise = flip_noise(5, {{0, 1}, {2, 3}}, 0.4);
    for (const uint64_t seed : {1u, 2u, 3u}) {
      const SimulatedLabels labels = simulate_labels(5000, noise, 4.0, Outputs::given_label, seed);
      const LabelErrors errors = find_label_errors(labels.view());
      const double posterior = average_precision(labels, errors.judgement.quality);
      CHECK(posterior > 0.85);
      for (const QualityScore score : {QualityScore::self_confidence, QualityScore::normalized_margin})
        CHECK(posterior > average_precision(labels, label_quality(labels.view(), score)) + 0.1);
    }
  }

  TEST_CASE("label errors: a weak network that is sure of no class tells the noise from its own errors pair by pair") {
    // Right on 60% of the samples. Counting all labels of the fifth of each class with the highest probability gave an
    // average precision below 0.4, and twice as many wrong labels as there are.
    const Transition noise = flip_noise(6, {{0, 1}, {2, 3}}, 0.2);
    double precision = 0.0, count = 0.0, wrong = 0.0;
    for (const uint64_t seed : {1u, 2u, 3u, 4u}) {
      const SimulatedLabels labels = simulate_labels(5000, noise, 2.0, Outputs::given_label, seed);
      const LabelErrors errors = find_label_errors(labels.view());
      precision += average_precision(labels, errors.judgement.quality) / 4.0;
      count += errors.wrong.count;
      wrong += labels.wrong();
    }
    CAPTURE(precision);
    CAPTURE(count / wrong);
    CHECK(precision > 0.5);
    CHECK(count < 1.5 * wrong);
  }

  TEST_CASE("label errors: as many suspects as there are wrong labels and most of them wrong") {
    const SimulatedLabels labels = simulate_labels(10000, symmetric_noise(4, 0.25), 6.0, Outputs::given_label, 11);
    const LabelErrors errors = find_label_errors(labels.view());
    double suspects = 0.0, hits = 0.0;
    for (size_t i = 0; i < labels.given.size(); ++i) {
      suspects += errors.suspect[i];
      hits += errors.suspect[i] != 0 && labels.given[i] != labels.true_class[i];
    }
    CHECK(std::abs(suspects - errors.wrong.count) < 3.0);
    CHECK(std::abs(suspects / labels.wrong() - 1.0) < 0.1);
    CHECK(hits / suspects > 0.85);
  }

  TEST_CASE("label errors: the interval contains the true number about as often as it says") {
    const Transition noise(3, {0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.3, 0.1, 0.6});
    for (const Outputs outputs : {Outputs::given_label, Outputs::true_class}) {
      int covered = 0;
      double width = 0.0;
      const int repetitions = 60;
      for (int repetition = 0; repetition < repetitions; ++repetition) {
        const SimulatedLabels labels =
            simulate_labels(1500, noise, 8.0, outputs, static_cast<uint64_t>(100 + repetition));
        const WrongLabels wrong = find_label_errors(labels.view(), {.outputs = outputs, .draws = 100, .seed = 5}).wrong;
        CHECK(wrong.low < wrong.high);
        covered += wrong.low <= labels.wrong() && labels.wrong() <= wrong.high;
        width += (wrong.high - wrong.low) / repetitions;
      }
      CAPTURE(covered);
      CAPTURE(width);
      CHECK(covered >= 50);
      CHECK(width < 250.0);
    }
  }

  TEST_CASE("label errors: the same seed gives the same interval and missing labels do not count") {
    SimulatedLabels labels = simulate_labels(400, symmetric_noise(3, 0.2), 3.0, Outputs::given_label, 12);
    const auto judged = [&](uint64_t seed) { return find_label_errors(labels.view(), {.draws = 20, .seed = seed}); };
    const LabelErrors first = judged(1);
    CHECK(first.wrong.low == judged(1).wrong.low);
    CHECK(first.wrong.low != judged(2).wrong.low);
    CHECK(first.wrong.count == judged(2).wrong.count);
    // Samples without a label, put in front, change nothing.
    labels.given.insert(labels.given.begin(), 50, kMissingLabel);
    labels.probabilities.insert(labels.probabilities.begin(), 150, 0.0f);
    for (size_t i = 0; i < 50; ++i) labels.probabilities[3 * i] = 1.0f;
    const LabelErrors more = judged(1);
    CHECK(more.wrong.count == doctest::Approx(first.wrong.count));
    CHECK(more.wrong.low == doctest::Approx(first.wrong.low));
    CHECK(std::ranges::count(more.judgement.quality, kNoQuality) == 50);
    CHECK(std::equal(first.suspect.begin(), first.suspect.end(), more.suspect.begin() + 50));
    CHECK(std::count(more.suspect.begin(), more.suspect.begin() + 50, 1) == 0);
  }

  TEST_CASE("label errors: the smallest data and labels that are all equal are judged") {
    for (const int64_t classes : {1, 2, 5}) {
      // One sample, fewer than classes.
      std::vector<float> p(static_cast<size_t>(classes));
      p[0] = 1.0f;
      const LabelErrors one = find_label_errors({p, std::vector<int32_t>{0}, classes});
      CHECK(one.judgement.quality[0] == 1.0f);
      CHECK(one.wrong.count == 0.0);
      CHECK(one.suspect[0] == 0);
    }
    // All labels are 0, and outputs say so.
    std::vector<float> p;
    for (int i = 0; i < 30; ++i) p.insert(p.end(), {0.8f, 0.1f, 0.1f});
    const LabelErrors equal = find_label_errors({p, std::vector<int32_t>(30), 3});
    CHECK(equal.wrong.count < 3.0);
    CHECK(std::ranges::all_of(equal.judgement.quality, [](float q) { return q > 0.9f; }));
    CHECK(error_of([&] {
            find_label_errors({p, std::vector<int32_t>(30), 3}, {.draws = 5});
          }) == "label errors: 5 draws for the interval, expected 20 or more");
  }
}

}  // namespace cofactor::testing
