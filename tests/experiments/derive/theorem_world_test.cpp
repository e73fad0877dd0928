// The world of derive theorem: exact joint distributions and measures against plain loops and against samples.
#include "experiments/derive/theorem_world.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "data/noise/synthetic.h"
#include "engine/ops/reduce.h"
#include "losses/cross_entropy.h"
#include "tests/losses/helpers.h"
#include "tests/losses/matrices.h"

namespace cofactor::theorem {
namespace {

using namespace testing;

double entropy(const std::vector<double>& distribution) {
  double total = 0.0;
  for (const double p : distribution)
    if (p > 0.0) total -= p * std::log(p);
  return total;
}

// H(output) + H(label) - H(both).
double information_by_entropies(const Matrix& joint) {
  std::vector<double> rows(joint.n, 0.0), columns(joint.n, 0.0);
  for (size_t r = 0; r < joint.n; ++r) {
    for (size_t c = 0; c < joint.n; ++c) {
      rows[r] += joint(r, c);
      columns[c] += joint(r, c);
    }
  }
  return entropy(rows) + entropy(columns) - entropy(joint.values);
}

struct ByHand {
  Matrix joint;
  double cross_entropy = 0.0, accuracy = 0.0;
};

// Sums over every kind of input and noisy label.
ByHand by_hand(const World& world, const Tensor& logits, const Transition& noise) {
  const auto classes = static_cast<size_t>(world.classes);
  const std::vector<double> outputs = softmax_rows(logits.to_vector<double>(), classes);
  ByHand result{Matrix(classes)};
  for (size_t x = 0; x < world.share.size(); ++x) {
    const auto row = outputs.begin() + static_cast<std::ptrdiff_t>(x * classes);
    const auto said = static_cast<size_t>(std::max_element(row, row + static_cast<std::ptrdiff_t>(classes)) - row);
    for (size_t label = 0; label < classes; ++label) {
      const double weight = world.share[x] * noise.at(world.classof[x], static_cast<int64_t>(label));
      for (size_t c = 0; c < classes; ++c) result.joint(c, label) += weight * outputs[x * classes + c];
      result.cross_entropy -= weight * std::log(outputs[x * classes + label]);
      if (said == label) result.accuracy += weight;
    }
  }
  return result;
}

TEST_SUITE("unit") {
  TEST_CASE("derive theorem: the shares of the kinds sum to 1 and every class has its kinds") {
    for (const int64_t classes : {2, 3, 64}) {
      const World world = make_world(classes, 5);
      REQUIRE(world.kinds() == classes * kKindsPerClass);
      double total = 0.0;
      for (const double share : world.share) {
        CHECK(share > 0.0);
        total += share;
      }
      CHECK(total == doctest::Approx(1.0).epsilon(1e-13));
      for (int32_t c = 0; c < classes; ++c) CHECK(std::ranges::count(world.classof, c) == kKindsPerClass);
      CHECK(world.labels.to_vector<int32_t>() == world.classof);
    }
  }

  TEST_CASE("derive theorem: the measures of every family of classifiers agree with sums by hand") {
    for (const int64_t classes : {2, 3, 5}) {
      const World world = make_world(classes, 2);
      const Transition noise = random_stochastic(classes, 0.7, key_of(9, Stream::noise));
      for (int64_t i = 0; i < 12; ++i) {
        const Classifier classifier = draw_classifier(world, 3, i, 12);
        CHECK(classifier.family == kFamilies[static_cast<size_t>(i % 4)]);
        const Measures measures = measure(classifier.logits, label_weights(world, noise));
        const ByHand hand = by_hand(world, classifier.logits, noise);
        CAPTURE(i);
        CHECK(measures.values[kDmi] == doctest::Approx(std::abs(determinant(hand.joint))).epsilon(1e-9));
        CHECK(measures.loss == doctest::Approx(-std::log(std::abs(determinant(hand.joint)))).epsilon(1e-9));
        CHECK(measures.values[kInformation] == doctest::Approx(information_by_entropies(hand.joint)).epsilon(1e-9));
        CHECK(measures.values[kCrossEntropy] == doctest::Approx(hand.cross_entropy).epsilon(1e-12));
        CHECK(measures.values[kAccuracy] == doctest::Approx(hand.accuracy).epsilon(1e-12));
      }
    }
  }

  TEST_CASE("derive theorem: measures of counted kinds are those of the losses on the samples one by one") {
    const World world = make_world(3, 4);
    const Tensor kind_logits = theorem::informative_logits(world, 1.5, 4, 0);
    const std::vector<double> rows = kind_logits.to_vector<double>();
    std::vector<double> counts(rows.size(), 0.0), logits;
    std::vector<int32_t> labels;
    for (size_t i = 0; i < 200; ++i) {
      const size_t kind = i * 7 % world.share.size(), label = (i * i + i / 3) % 3;
      counts[kind * 3 + label] += 1.0 / 200.0;
      logits.insert(logits.end(), rows.begin() + static_cast<std::ptrdiff_t>(kind * 3),
                    rows.begin() + static_cast<std::ptrdiff_t>(kind * 3 + 3));
      labels.push_back(static_cast<int32_t>(label));
    }
    const Measures measures = measure(kind_logits, Tensor::from(counts, kind_logits.shape(), kHost));
    const Tensor samples = Tensor::from(logits, {200, 3}, kHost);
    CHECK(measures.loss == doctest::Approx(dmi(samples, label_tensor(labels)).item()).epsilon(1e-10));
    CHECK(measures.values[kCrossEntropy] ==
          doctest::Approx(cross_entropy(samples, label_tensor(labels)).item()).epsilon(1e-12));
    CHECK(measures.values[kAccuracy] == doctest::Approx(accuracy(samples, label_tensor(labels))).epsilon(1e-12));
  }

  TEST_CASE("derive theorem: classifiers reach from random to nearly perfect and permuted ones are as good by DMI") {
    const World world = make_world(3, 1);
    const Tensor clean = label_weights(world, Transition::identity(3));
    std::vector<double> share(3, 0.0);
    for (size_t x = 0; x < world.share.size(); ++x) share[static_cast<size_t>(world.classof[x])] += world.share[x];
    const double most = share[0] * share[1] * share[2];  // of DMI, by perfect classifiers
    const int64_t count = 400;
    const Measures best = measure(draw_classifier(world, 1, count - 4, count).logits, clean);
    const Measures permuted = measure(draw_classifier(world, 1, count - 3, count).logits, clean);
    const Measures random = measure(draw_classifier(world, 1, count - 2, count).logits, clean);
    CHECK(best.values[kDmi] > 0.98 * most);
    CHECK(best.values[kAccuracy] == doctest::Approx(1.0));
    CHECK(permuted.values[kDmi] > 0.98 * most);
    CHECK(permuted.values[kAccuracy] < 0.7);
    CHECK(random.values[kDmi] < 0.5 * most);
    CHECK(best.values[kDmi] <= most);
  }

  TEST_CASE("derive theorem: classes whose outputs are merged leave a singular U") {
    for (const int64_t classes : {2, 4}) {
      const World world = make_world(classes, 3);
      const Tensor clean = label_weights(world, Transition::identity(classes));
      const Tensor logits = theorem::informative_logits(world, 3.0, 3, 0);
      const double apart = measure(logits, clean).values[kDmi];
      CHECK(measure(with_merged_classes(world, logits, 1.0), clean).values[kDmi] == doctest::Approx(apart));
      CHECK(measure(with_merged_classes(world, logits, 1e-3), clean).values[kDmi] < 0.01 * apart);
      CHECK(measure(with_merged_classes(world, logits, 0.0), clean).values[kDmi] < 1e-12 * apart);
    }
  }

  TEST_CASE("derive theorem: a random stochastic matrix of strength 0 is the identity") {
    CHECK(random_stochastic(4, 0.0, key_of(1, Stream::noise)) == Transition::identity(4));
    CHECK(
        !(random_stochastic(4, 0.5, key_of(1, Stream::noise)) == random_stochastic(4, 0.5, key_of(2, Stream::noise))));
  }

  TEST_CASE("derive theorem: mean and deviation and ties") {
    const Spread spread = spread_of({1.0, 2.0, 6.0});
    CHECK(spread.mean == doctest::Approx(3.0));
    CHECK(spread.deviation == doctest::Approx(std::sqrt(7.0)));
    CHECK(spread.standard_error() == doctest::Approx(std::sqrt(7.0 / 3.0)));
    CHECK(spread_of({4.0}).deviation == 0.0);
    CHECK(spread_of({}).count == 0);
    CHECK(is_tie(0.3, 0.1 + 0.2));
    CHECK(is_tie(0.0, 0.0));
    CHECK(!is_tie(1e-20, 2e-20));
  }
}

}  // namespace
}  // namespace cofactor::theorem
