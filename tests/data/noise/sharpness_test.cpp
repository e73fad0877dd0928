#include "data/noise/sharpness.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "data/noise/synthetic.h"
#include "tests/data/noise/simulated_labels.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

// The outputs of a network that is `factor` times as sure as it should be.
void make_surer(SimulatedLabels& labels, double factor) {
  const auto classes = static_cast<size_t>(labels.classes);
  for (size_t i = 0; i < labels.given.size(); ++i) {
    const auto row = std::span(labels.probabilities).subspan(i * classes, classes);
    double sum = 0.0;
    for (const float p : row) sum += std::pow(static_cast<double>(p), factor);
    for (float& p : row) p = static_cast<float>(std::pow(static_cast<double>(p), factor) / sum);
  }
}

std::vector<int64_t> indices_of(const SimulatedLabels& labels) {
  std::vector<int64_t> samples(labels.given.size());
  std::iota(samples.begin(), samples.end(), int64_t{0});
  return samples;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("sharpness: powers of probabilities sum to one and keep their order") {
    const std::vector<float> row{0.5f, 0.3f, 0.2f, 0.0f};
    Sharpener squares(2.0);
    const std::span<const float> squared = squares.sharpen(row);
    CHECK(squared[0] == doctest::Approx(0.25 / 0.38));
    CHECK(squared[1] == doctest::Approx(0.09 / 0.38));
    CHECK(squared[3] < 1e-9f);
    Sharpener roots(0.5);
    const std::span<const float> flat = roots.sharpen(row);
    CHECK(flat[1] / flat[0] == doctest::Approx(std::sqrt(0.6)));
    CHECK(flat[3] / flat[0] == doctest::Approx(std::sqrt(1e-6 / 0.5)));  // 0 is taken as 1e-6
    CHECK(std::accumulate(flat.begin(), flat.end(), 0.0) == doctest::Approx(1.0));
    Sharpener same(1.0);
    CHECK(same.sharpen(row).data() == row.data());
    for (const double wrong : {0.0, -1.0, std::numeric_limits<double>::infinity()})
      CHECK(error_of([&] { Sharpener{wrong}; }).starts_with("sharpness: "));
  }

  TEST_CASE("sharpness: what made outputs surer or less sure is found from the labels as given") {
    const Transition noise = flip_noise(4, {{0, 1}, {2, 3}}, 0.3);
    for (const Outputs outputs : {Outputs::given_label, Outputs::true_class}) {
      for (const double factor : {0.5, 1.0, 3.0}) {
        SimulatedLabels labels = simulate_labels(20000, noise, 3.0, outputs, 4);
        make_surer(labels, factor);
        const double found = likeliest_sharpness(labels.view(), indices_of(labels), noise, outputs);
        CAPTURE(found);
        CHECK(std::abs(std::log(found * factor)) < 0.06);
      }
    }
  }

  TEST_CASE("sharpness: certain outputs and missing samples") {
    const std::vector<float> certain{1.0f, 0.0f, 0.0f, 1.0f};
    const Transition none = Transition::identity(2);
    const auto of = [&](const std::vector<int32_t>& labels) {
      return likeliest_sharpness({certain, labels, 2}, {0, 1}, none, Outputs::given_label);
    };
    CHECK(of({1, 0}) == doctest::Approx(1.0 / 16).epsilon(0.02));  // always wrong: as unsure as it may be
    CHECK(std::isfinite(of({0, 1})));
    CHECK(error_of([&] {
            likeliest_sharpness({certain, std::vector<int32_t>{0, 1}, 2}, {}, none, Outputs::given_label);
          }) == "sharpness: no sample is given");
  }
}

}  // namespace cofactor::testing
