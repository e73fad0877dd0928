#include "losses/symmetric_cross_entropy.h"

#include "losses/cross_entropy.h"
#include "losses/mae.h"
#include "tests/losses/helpers.h"

namespace cofactor {
namespace {

using namespace testing;

TEST_SUITE("unit") {
  TEST_CASE("sce: its parts are cross entropy and the mean absolute error") {
    const auto labels = cycling_labels(9, 3);
    const Tensor logits = informative_tensor(labels, 3, 1.0, 50), on_device = label_tensor(labels);
    const double ce = cross_entropy(logits, on_device).item(), mae = mean_absolute_error(logits, on_device).item();
    const auto sce = [&](const SceOptions& options) {
      return symmetric_cross_entropy(logits, on_device, options).item();
    };
    CHECK(sce({.alpha = 1.0, .beta = 0.0}) == doctest::Approx(ce).epsilon(1e-14));
    CHECK(sce({.alpha = 0.0, .beta = 1.0, .log_zero = -2.0}) == doctest::Approx(mae).epsilon(1e-14));
    CHECK(sce({}) == doctest::Approx(0.1 * ce + 2.0 * mae).epsilon(1e-14));
    CHECK(sce({.alpha = 0.1, .beta = 4.0, .log_zero = -1.0}) == doctest::Approx(sce({})).epsilon(1e-14));

    SymmetricCrossEntropyLoss loss({.alpha = 0.3});
    const Batch batch{.inputs = {}, .labels = on_device, .host_labels = labels, .indices = {}};
    CHECK(loss(logits, batch).item() == sce({.alpha = 0.3}));
    CHECK(loss.options() == SceOptions{.alpha = 0.3});
  }

  TEST_CASE("sce: options outside their ranges are errors") {
    CHECK_THROWS_WITH_AS(SymmetricCrossEntropyLoss({.alpha = -0.5}), doctest::Contains("alpha is -0.5"), Error);
    CHECK_THROWS_WITH_AS(SymmetricCrossEntropyLoss({.beta = NAN}), doctest::Contains("beta is nan"), Error);
    CHECK_THROWS_WITH_AS(SymmetricCrossEntropyLoss({.log_zero = 0.0}), doctest::Contains("log 0 is defined as 0"),
                         Error);
    CHECK_THROWS_AS(SymmetricCrossEntropyLoss({.log_zero = -INFINITY}), Error);
  }
}

}  // namespace
}  // namespace cofactor
