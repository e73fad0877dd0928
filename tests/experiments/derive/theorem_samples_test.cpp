// Parts 2 and 5 of derive theorem: finite samples and batches, against exact probabilities and first-order formulas.
#include <doctest/doctest.h>

#include "experiments/derive/theorem_batches.h"
#include "experiments/derive/theorem_convergence.h"
#include "tests/fixtures/errors.h"
#include "tests/losses/matrices.h"

namespace cofactor::theorem {
namespace {

using namespace testing;

// The probability that n draws meet every class, by inclusion and exclusion over the sets of classes that are missed.
double by_inclusion_exclusion(const std::vector<double>& shares, int64_t n) {
  long double total = 0.0L;
  for (size_t missed = 0; missed < size_t{1} << shares.size(); ++missed) {
    long double left = 0.0L;
    for (size_t c = 0; c < shares.size(); ++c)
      if (!(missed >> c & 1u)) left += shares[c];
    const long double power = n == 0 ? 1.0L : std::pow(left, static_cast<long double>(n));
    total += std::popcount(missed) % 2 == 0 ? power : -power;
  }
  return static_cast<double>(total);
}

TEST_SUITE("unit") {
  TEST_CASE("derive theorem batches: the probability of every class agrees with inclusion and exclusion") {
    for (const std::vector<double>& shares : {std::vector<double>{1.0},
                                              {0.5, 0.5},
                                              {0.99, 0.01},
                                              {0.2, 0.3, 0.5},
                                              {0.1, 0.1, 0.1, 0.3, 0.4},
                                              {0.05, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.15, 0.15},
                                              {1e-4, 0.4, 0.5999}}) {
      CAPTURE(shares.size());
      const std::vector<double> every = probability_of_every_class(shares, 4000);
      for (const int64_t n : {0, 1, 2, 3, 5, 9, 10, 11, 30, 100, 399, 1000, 4000}) {
        CAPTURE(n);
        CHECK(every[static_cast<size_t>(n)] == doctest::Approx(by_inclusion_exclusion(shares, n)).epsilon(1e-11));
      }
    }
    CHECK(probability_of_every_class({0.25, 0.25, 0.25, 0.25}, 4)[4] == doctest::Approx(24.0 / 256.0));
    CHECK(probability_of_every_class({0.5, 0.5}, 3)[3] == doctest::Approx(0.75));
  }

  TEST_CASE("derive theorem batches: bias and absent classes are as predicted") {
    const World world = make_world(3, 8);
    const NamedNoise noise = make_noise("flip", 0.5, 3, 1);
    const BatchResult result = draw_batches(world, noise, {2, 8, 200, 400}, 3000, 8);
    REQUIRE(result.sizes.size() == 4);
    CHECK(result.sizes[0].absent == 3000);  // two samples of three classes
    CHECK(result.sizes[0].probability == 1.0);
    CHECK(result.sizes[0].log_abs_det.count == 0);
    const double p = result.sizes[1].probability;
    CHECK(p > 0.05);
    CHECK(std::abs(static_cast<double>(result.sizes[1].absent) / 3000.0 - p) < 5.0 * std::sqrt(p * (1.0 - p) / 3000.0));
    for (const size_t s : {2u, 3u}) {
      const BatchResult::AtSize& at = result.sizes[s];
      CHECK(at.absent == 0);
      CHECK(at.predicted < 0.0);
      const double bias = at.log_abs_det.mean - result.log_abs_det, error = at.log_abs_det.standard_error();
      CAPTURE(bias);
      CAPTURE(at.predicted);
      CAPTURE(error);
      CHECK(std::abs(bias - at.predicted) < 4.0 * error + 0.05 * std::abs(at.predicted));
      CHECK(bias < -2.0 * error);  // the bias is there
    }
    CHECK(result.sizes[3].predicted == doctest::Approx(result.sizes[2].predicted / 2.0));
  }

  TEST_CASE("derive theorem batches: a label that no sample has is an error") {
    const World world = make_world(2, 8);
    NamedNoise noise{"transition", Transition(2, {1.0, 0.0, 1.0, 0.0}), 0.0, 1.0};
    CHECK(throws_saying("label 1 does not occur among 20000 samples", [&] { draw_batches(world, noise, {8}, 2, 1); }));
  }

  TEST_CASE("derive theorem batches: what was not compared is not said to hold") {
    const Section section =
        batch_section(draw_batches(make_world(3, 8), make_noise("uniform", 0.8, 3, 1), {2, 4}, 20, 8));
    CHECK(section.checks[0].line().starts_with("not checked: bias"));
    CHECK(section.checks[1].line().starts_with("holds"));
  }

  TEST_CASE("derive theorem samples: mean and deviation of the constant are as predicted") {
    for (const int64_t classes : {2, 3}) {
      CAPTURE(classes);
      const World world = make_world(classes, 6);
      const std::vector<NamedNoise> noises = {make_noise("flip", 0.6, classes, 1),
                                              make_noise("cyclic", 0.2, classes, 1)};
      constexpr int64_t kRepetitions = 400;
      const ConvergenceResult result = estimate_constants(world, noises, {1, 1000, 4000}, kRepetitions, 6);
      for (size_t n = 0; n < 2; ++n) {
        const ConvergenceResult::UnderNoise& noisy = result.noisy[n];
        const double det = std::abs(determinant(Matrix(static_cast<size_t>(classes), noises[n].transition.values())));
        CHECK(noisy.constant == doctest::Approx(std::log(det)));
        CHECK(noisy.sizes[0].singular == kRepetitions);  // one sample has one label
        CHECK(noisy.sizes[0].constant.count == 0);
        CHECK(noisy.sizes[0].dmi.mean == 0.0);
        for (const size_t s : {1u, 2u}) {
          const ConvergenceResult::AtSize& at = noisy.sizes[s];
          CHECK(at.singular == 0);
          // A deviation of 400 values is within 3.5% of its expectation two times in three.
          CHECK(at.constant.deviation == doctest::Approx(at.predicted).epsilon(0.15));
          CHECK(std::abs(at.constant.mean - noisy.constant) < 4.0 * at.constant.standard_error() + 1e-3);
          CHECK(std::abs(at.dmi.mean - noisy.dmi) < 5.0 * at.dmi.standard_error());
        }
        CHECK(noisy.sizes[2].predicted == doctest::Approx(noisy.sizes[1].predicted / 2.0));
        REQUIRE(noisy.slope.has_value());
        CHECK(std::abs(*noisy.slope + 0.5) < 4.0 * noisy.slope_error);
      }
    }
  }

  TEST_CASE("derive theorem samples: where noise only exchanges labels the constant is 0 in every repetition") {
    const World world = make_world(5, 6);
    for (const auto& [kind, rate] : {std::pair("uniform", 0.0), std::pair("random", 0.0), std::pair("cyclic", 1.0)}) {
      CAPTURE(kind);
      const ConvergenceResult result = estimate_constants(world, {make_noise(kind, rate, 5, 1)}, {500, 2000}, 5, 6);
      const ConvergenceResult::UnderNoise& none = result.noisy[0];
      CHECK(none.sizes[0].predicted == 0.0);
      CHECK(std::abs(none.sizes[0].constant.mean) < 1e-10);
      CHECK(none.sizes[0].constant.deviation < 1e-10);
      CHECK(!none.slope.has_value());
      for (const Holds& check : convergence_section(result).checks) CHECK(check.line().starts_with("not checked"));
    }
  }

  TEST_CASE("derive theorem samples: first samples of a repetition do not depend on the sizes after them") {
    const World world = make_world(3, 6);
    const std::vector<NamedNoise> noises = {make_noise("flip", 0.4, 3, 1)};
    const ConvergenceResult few = estimate_constants(world, noises, {50, 20000}, 3, 6);
    const ConvergenceResult more = estimate_constants(world, noises, {10, 50, 300, 20000}, 3, 6);
    CHECK(few.noisy[0].sizes[0].dmi.mean == more.noisy[0].sizes[1].dmi.mean);
    CHECK(few.noisy[0].sizes[1].dmi.mean == more.noisy[0].sizes[3].dmi.mean);
    CHECK(few.noisy[0].sizes[1].dmi.deviation > 0.0);
  }
}

}  // namespace
}  // namespace cofactor::theorem
