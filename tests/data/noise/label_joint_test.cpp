#include "data/noise/label_joint.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "data/noise/synthetic.h"
#include "tests/data/noise/simulated_labels.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::testing {

namespace {

double largest_joint_difference(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0.0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("confident joint: by hand") {
    // Thresholds: class 0 (0.9 + 0.6 + 0.2 + 0.55) / 4 = 0.5625, class 1 (0.8 + 0.7 + 0.1) / 3 = 0.5333. The fourth
    // sample reaches neither; the last has no label. Counts ((2, 1), (1, 2)), scaled to 4 and 3 labels.
    const std::vector<float> p{0.9f, 0.1f, 0.6f, 0.4f, 0.2f, 0.8f, 0.55f, 0.45f,
                               0.2f, 0.8f, 0.3f, 0.7f, 0.9f, 0.1f, 0.5f,  0.5f};
    const std::vector<int32_t> labels{0, 0, 0, 0, 1, 1, 1, kMissingLabel};
    const LabelJoint joint = confident_joint({p, labels, 2});
    CHECK(largest_joint_difference(joint.values(), {8.0 / 21, 4.0 / 21, 1.0 / 7, 2.0 / 7}) < 1e-12);
    CHECK(std::abs(joint.wrong_share() - 1.0 / 3) < 1e-12);
    CHECK(largest_joint_difference(joint.prior(), {11.0 / 21, 10.0 / 21}) < 1e-12);
    CHECK(largest_joint_difference(joint.transition().values(), {8.0 / 11, 3.0 / 11, 0.4, 0.6}) < 1e-12);
  }

  TEST_CASE("confident joint: a class that no label names is nobody's true class") {
    const std::vector<float> p{0.1f, 0.1f, 0.8f, 0.6f, 0.4f, 0.0f, 0.2f, 0.8f, 0.0f};
    const std::vector<int32_t> labels{0, 0, 1};
    const LabelJoint joint = confident_joint({p, labels, 3});
    CHECK(joint.prior()[2] == 0.0);
    CHECK(joint.transition().at(2, 2) == 1.0);
    // Equal probabilities reach their mean, however it is rounded.
    const std::vector<float> equal{0.1f, 0.9f, 0.1f, 0.9f, 0.1f, 0.9f};
    CHECK(confident_joint({equal, std::vector<int32_t>{1, 1, 1}, 2}).wrong_share() == 0.0);
    // One class.
    CHECK(confident_joint({std::vector<float>{1.0f}, std::vector<int32_t>{0}, 1}).at(0, 0) == 1.0);
  }

  TEST_CASE("the joint matrix of outputs and labels is the mean of their products") {
    const std::vector<float> p{0.75f, 0.25f, 0.5f, 0.5f, 0.0f, 1.0f};
    const std::vector<int32_t> labels{0, 1, kMissingLabel};
    CHECK(largest_joint_difference(joint_of_outputs_and_labels({p, labels, 2}), {0.375, 0.25, 0.125, 0.25}) < 1e-12);
    CHECK(largest_joint_difference(joint_of_perfect_outputs({p, labels, 2}).values(), {0.375, 0.125, 0.25, 0.25}) <
          1e-12);
  }

  TEST_CASE("label joint: the errors of a weak classifier count as noise unless it is calibrated") {
    const Transition noise(3, {0.7, 0.2, 0.1, 0.0, 1.0, 0.0, 0.05, 0.35, 0.6});
    const SimulatedLabels perfect = simulate_labels(40000, noise, 1000.0, Outputs::true_class, 1);
    CHECK(largest_joint_difference(joint_of_perfect_outputs(perfect.view()).transition().values(), noise.values()) <
          0.02);

    const SimulatedLabels weak = simulate_labels(40000, noise, 1.5, Outputs::true_class, 2);
    CHECK(largest_joint_difference(joint_of_perfect_outputs(weak.view()).transition().values(), noise.values()) > 0.15);
    const CalibratedJoint calibrated = joint_of_calibrated_outputs(weak.view());
    CHECK(largest_joint_difference(calibrated.joint.transition().values(), noise.values()) < 0.04);
    CHECK(std::abs(calibrated.joint.wrong_share() - weak.wrong() / 40000) < 0.015);
    // Entries of T that are 0 are estimated as a little more or less.
    CHECK(calibrated.clipped > 0.0);
    CHECK(calibrated.clipped < 0.02);

    const SimulatedLabels clean = simulate_labels(20000, Transition::identity(3), 1.5, Outputs::true_class, 3);
    CHECK(joint_of_perfect_outputs(clean.view()).wrong_share() > 0.2);
    CHECK(confident_joint(clean.view()).wrong_share() > 0.1);
    CHECK(joint_of_calibrated_outputs(clean.view()).joint.wrong_share() < 0.02);
  }

  TEST_CASE("calibrated joint: classes that outputs do not tell apart and classes without probability are errors") {
    const std::vector<float> alike{0.5f, 0.5f, 0.0f, 0.5f, 0.5f, 0.0f, 0.0f, 0.0f, 1.0f};
    const std::string message = error_of([&] {
      joint_of_calibrated_outputs({alike, std::vector<int32_t>{0, 1, 2}, 3});
    });
    CHECK(contains(message, "joint of calibrated outputs (overlap of the classes): "));
    CHECK(contains(message, "rows 0 and 1 are most alike"));
    const std::vector<float> absent{0.9f, 0.1f, 0.0f, 0.2f, 0.8f, 0.0f};
    CHECK(error_of([&] {
            joint_of_calibrated_outputs({absent, std::vector<int32_t>{0, 1}, 3});
          }) == "joint of calibrated outputs: no labelled sample has a probability of class 2 of 1e-06 or more");
  }

  TEST_CASE("all joints: renaming classes renames rows and columns and the order of samples does not matter") {
    const Transition noise(3, {0.7, 0.2, 0.1, 0.0, 1.0, 0.0, 0.05, 0.35, 0.6});
    const SimulatedLabels labels = simulate_labels(500, noise, 2.0, Outputs::true_class, 4);
    const std::vector<int32_t> renamed{2, 0, 1};
    const SimulatedLabels other = rename_classes(labels, renamed), backwards = reversed(labels);
    const auto check_joint = [&](const auto& estimate) {
      const LabelJoint a = estimate(labels.view()), b = estimate(other.view());
      for (int64_t y = 0; y < 3; ++y)
        for (int64_t c = 0; c < 3; ++c)
          CHECK(std::abs(a.at(y, c) - b.at(renamed[static_cast<size_t>(y)], renamed[static_cast<size_t>(c)])) < 1e-9);
      CHECK(largest_joint_difference(a.values(), estimate(backwards.view()).values()) < 1e-9);
    };
    check_joint([](const LabelledPredictions& p) { return confident_joint(p); });
    check_joint([](const LabelledPredictions& p) { return joint_of_perfect_outputs(p); });
    check_joint([](const LabelledPredictions& p) { return joint_of_calibrated_outputs(p).joint; });
  }

  TEST_CASE("label joint: weights that are no distribution are errors") {
    CHECK(error_of([] {
            LabelJoint(2, {1.0, 2.0});
          }) == "label joint: 2 values for 2 classes, expected classes * classes");
    CHECK(error_of([] {
            LabelJoint(2, {1.0, 2.0, -1.0, 0.0});
          }) == "label joint: entry (1, 0) is -1, expected 0 or more");
    CHECK(contains(error_of([] { LabelJoint(1, {kNan}); }), "entry (0, 0) is nan"));
    CHECK(error_of([] { LabelJoint(1, {0.0}); }) == "label joint: the entries sum to 0");
  }
}

}  // namespace cofactor::testing
