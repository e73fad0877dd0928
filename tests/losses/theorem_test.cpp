// The paper's Lemma 3.5 and Theorem 4.1 as properties of L_DMI on joint distributions, where they are exact.
#include <algorithm>
#include <limits>

#include "tests/losses/matrices.h"

namespace cofactor {
namespace {

using namespace testing;

constexpr size_t kClassCounts[] = {2, 3, 5, 10};
constexpr uint32_t kDraws = 50;

// A fresh index for the random draws of case `draw` with `classes` classes.
uint32_t index_of(size_t classes, uint32_t draw, uint32_t which) {
  return static_cast<uint32_t>(classes) * 1000 + draw * 4 + which;
}

double mutual_information(const Matrix& joint) {
  std::vector<double> rows(joint.n, 0.0), columns(joint.n, 0.0);
  for (size_t r = 0; r < joint.n; ++r) {
    for (size_t c = 0; c < joint.n; ++c) {
      rows[r] += joint(r, c);
      columns[c] += joint(r, c);
    }
  }
  double total = 0.0;
  for (size_t r = 0; r < joint.n; ++r)
    for (size_t c = 0; c < joint.n; ++c)
      if (joint(r, c) > 0.0) total += joint(r, c) * std::log(joint(r, c) / (rows[r] * columns[c]));
  return total;
}

bool is_permutation_matrix(const Matrix& h) {
  std::vector<bool> used(h.n, false);
  for (size_t r = 0; r < h.n; ++r)
    for (size_t c = 0; c < h.n; ++c)
      if (h(r, c) == 1.0) used[c] = true;
  return std::ranges::count(used, true) == static_cast<std::ptrdiff_t>(h.n);
}

// The joint distribution of labels with shares p and a classifier that says c with probability h(y, c) where y is true.
Matrix joint_of_classifier(const Matrix& h, const std::vector<double>& p) {
  return transposed(h) * diagonal(p);
}

// Every deterministic classifier: all C^C maps from the true class to a class.
std::vector<std::vector<size_t>> all_maps(size_t classes) {
  std::vector<std::vector<size_t>> maps{{}};
  for (size_t y = 0; y < classes; ++y) {
    std::vector<std::vector<size_t>> longer;
    for (const auto& map : maps) {
      for (size_t c = 0; c < classes; ++c) {
        longer.push_back(map);
        longer.back().push_back(c);
      }
    }
    maps = std::move(longer);
  }
  return maps;
}

TEST_SUITE("unit") {
  TEST_CASE("Theorem 4.1: noise shifts the loss by -log|det T| whatever the classifier and the noise") {
    for (const size_t classes : kClassCounts) {
      uint32_t non_dominant = 0;
      for (uint32_t draw = 0; draw < kDraws; ++draw) {
        const Matrix u = random_joint(classes, index_of(classes, draw, 0));
        const Matrix t = random_stochastic(classes, index_of(classes, draw, 1), draw % 2 == 0 ? 1.0 : 4.0);
        non_dominant += is_diagonally_non_dominant(t);
        const double shift = dmi_loss(u * t) - dmi_loss(u);
        CAPTURE(classes);
        CAPTURE(draw);
        CHECK(std::abs(shift + std::log(std::abs(determinant(t)))) < 1e-9);
        CHECK(shift >= 0.0);  // the sign that the paper's proof misprints
      }
      CHECK(non_dominant >= kDraws / 2);
    }
  }

  TEST_CASE("Theorem 4.1: the paper's careless annotator costs log 10") {
    const Matrix t(2, {1.0, 0.0, 0.9, 0.1});  // the introduction's example, diagonally non-dominant
    for (uint32_t draw = 0; draw < kDraws; ++draw) {
      const Matrix u = random_joint(2, draw);
      CHECK(dmi_loss(u * t) - dmi_loss(u) == doctest::Approx(std::log(10.0)).epsilon(1e-11));
    }
  }

  TEST_CASE("Theorem 4.1 noise-robust: clean and noisy labels order every two classifiers alike") {
    for (const size_t classes : kClassCounts) {
      for (uint32_t draw = 0; draw < kDraws; ++draw) {
        const auto p = random_distribution(classes, index_of(classes, draw, 2));
        const Matrix h = joint_of_classifier(random_stochastic(classes, index_of(classes, draw, 0), 2.0), p);
        const Matrix other = joint_of_classifier(random_stochastic(classes, index_of(classes, draw, 1), 2.0), p);
        const Matrix t = random_stochastic(classes, index_of(classes, draw, 3));
        const double clean = dmi_loss(h) - dmi_loss(other), noisy = dmi_loss(h * t) - dmi_loss(other * t);
        REQUIRE(std::abs(clean) > 1e-6);
        CHECK((clean < 0.0) == (noisy < 0.0));
        CHECK(std::abs(clean - noisy) < 1e-9);
      }
    }
  }

  TEST_CASE("Theorem 4.1 legal: of all deterministic classifiers the true one and its permutations alone are best") {
    for (const size_t classes : {2u, 3u, 4u}) {
      const auto p = random_distribution(classes, static_cast<uint32_t>(classes));
      const Matrix t = random_stochastic(classes, static_cast<uint32_t>(classes) + 10);
      const double best = dmi_loss(diagonal(p)), best_noisy = dmi_loss(diagonal(p) * t);
      size_t permutations = 0;
      for (const auto& map : all_maps(classes)) {
        const Matrix h = permutation_matrix(map);  // or of no permutation, where two classes are mapped to one
        const Matrix joint = joint_of_classifier(h, p);
        if (is_permutation_matrix(h)) {
          ++permutations;
          CHECK(dmi_loss(joint) == doctest::Approx(best).epsilon(1e-13));
          CHECK(dmi_loss(joint * t) == doctest::Approx(best_noisy).epsilon(1e-12));
        } else {
          CHECK(dmi_loss(joint) == std::numeric_limits<double>::infinity());
        }
      }
      CHECK(permutations == (classes == 2 ? 2 : classes == 3 ? 6 : 24));
    }
  }

  TEST_CASE("Theorem 4.1 legal: every classifier that is not a permutation of the true one is strictly worse") {
    for (const size_t classes : kClassCounts) {
      for (uint32_t draw = 0; draw < kDraws; ++draw) {
        const auto p = random_distribution(classes, index_of(classes, draw, 0));
        const Matrix random = random_stochastic(classes, index_of(classes, draw, 1), 1.0 + draw % 4);
        const Matrix t = random_stochastic(classes, index_of(classes, draw, 2));
        // From far away to as near the true classifier as 1e-6.
        for (const double distance : {1.0, 0.1, 1e-3, 1e-6}) {
          Matrix h(classes);
          for (size_t r = 0; r < classes; ++r)
            for (size_t c = 0; c < classes; ++c) h(r, c) = (1.0 - distance) * (r == c) + distance * random(r, c);
          const Matrix joint = joint_of_classifier(h, p);
          CHECK(dmi_loss(joint) > dmi_loss(diagonal(p)));
          CHECK(dmi_loss(joint * t) > dmi_loss(diagonal(p) * t));
        }
      }
    }
  }

  TEST_CASE("Theorem 4.1 information-monotone: processing a classifier's output never lowers its loss") {
    // The paper misprints it with noisy labels on one side; here the labels are the same on both.
    for (const size_t classes : kClassCounts) {
      for (uint32_t draw = 0; draw < kDraws; ++draw) {
        const Matrix joint = random_joint(classes, index_of(classes, draw, 0));
        const Matrix process = random_stochastic(classes, index_of(classes, draw, 1), 1.0 + draw % 4);
        const Matrix t = random_stochastic(classes, index_of(classes, draw, 2));
        const Matrix processed = transposed(process) * joint;  // Pr[h' = c', y] = sum_c Pr[c' | c] Pr[h = c, y]
        CHECK(dmi_loss(processed) > dmi_loss(joint));
        CHECK(dmi_loss(processed * t) > dmi_loss(joint * t));
      }
    }
  }

  TEST_CASE("Lemma 3.5: DMI is symmetric and relatively invariant on either side") {
    for (const size_t classes : kClassCounts) {
      for (uint32_t draw = 0; draw < kDraws; ++draw) {
        const Matrix joint = random_joint(classes, index_of(classes, draw, 0));
        const Matrix t = random_stochastic(classes, index_of(classes, draw, 1));
        const double det_t = std::abs(determinant(t));
        CHECK(det_t < 1.0);
        CHECK(dmi_loss(transposed(joint)) == doctest::Approx(dmi_loss(joint)).epsilon(1e-11));
        const double information = std::exp(-dmi_loss(joint));
        CHECK(std::exp(-dmi_loss(joint * t)) == doctest::Approx(information * det_t).epsilon(1e-9));
        CHECK(std::exp(-dmi_loss(transposed(t) * joint)) == doctest::Approx(information * det_t).epsilon(1e-9));
      }
    }
  }

  TEST_CASE("independent variables carry no information: a joint distribution of rank 1 has an infinite loss") {
    const Matrix independent(2, {0.25 * 0.5, 0.75 * 0.5, 0.25 * 0.5, 0.75 * 0.5});
    CHECK(dmi_loss(independent) == std::numeric_limits<double>::infinity());
    CHECK(mutual_information(independent) == doctest::Approx(0.0));
  }

  TEST_CASE("Shannon's mutual information does not survive noise but DMI does") {
    // Two balanced classes. h is always right on class 0 and right on 70% of class 1; other is right on 60% of class 0
    // and always right on class 1. Half of the labels of class 1 are then flipped to 0.
    const Matrix h(2, {0.50, 0.15, 0.00, 0.35});
    const Matrix other(2, {0.30, 0.00, 0.20, 0.50});
    const Matrix t(2, {1.0, 0.0, 0.5, 0.5});
    // On clean labels both measures prefer h.
    CHECK(mutual_information(h) > mutual_information(other) + 0.05);
    CHECK(dmi_loss(h) < dmi_loss(other) - 0.1);
    // On noisy labels mutual information prefers the other, and DMI still h, by as much as before.
    CHECK(mutual_information(h * t) < mutual_information(other * t) - 0.01);
    CHECK(dmi_loss(h * t) - dmi_loss(other * t) == doctest::Approx(dmi_loss(h) - dmi_loss(other)).epsilon(1e-12));
    CHECK(std::exp(-dmi_loss(h)) == doctest::Approx(0.175).epsilon(1e-12));
    CHECK(std::exp(-dmi_loss(other)) == doctest::Approx(0.15).epsilon(1e-12));
  }
}

}  // namespace
}  // namespace cofactor
