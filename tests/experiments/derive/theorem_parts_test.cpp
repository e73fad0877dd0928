// Parts 1, 3 and 4 of derive theorem: orders of classifiers, processing, and the gradient near a singular U.
#include <doctest/doctest.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "experiments/derive/theorem_gradient.h"
#include "experiments/derive/theorem_order.h"
#include "experiments/derive/theorem_processing.h"
#include "tests/fixtures/errors.h"
#include "tests/losses/helpers.h"
#include "tests/losses/matrices.h"

namespace cofactor::theorem {
namespace {

using namespace testing;

std::vector<NamedNoise> two_noises(int64_t classes) {
  return {make_noise("flip", 0.8, classes, 1), make_noise("uniform", 0.4, classes, 1)};
}

TEST_SUITE("unit") {
  TEST_CASE("derive theorem order: reversed pairs are counted without ties") {
    CHECK(count_flips({1, 2, 3}, {1, 2, 3}) == 0);
    CHECK(count_flips({1, 2, 3}, {3, 2, 1}) == 3);
    CHECK(count_flips({1, 2, 3}, {2, 1, 3}) == 1);
    CHECK(count_flips({1, 1, 3}, {2, 1, 3}) == 0);
    CHECK(count_flips({1, 2, 3}, {2, 2, 1}) == 2);
    CHECK(count_flips({5}, {1}) == 0);
  }

  TEST_CASE("derive theorem order: DMI keeps its order under every noise and the others reverse pairs") {
    for (const int64_t classes : {2, 3, 6}) {
      CAPTURE(classes);
      const World world = make_world(classes, 7);
      const std::vector<NamedNoise> noises = two_noises(classes);
      const OrderResult result = compare_orders(world, noises, 60, 7);
      CHECK(result.pairs() == 60 * 59 / 2);
      REQUIRE(result.noisy.size() == 2);
      for (size_t n = 0; n < 2; ++n) {
        const OrderResult::UnderNoise& noisy = result.noisy[n];
        const double det = std::abs(determinant(Matrix(static_cast<size_t>(classes), noises[n].transition.values())));
        for (size_t i = 0; i < 60; ++i)
          CHECK(noisy.measures[i].values[kDmi] / result.clean[i].values[kDmi] == doctest::Approx(det).epsilon(1e-8));
        CHECK(noisy.slope == doctest::Approx(det).epsilon(1e-10));
        CHECK(noisy.least_shift == doctest::Approx(-std::log(det)).epsilon(1e-8));
        CHECK(noisy.largest_shift == doctest::Approx(-std::log(det)).epsilon(1e-8));
        CHECK(noisy.flips[kDmi] == 0);
        CHECK(noisy.flips[kCrossEntropy] > 0);
      }
      CHECK(result.noisy[0].flips[kInformation] > 0);
      CHECK(result.noisy[0].flips[kAccuracy] > 0);
      // Uniform noise of rate r takes accuracy a to (1 - r) a + r / C, which keeps the order.
      CHECK(result.noisy[1].flips[kAccuracy] == 0);
      for (size_t i = 0; i < 60; ++i)
        CHECK(result.noisy[1].measures[i].values[kAccuracy] ==
              doctest::Approx(0.6 * result.clean[i].values[kAccuracy] + 0.4 / static_cast<double>(classes)));
    }
  }

  TEST_CASE("derive theorem order: a wrong determinant is seen") {
    const World world = make_world(3, 7);
    std::vector<NamedNoise> noises = {make_noise("flip", 0.5, 3, 1)};
    noises[0].log_abs_det += 1e-6;
    const Section section = order_section(compare_orders(world, noises, 12, 7));
    CHECK(section.checks[0].line().starts_with("does not hold: largest difference 1e-06"));
    CHECK(section.checks[1].line().starts_with("does not hold"));
    CHECK(section.checks[2].line().starts_with("holds"));
  }

  TEST_CASE("derive theorem processing: the output is multiplied by the matrix") {
    const World world = make_world(3, 2);
    const Tensor logits = theorem::informative_logits(world, 2.0, 2, 0);
    const Transition r = random_stochastic(3, 0.8, key_of(2, Stream::processing));
    const std::vector<double> before = softmax_rows(logits.to_vector<double>(), 3);
    const std::vector<double> after = softmax(processed(logits, r)).to_vector<double>();
    for (size_t x = 0; x < world.share.size(); ++x) {
      for (size_t to = 0; to < 3; ++to) {
        double expected = 0.0;
        for (size_t c = 0; c < 3; ++c)
          expected += before[x * 3 + c] * r.at(static_cast<int64_t>(c), static_cast<int64_t>(to));
        CHECK(after[x * 3 + to] == doctest::Approx(expected).epsilon(1e-13));
      }
    }
  }

  TEST_CASE("derive theorem processing: DMI is multiplied by |det R| and information never rises") {
    for (const int64_t classes : {2, 4}) {
      const ProcessingResult result = process_classifiers(make_world(classes, 3), 80, 3);
      REQUIRE(result.classifiers.size() == 80);
      double least = 1.0, most = 0.0;
      for (const ProcessingResult::Processed& one : result.classifiers) {
        CHECK(one.after.values[kDmi] == doctest::Approx(one.abs_det * one.before.values[kDmi]).epsilon(1e-8));
        CHECK(one.after.values[kDmi] < one.before.values[kDmi]);
        CHECK(one.after.values[kInformation] < one.before.values[kInformation]);  // the data processing inequality
        least = std::min(least, one.abs_det);
        most = std::max(most, one.abs_det);
      }
      CHECK(least < 0.1);
      CHECK(most > 0.7);
      CHECK(result.improved(kDmi) == 0);
      CHECK(result.improved(kInformation) == 0);
      CHECK(result.improved(kCrossEntropy) > 0);
      CHECK(result.largest_difference() < 1e-8);
    }
  }

  TEST_CASE("derive theorem processing: what improved is counted by the sense of each measure") {
    ProcessingResult result;
    result.classifiers.push_back({0.5, {0.0, {0.2, 0.3, 1.0, 0.5}}, {0.0, {0.1, 0.4, 0.9, 0.5}}});
    CHECK(result.improved(kDmi) == 0);
    CHECK(result.improved(kInformation) == 1);
    CHECK(result.improved(kCrossEntropy) == 1);
    CHECK(result.improved(kAccuracy) == 0);
    CHECK(result.largest_difference() == doctest::Approx(0.0));
  }

  TEST_CASE("derive theorem gradient: singular values in closed form") {
    const auto values = [](const std::vector<double>& entries, int64_t n) {
      return singular_values(Tensor::from(entries, {n, n}, kHost));
    };
    const std::vector<double> diagonal = values({0, 3, 0, 1e-9, 0, 0, 0, 0, -2}, 3);
    CHECK(diagonal[0] == doctest::Approx(3.0));
    CHECK(diagonal[1] == doctest::Approx(2.0));
    CHECK(diagonal[2] == doctest::Approx(1e-9).epsilon(1e-12));
    // Of a 2 x 2 matrix: s1^2 + s2^2 = a^2 + b^2 + c^2 + d^2 and s1 s2 = |ad - bc|.
    const std::vector<double> two = values({0.3, 0.1, 0.25, 0.35}, 2);
    CHECK(two[0] * two[0] + two[1] * two[1] == doctest::Approx(0.285).epsilon(1e-14));
    CHECK(two[0] * two[1] == doctest::Approx(0.08).epsilon(1e-14));
    CHECK(values({1, 2, 2, 4}, 2)[1] == doctest::Approx(0.0));
    // In general: their squares sum to those of the entries, and their product is |det|.
    const Matrix random = random_joint(6, 77);
    const std::vector<double> six = values(random.values, 6);
    double squares = 0.0, entries = 0.0, product = 1.0;
    for (const double s : six) {
      squares += s * s;
      product *= s;
    }
    for (const double entry : random.values) entries += entry * entry;
    CHECK(squares == doctest::Approx(entries).epsilon(1e-13));
    CHECK(product == doctest::Approx(std::abs(determinant(random))).epsilon(1e-10));
  }

  TEST_CASE("derive theorem gradient: exact norms grow like 1 / s and smoothed ones stay bounded") {
    for (const int64_t classes : {2, 3, 5}) {
      CAPTURE(classes);
      const GradientResult result = approach_singular(make_world(classes, 4), {1e-3, 1e-6}, 4);
      CHECK(result.largest_difference() < 1e-6);
      const GradientResult::AtDistance& far = result.steps.front();
      const GradientResult::AtDistance& near = result.steps.back();
      CHECK(near.smallest < 1e-7 * far.smallest);
      CHECK(near.exact.value * near.smallest == doctest::Approx(1.0).epsilon(1e-6));
      CHECK(near.exact.value > 1e6 * far.exact.value);
      CHECK(near.logits > 1e6 * far.logits);
      for (const GradientResult::AtDistance& step : result.steps) {
        CHECK(step.exact.value >= 1.0 / step.smallest * (1.0 - 1e-6));
        for (size_t e = 0; e < 2; ++e) {
          // By |det U| / (|det U| + epsilon) smaller than the exact one.
          const double det = std::exp(step.log_abs_det), factor = det / (det + result.epsilons[e]);
          CHECK(step.smoothed[e].value == doctest::Approx(step.exact.value * factor).epsilon(1e-6));
        }
      }
      // The bound: the norm of the cofactors, over epsilon.
      CHECK(near.smoothed[0].value < 1.0 / 1e-3);
      CHECK(near.smoothed[0].value == doctest::Approx(result.steps[14].smoothed[0].value).epsilon(1e-3));
    }
  }

  TEST_CASE("derive theorem gradient: norms whose squares are too small for a double are right") {
    const GradientResult result = approach_singular(make_world(kMostClasses, 1), {1e-3}, 1);
    CHECK(result.steps.back().smoothed[0].value < 1e-150);
    CHECK(result.steps.back().smoothed[0].value > 0.0);
    CHECK(result.largest_difference() < 1e-6);
  }

  TEST_CASE("derive theorem gradient: a wrong norm is seen") {
    GradientResult result = approach_singular(make_world(2, 4), {1e-3}, 4);
    CHECK(gradient_section(result).checks[0].line().starts_with("holds"));
    result.steps[3].smoothed[0].value *= 1.0 + 1e-5;
    CHECK(gradient_section(result).checks[0].line().starts_with("does not hold: largest difference 1e-05"));
    result.steps[3].smoothed[0].value = std::nan("");
    CHECK(gradient_section(result).checks[0].line().starts_with("does not hold"));
  }
}

}  // namespace
}  // namespace cofactor::theorem
