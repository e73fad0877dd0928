#include "data/noise/surest_samples.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <numeric>

#include "data/noise/synthetic.h"
#include "tests/data/noise/simulated_labels.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("surest samples: the fifth with the highest probability and at least 20 and all ties") {
    // 200 samples of class 0, of falling probability, labelled 1 from number 40 on; one of class 1.
    std::vector<float> p;
    std::vector<int32_t> labels;
    for (int i = 0; i < 200; ++i) {
      const float most = 1.0f - 0.002f * static_cast<float>(i);
      p.insert(p.end(), {most, 1.0f - most});
      labels.push_back(i < 40 ? 0 : 1);
    }
    p.insert(p.end(), {0.1f, 0.9f});
    labels.push_back(kMissingLabel);  // is not counted
    CHECK(surest_label_counts({p, labels, 2}) == std::vector<double>{40, 0, 0, 0});
    labels.back() = 0;
    CHECK(surest_label_counts({p, labels, 2}) == std::vector<double>{40, 0, 1, 0});
    p[2 * 40] = p[2 * 39];  // a tie with the fortieth
    p[2 * 40 + 1] = p[2 * 39 + 1];
    CHECK(surest_label_counts({p, labels, 2}) == std::vector<double>{40, 1, 1, 0});
    // Of 50 samples 20 count.
    CHECK(surest_label_counts({std::span(p).first(100), std::span(labels).first(50), 2}) ==
          std::vector<double>{20, 0, 0, 0});
    // A sample whose largest probability two classes share counts for both.
    CHECK(surest_label_counts({std::vector<float>{0.5f, 0.5f}, std::vector<int32_t>{1}, 2}) ==
          std::vector<double>{0, 1, 0, 1});
  }

  TEST_CASE("surest samples: another share") {
    std::vector<float> p;
    for (int i = 0; i < 400; ++i) {
      const float most = 1.0f - 0.001f * static_cast<float>(i);
      p.insert(p.end(), {most, 1.0f - most});
    }
    const std::vector<int32_t> labels(400);
    CHECK(surest_label_counts({p, labels, 2}, 0.1) == std::vector<double>{40, 0, 0, 0});
    CHECK(surest_label_counts({p, labels, 2}, 1.0) == std::vector<double>{400, 0, 0, 0});
    CHECK(surest_label_counts({std::vector<float>(7, 1.0f), std::vector<int32_t>(7), 1}) == std::vector<double>{7});
    for (const double wrong : {0.0, 1.5, -0.1})
      CHECK(error_of([&] {
              surest_label_counts({p, labels, 2}, wrong);
            }) == fmt::format("surest transition: the share is {}, expected above 0 to 1", wrong));
  }

  TEST_CASE("surest samples: each other class is counted where it is least probable") {
    // 200 samples predicted to be of class 0: half are between 0 and 1, half between 0 and 2, and none is surely of 0.
    std::vector<float> p;
    std::vector<int32_t> labels;
    for (int i = 0; i < 100; ++i) {
      p.insert(p.end(), {0.55f, 0.44f, 0.01f, 0.55f, 0.01f, 0.44f});
      labels.insert(labels.end(), {i < 50 ? 0 : 1, i < 40 ? 0 : 2});
    }
    // Beside class 1, the second half (0 40 times, 1 never); beside class 2, the first (0 50 times, 2 never).
    CHECK(surest_label_counts({p, labels, 3}) == std::vector<double>{45, 0, 0, 0, 0, 0, 0, 0, 0});
    // Four labels of the first half are 2, where 46 are 0 beside it: 4 / 46.5 for each of the mean and a half.
    for (size_t i = 0; i < 8; i += 2) labels[i] = 2;
    const std::vector<double> counts = surest_label_counts({p, labels, 3});
    CHECK(counts[0] == 43.0);
    CHECK(counts[1] == 0.0);
    CHECK(counts[2] == doctest::Approx(4 * 43.5 / 46.5));
  }

  TEST_CASE("shrunk transition: classes alike get one rate and classes that differ keep theirs") {
    const Transition alike = shrunk_transition(3, {80, 11, 9, 10, 80, 10, 9, 11, 80});
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t y = 0; y < 3; ++y) CHECK(std::abs(alike.at(c, y) - (c == y ? 0.8 : 0.1)) < 0.002);
    const std::vector<double> flipped{600, 400, 0, 0, 1000, 0, 100, 0, 900};
    const Transition kept = shrunk_transition(3, flipped);
    for (size_t i = 0; i < flipped.size(); ++i) CHECK(std::abs(kept.values()[i] - flipped[i] / 1000) < 0.01);
    for (const double value : kept.values()) CHECK(value > 0.0);
    // By hand for two classes: b from the likelihood, then (n + b (1 - r)) / (n(c) + b); all rows are the same here, so
    // b is the largest strength, and each row is the common rate.
    const Transition same = shrunk_transition(2, {9, 1, 1, 9});
    const double r = 2.5 / 21;
    CHECK(std::abs(same.at(0, 0) - (9 + 16384 * (1 - r)) / (10 + 16384)) < 1e-12);
  }

  TEST_CASE("shrunk transition: a class without samples has the common rate") {
    const Transition t = shrunk_transition(3, {90, 10, 0, 0, 0, 0, 0, 10, 90});
    CHECK(std::abs(t.at(1, 1) - 0.9) < 0.01);
    CHECK(std::abs(t.at(1, 0) - t.at(1, 2)) < 1e-12);
    CHECK(shrunk_transition(1, {5}).values() == std::vector<double>{1.0});
    CHECK(error_of([] { shrunk_transition(2, {0, 0, 0, 0}); }) == "surest transition: no sample is counted");
  }

  TEST_CASE("surest transition: finds the noise and follows names and not the order of samples") {
    const Transition noise = flip_noise(4, {{0, 1}, {2, 3}}, 0.4);
    const SimulatedLabels labels = simulate_labels(20000, noise, 6.0, Outputs::given_label, 5);
    const Transition found = surest_transition(labels.view());
    for (size_t i = 0; i < found.values().size(); ++i) CHECK(std::abs(found.values()[i] - noise.values()[i]) < 0.04);
    CHECK(found == surest_transition(reversed(labels).view()));
    const std::vector<int32_t> renamed{2, 0, 3, 1};
    const Transition other = surest_transition(rename_classes(labels, renamed).view());
    for (int64_t c = 0; c < 4; ++c)
      for (int64_t y = 0; y < 4; ++y)
        CHECK(std::abs(found.at(c, y) - other.at(renamed[static_cast<size_t>(c)], renamed[static_cast<size_t>(y)])) <
              1e-9);
  }
}

}  // namespace cofactor::testing
