// Generalised cross entropy and its ends: cross entropy and the mean absolute error.
#include "losses/gce.h"

#include "engine/ops/elementwise.h"
#include "losses/cross_entropy.h"
#include "losses/mae.h"
#include "tests/losses/helpers.h"

namespace cofactor {
namespace {

using namespace testing;

struct Sample {
  std::vector<int32_t> labels = cycling_labels(17, 4);
  Tensor logits = informative_tensor(labels, 4, 1.0, 30);
  Tensor on_device = label_tensor(labels);
};

TEST_SUITE("unit") {
  TEST_CASE("gce: values computed by hand") {
    const double ln3 = std::log(3.0);
    const Tensor logits = Tensor::from(std::vector<double>{0.0, ln3, ln3, 0.0}, {2, 2}, Device::reference);
    const Tensor labels = label_tensor({0, 0});  // p = 1/4, 3/4
    CHECK(gce(logits, labels, {.q = 0.5}).item() ==
          doctest::Approx((2.0 * (1.0 - 0.5) + 2.0 * (1.0 - std::sqrt(0.75))) / 2.0).epsilon(1e-14));
    // Truncated at 1/2, the first sample counts as one with p = 1/2.
    CHECK(gce(logits, labels, {.q = 0.5, .truncation = 0.5}).item() ==
          doctest::Approx((2.0 * (1.0 - std::sqrt(0.5)) + 2.0 * (1.0 - std::sqrt(0.75))) / 2.0).epsilon(1e-14));
    CHECK(mean_absolute_error(logits, labels).item() == doctest::Approx((1.5 + 0.5) / 2.0).epsilon(1e-14));
  }

  TEST_CASE("gce: goes to cross entropy as q goes to 0") {
    const Sample s;
    const double limit = cross_entropy(s.logits, s.on_device).item();
    const auto gradient =
        gradient_by_logits<double>([&](const Tensor& z) { return cross_entropy(z, s.on_device); }, s.logits);
    double before = INFINITY;
    for (const double q : {0.1, 0.01, 1e-3, 1e-4}) {
      const double gap = limit - gce(s.logits, s.on_device, {.q = q}).item();
      CHECK(gap > 0.0);  // (1 - p^q) / q falls as q grows
      CHECK(gap < 0.15 * before);
      before = gap;
      const auto near =
          gradient_by_logits<double>([&](const Tensor& z) { return gce(z, s.on_device, {.q = q}); }, s.logits);
      CHECK(largest_difference(near, gradient) < 4.0 * q);
    }
  }

  TEST_CASE("gce: at q = 1 it is half of the mean absolute error") {
    const Sample s;
    const auto half = [&](const Tensor& z) { return 0.5 * mean_absolute_error(z, s.on_device); };
    const auto end = [&](const Tensor& z) { return gce(z, s.on_device, {.q = 1.0}); };
    CHECK(end(s.logits).item() == doctest::Approx(half(s.logits).item()).epsilon(1e-14));
    CHECK(largest_difference(gradient_by_logits<double>(end, s.logits), gradient_by_logits<double>(half, s.logits)) <
          1e-13);
  }

  TEST_CASE("gce: its sum over all labels lies within the paper's bounds and is constant at q = 1") {
    constexpr double kClasses = 4.0;
    for (const double q : {0.1, 0.5, 0.7, 1.0}) {
      for (uint32_t draw = 0; draw < 10; ++draw) {
        const Tensor logits = random_tensor({1, 4}, 40 + draw, -8.0, 8.0);
        double total = 0.0;
        for (int32_t label = 0; label < 4; ++label) total += gce(logits, label_tensor({label}), {.q = q}).item();
        CHECK(total >= (kClasses - std::pow(kClasses, 1.0 - q)) / q - 1e-12);
        CHECK(total <= (kClasses - 1.0) / q + 1e-12);
      }
    }
  }

  TEST_CASE("gce: a truncated sample has no gradient at all and the others keep theirs") {
    const Sample s;
    const auto gradient = [&](double truncation) {
      return gradient_by_logits<double>(
          [&](const Tensor& z) { return gce(z, s.on_device, {.truncation = truncation}); }, s.logits);
    };
    const auto whole = gradient(0.0), truncated = gradient(0.4);
    const auto p = softmax_rows(s.logits.to_vector<double>(), 4);
    size_t pruned = 0;
    for (size_t i = 0; i < s.labels.size(); ++i) {
      const bool is_pruned = p[4 * i + static_cast<size_t>(s.labels[i])] <= 0.4;
      pruned += is_pruned;
      for (size_t c = 4 * i; c < 4 * i + 4; ++c) CHECK(truncated[c] == (is_pruned ? 0.0 : whole[c]));
    }
    CHECK(pruned > 2);
    CHECK(pruned < s.labels.size() - 2);
  }

  TEST_CASE("gce and mae: the classes read the batch") {
    const Sample s;
    const Batch batch{.inputs = {}, .labels = s.on_device, .host_labels = s.labels, .indices = {}};
    GceLoss loss({.q = 0.3, .truncation = 0.2});
    CHECK(loss(s.logits, batch).item() == gce(s.logits, s.on_device, {.q = 0.3, .truncation = 0.2}).item());
    MaeLoss mae;
    CHECK(mae(s.logits, batch).item() == mean_absolute_error(s.logits, s.on_device).item());
    for (const Loss* each : {static_cast<const Loss*>(&loss), static_cast<const Loss*>(&mae)}) {
      CHECK_FALSE(each->skips(batch, 4));
      CHECK_FALSE(each->needs_training_outputs());
      CHECK(each->state().empty());
    }
  }

  TEST_CASE("gce: options outside their ranges are errors") {
    for (const double q : {0.0, -0.5, 1.5, static_cast<double>(NAN)})
      CHECK_THROWS_WITH_AS(GceLoss({.q = q}), doctest::Contains(fmt::format("q is {}", q).c_str()), Error);
    for (const double k : {-0.1, 1.0, static_cast<double>(NAN)})
      CHECK_THROWS_WITH_AS(GceLoss({.truncation = k}), doctest::Contains("truncation is"), Error);
    const Sample s;
    CHECK_THROWS_AS(gce(s.logits, s.on_device, {.q = 2.0}), Error);
  }
}

}  // namespace
}  // namespace cofactor
