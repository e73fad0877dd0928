#include "losses/cross_entropy.h"

#include "tests/losses/helpers.h"

namespace cofactor {
namespace {

using namespace testing;

TEST_SUITE("gradient") {
  TEST_CASE("cross entropy: gradients agree with central differences") {
    for (const int64_t classes : {1, 2, 3, 10}) {
      for (const int64_t samples : {1, 7}) {
        CAPTURE(classes);
        CAPTURE(samples);
        const Tensor labels = label_tensor(cycling_labels(samples, classes));
        check_gradients([&](const auto& in) { return cross_entropy(in[0], labels); },
                        {random_tensor({samples, classes}, 1, -3.0, 3.0)});
      }
    }
  }

  TEST_CASE("cross entropy: the gradient is (softmax - one-hot) / N as the header derives") {
    constexpr size_t kClasses = 5, kSamples = 11;
    const auto labels = cycling_labels(kSamples, kClasses);
    const Tensor logits = informative_tensor(labels, kClasses, 0.5, 2);
    const auto gradient =
        gradient_by_logits<double>([&](const Tensor& z) { return cross_entropy(z, label_tensor(labels)); }, logits);
    std::vector<double> by_hand = softmax_rows(logits.to_vector<double>(), kClasses);
    for (size_t i = 0; i < kSamples; ++i) by_hand[i * kClasses + static_cast<size_t>(labels[i])] -= 1.0;
    for (double& entry : by_hand) entry /= kSamples;
    CHECK(largest_difference(gradient, by_hand) < 1e-13);
  }
}

TEST_SUITE("unit") {
  TEST_CASE("cross entropy: values computed by hand") {
    const double ln2 = std::log(2.0), ln3 = std::log(3.0);
    // softmax (1/4, 3/4) and (2/3, 1/3)
    const Tensor logits = Tensor::from(std::vector<double>{0.0, ln3, ln2, 0.0}, {2, 2}, Device::reference);
    CHECK(cross_entropy(logits, label_tensor({0, 0})).item() ==
          doctest::Approx((std::log(4.0) + std::log(1.5)) / 2.0).epsilon(1e-14));
    CHECK(cross_entropy(logits, label_tensor({1, 1})).item() ==
          doctest::Approx((std::log(4.0 / 3.0) + std::log(3.0)) / 2.0).epsilon(1e-14));
    const Tensor equal_logits = Tensor::full({3, 7}, 2.5, DType::f64, Device::reference);
    CHECK(cross_entropy(equal_logits, label_tensor({0, 3, 6})).item() == doctest::Approx(std::log(7.0)).epsilon(1e-14));
  }

  TEST_CASE("cross entropy: huge logits stay finite in value and gradient") {
    const Tensor logits = Tensor::from(std::vector<double>{1e4, -1e4, -1e4, 1e4}, {2, 2}, Device::reference);
    const auto loss = [&](const Tensor& z) { return cross_entropy(z, label_tensor({0, 0})); };
    CHECK(loss(logits).item() == doctest::Approx(1e4));  // 0 for the first sample, 2e4 for the second
    CHECK(gradient_by_logits<double>(loss, logits) == std::vector<double>{0.0, 0.0, -0.5, 0.5});
  }

  TEST_CASE("cross entropy: f32 on every device agrees with f64 on the reference") {
    constexpr int64_t kClasses = 10, kSamples = 33;
    const auto labels = cycling_labels(kSamples, kClasses);
    const auto values = informative_logits<float>(labels, kClasses, 1.0, 3);
    const Tensor wide =
        Tensor::from(std::vector<double>(values.begin(), values.end()), {kSamples, kClasses}, Device::reference);
    const auto expected =
        gradient_by_logits<double>([&](const Tensor& z) { return cross_entropy(z, label_tensor(labels)); }, wide);
    for (const Device device : available_devices()) {
      CAPTURE(name_of(device));
      const Tensor on_device = label_tensor(labels, device);
      const Tensor logits = Tensor::from(values, {kSamples, kClasses}, device);
      CHECK(cross_entropy(logits, on_device).item() ==
            doctest::Approx(cross_entropy(wide, label_tensor(labels)).item()).epsilon(1e-6));
      const auto gradient =
          gradient_by_logits<float>([&](const Tensor& z) { return cross_entropy(z, on_device); }, logits);
      CHECK(largest_difference(gradient, expected) < 1e-5);
    }
  }

  TEST_CASE("cross entropy: the class reads the batch and never skips") {
    CrossEntropyLoss loss;
    const std::vector<int32_t> labels{1, 1, 1};
    const Batch batch{.inputs = {}, .labels = label_tensor(labels), .host_labels = labels, .indices = {0, 1, 2}};
    const Tensor logits = random_tensor({3, 4}, 4);
    CHECK(loss.name() == "ce");
    CHECK(loss(logits, batch).item() == cross_entropy(logits, batch.labels).item());
    CHECK_FALSE(loss.skips(batch, 4));
    CHECK_FALSE(loss.needs_every_class());
    CHECK(loss.depends_on_class_order());
    CHECK(loss.uninformative_under(Transition(2, {0.5, 0.5, 0.5, 0.5})).empty());
    CHECK(loss.diagnose_infinity().cause.empty());
  }

  TEST_CASE("cross entropy: errors name what does not fit and its values") {
    const Tensor logits = random_tensor({3, 4}, 5);
    const Tensor labels = label_tensor({0, 1, 2});
    CHECK_THROWS_WITH_AS(cross_entropy({}, labels), doctest::Contains("logits are undefined"), Error);
    CHECK_THROWS_WITH_AS(cross_entropy(logits, {}), doctest::Contains("labels are undefined"), Error);
    CHECK_THROWS_WITH_AS(cross_entropy(random_tensor({3}, 6), labels), doctest::Contains("shape (3)"), Error);
    CHECK_THROWS_WITH_AS(cross_entropy(logits, label_tensor({0, 1})), doctest::Contains("shape (2)"), Error);
    CHECK_THROWS_WITH_AS(cross_entropy(logits, random_tensor({3}, 7)), doctest::Contains("f64, expected i32"), Error);
    CHECK_THROWS_WITH_AS(cross_entropy(Tensor::zeros({3, 4}, DType::bf16, Device::reference), labels),
                         doctest::Contains("bf16"), Error);
    CHECK_THROWS_WITH_AS(cross_entropy(random_tensor({0, 4}, 8), label_tensor({})), doctest::Contains("(0, 4)"), Error);
  }
}

}  // namespace
}  // namespace cofactor
