// Theorem 4.1 on samples, where it holds as their number grows: E U = Q, and the law of large numbers does the rest.
#include <algorithm>
#include <functional>

#include "data/noise/synthetic.h"
#include "tests/losses/helpers.h"
#include "tests/losses/matrices.h"

namespace cofactor {
namespace {

using namespace testing;

constexpr size_t kClasses = 3;

// A world with six kinds of inputs: how often each comes, what it truly is (uncertain even so), what a classifier says.
// Kinds x and x + 3 are mostly of class x, and the classifier mostly says so: with outputs that know nothing of the
// truth Q is nearly singular, and samples must be many before its determinant is seen at all.
struct World {
  std::vector<double> share = random_distribution(6, 900);
  std::vector<double> logits = random_values(6 * kClasses, 901, -1.0, 1.0);
  std::vector<std::vector<double>> truth;  // Pr[Y = y | x]

  World() {
    for (uint32_t x = 0; x < 6; ++x) {
      truth.push_back(random_distribution(kClasses, 910 + x));
      for (double& entry : truth.back()) entry *= 0.4;
      truth.back()[x % kClasses] += 0.6;
      logits[x * kClasses + x % kClasses] += 2.0;
    }
  }

  // Calls body(x, y, y~, probability) for every kind, true label and noisy label.
  template <class Body>
  void for_each_outcome(const Transition& t, Body&& body) const {
    for (size_t x = 0; x < 6; ++x) {
      for (size_t y = 0; y < kClasses; ++y)
        for (size_t noisy = 0; noisy < kClasses; ++noisy)
          body(x, y, noisy, share[x] * truth[x][y] * t.at(static_cast<int64_t>(y), static_cast<int64_t>(noisy)));
    }
  }

