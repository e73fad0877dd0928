#include "losses/bootstrapping.h"

#include "losses/cross_entropy.h"
#include "tests/losses/helpers.h"

namespace cofactor {
namespace {

using namespace testing;

TEST_SUITE("unit") {
  TEST_CASE("bootstrapping: values computed by hand and the ends of beta") {
    const double ln3 = std::log(3.0), ln4 = std::log(4.0);
    const Tensor logits = Tensor::from(std::vector<double>{0.0, ln3}, {1, 2}, Device::reference);  // p = 1/4, 3/4
    const Tensor label = label_tensor({0});
    const double ce = ln4, entropy = 0.25 * ln4 + 0.75 * (ln4 - ln3);
    CHECK(soft_bootstrap(logits, label, 0.6).item() == doctest::Approx(0.6 * ce + 0.4 * entropy).epsilon(1e-14));
    CHECK(hard_bootstrap(logits, label, 0.6).item() == doctest::Approx(0.6 * ce + 0.4 * (ln4 - ln3)).epsilon(1e-14));
    CHECK(soft_bootstrap(logits, label, 1.0).item() == doctest::Approx(ce).epsilon(1e-14));
    CHECK(hard_bootstrap(logits, label, 1.0).item() == doctest::Approx(ce).epsilon(1e-14));
    CHECK(soft_bootstrap(logits, label, 0.0).item() == doctest::Approx(entropy).epsilon(1e-14));
  }

  TEST_CASE("bootstrapping: the soft target is not detached") {
    // A detached target would leave beta times cross entropy's gradient.
    const auto labels = cycling_labels(8, 4);
    const Tensor logits = informative_tensor(labels, 4, 0.5, 60), on_device = label_tensor(labels);
    const auto soft =
        gradient_by_logits<double>([&](const Tensor& z) { return soft_bootstrap(z, on_device, 0.5); }, logits);
    auto detached = gradient_by_logits<double>([&](const Tensor& z) { return cross_entropy(z, on_device); }, logits);
    for (double& entry : detached) entry *= 0.5;
    CHECK(largest_difference(soft, detached) > 0.05);
  }

  TEST_CASE("bootstrapping: the classes read the batch and refuse a beta outside 0 to 1") {
    const auto labels = cycling_labels(5, 3);
    const Tensor logits = informative_tensor(labels, 3, 1.0, 61), on_device = label_tensor(labels);
    const Batch batch{.inputs = {}, .labels = on_device, .host_labels = labels, .indices = {}};
    SoftBootstrapLoss soft;
    HardBootstrapLoss hard;
    CHECK(soft(logits, batch).item() == soft_bootstrap(logits, on_device, 0.95).item());
    CHECK(hard(logits, batch).item() == hard_bootstrap(logits, on_device, 0.8).item());
    for (const double beta : {-0.1, 1.1, static_cast<double>(NAN)}) {
      CHECK_THROWS_WITH_AS(SoftBootstrapLoss({.beta = beta}), doctest::Contains("bootstrap-soft: beta is"), Error);
      CHECK_THROWS_WITH_AS(HardBootstrapLoss({.beta = beta}), doctest::Contains("bootstrap-hard: beta is"), Error);
    }
  }
}

}  // namespace
}  // namespace cofactor