  // The joint distribution of h(X) and the label noised by t.
  Matrix joint(const Transition& t) const {
    const auto outputs = softmax_rows(logits, kClasses);
    Matrix q(kClasses);
    for_each_outcome(t, [&](size_t x, size_t, size_t noisy, double probability) {
      for (size_t c = 0; c < kClasses; ++c) q(c, noisy) += probability * outputs[x * kClasses + c];
    });
    return q;
  }
};

// Q^-T of a 3 x 3 matrix, by cofactors.
Matrix inverse_transposed(const Matrix& q) {
  Matrix result(3);
  for (size_t r = 0; r < 3; ++r) {
    for (size_t c = 0; c < 3; ++c) {
      const size_t r1 = (r + 1) % 3, r2 = (r + 2) % 3, c1 = (c + 1) % 3, c2 = (c + 2) % 3;
      result(r, c) = (q(r1, c1) * q(r2, c2) - q(r1, c2) * q(r2, c1)) / determinant(q);
    }
  }
  return result;
}

// The standard deviation that L(noisy) - L(clean) has on N samples, times sqrt(N), to first order in U - Q:
// L(U) - L(Q) = -tr(Q^-1 (U - Q)), so a sample with output o and labels y, y~ adds (o . Q^-T[:, y] - o . Q~^-T[:, y~])
// / N to the difference, and these are independent.
double predicted_deviation(const World& world, const Transition& t) {
  const auto outputs = softmax_rows(world.logits, kClasses);
  const Matrix clean = inverse_transposed(world.joint(Transition::identity(kClasses)));
  const Matrix noised = inverse_transposed(world.joint(t));
  double mean = 0.0, square = 0.0;
  world.for_each_outcome(t, [&](size_t x, size_t y, size_t noisy, double probability) {
    double term = 0.0;
    for (size_t c = 0; c < kClasses; ++c) term += outputs[x * kClasses + c] * (clean(c, y) - noised(c, noisy));
    mean += probability * term;
    square += probability * term * term;
  });
  return std::sqrt(square - mean * mean);
}

size_t draw_from(const std::vector<double>& distribution, double uniform) {
  size_t k = 0;
  for (; k + 1 < distribution.size() && uniform >= distribution[k]; ++k) uniform -= distribution[k];
  return k;
}

struct Samples {
  Tensor logits;
  std::vector<int32_t> clean, noisy;
};

Samples draw_samples(const World& world, const Transition& t, int64_t count, uint64_t seed) {
  const RandomKey key{.seed = seed, .purpose = Purpose::test, .index = 1u << 22, .step = 0};
  std::vector<double> logits;
  std::vector<int64_t> positions;
  Samples samples;
  for (int64_t i = 0; i < count; ++i) {
    const auto position = static_cast<uint64_t>(2 * i);
    const size_t x = draw_from(world.share, random_uniform(key, position));
    const auto* row = world.logits.data() + x * kClasses;
    logits.insert(logits.end(), row, row + kClasses);
    samples.clean.push_back(static_cast<int32_t>(draw_from(world.truth[x], random_uniform(key, position + 1))));
    positions.push_back(i);
  }
  samples.logits = Tensor::from(logits, {count, kClasses}, Device::reference);
  samples.noisy = t.draw_labels(samples.clean, positions, {.seed = seed, .purpose = Purpose::labels});
  return samples;
}

// Diagonally non-dominant: most of class 0 is labelled 1.
Transition heavy_noise() {
  return Transition(3, {0.30, 0.60, 0.10, 0.05, 0.90, 0.05, 0.20, 0.10, 0.70});
}

TEST_SUITE("unit") {
  TEST_CASE("Theorem 4.1 on samples: the distance from the exact shift shrinks like 1/sqrt(N) as fast as predicted") {
    const World world;
    const Transition t = heavy_noise();
    const double shift = -std::log(std::abs(determinant(Matrix(kClasses, t.values()))));
    const double deviation = predicted_deviation(world, t);
    constexpr uint64_t kSeeds =
        20;  // a root mean square over them is within 16% of its expectation, two times in three
    std::vector<double> errors;
    for (const int64_t count : {100, 1000, 10000, 100000}) {
      double squares = 0.0;
      for (uint64_t seed = 0; seed < kSeeds; ++seed) {
        const Samples samples = draw_samples(world, t, count, seed);
        const double clean = dmi(samples.logits, label_tensor(samples.clean)).item();
        const double noisy = dmi(samples.logits, label_tensor(samples.noisy)).item();
        squares += std::pow(noisy - clean - shift, 2) / kSeeds;
      }
      errors.push_back(std::sqrt(squares));
      const double ratio = errors.back() * std::sqrt(static_cast<double>(count)) / deviation;
      CAPTURE(count);
      CAPTURE(ratio);
      CHECK(ratio > 0.65);
      CHECK(ratio < (count < 1000 ? 2.0 : 1.35));  // a hundred samples are too few for the first order alone
    }
    CHECK(std::ranges::is_sorted(errors, std::greater()));
    CHECK(errors.back() < 0.02 * shift);
  }

  TEST_CASE("E U = Q: batches of 16 average to the joint distribution with clean and with noisy labels") {
    const World world;
    const Transition t = heavy_noise();
    constexpr uint64_t kBatches = 4000;
    std::vector<double> clean(9, 0.0), noisy(9, 0.0);
    for (uint64_t batch = 0; batch < kBatches; ++batch) {
      const Samples samples = draw_samples(world, t, 16, 100 + batch);
      const auto u = joint_matrix(samples.logits, label_tensor(samples.clean)).to_vector<double>();
      const auto u_noisy = joint_matrix(samples.logits, label_tensor(samples.noisy)).to_vector<double>();
      for (size_t k = 0; k < 9; ++k) {
        clean[k] += u[k] / kBatches;
        noisy[k] += u_noisy[k] / kBatches;
      }
    }
    const Matrix q = world.joint(Transition::identity(kClasses)), q_noisy = world.joint(t);
    // An entry's standard error is below 0.5 / sqrt(64,000) = 0.002.
    for (size_t k = 0; k < 9; ++k) {
      CHECK(std::abs(clean[k] - q.values[k]) < 0.006);
      CHECK(std::abs(noisy[k] - q_noisy.values[k]) < 0.006);
    }
    CHECK(std::abs(q.values[0] - q_noisy.values[0]) > 0.02);  // the noise is no small thing beside the tolerance
  }
}

}  // namespace
}  // namespace cofactor
