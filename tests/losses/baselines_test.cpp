// What the losses without state have in common: gradients, PyTorch's numbers, devices, errors.
#include <functional>
#include <string>

#include "losses/backward_correction.h"
#include "losses/bootstrapping.h"
#include "losses/forward_correction.h"
#include "losses/gce.h"
#include "losses/mae.h"
#include "losses/symmetric_cross_entropy.h"
#include "tests/fixtures/fixture.h"
#include "tests/losses/helpers.h"

namespace cofactor {
namespace {

using namespace testing;

const Fixture& pytorch() {
  static const Fixture fixture("losses");
  return fixture;
}

// As in make_loss_fixtures.py: with zeros, and a class whose own label is not the most frequent one.
const Transition& noise() {
  static const Transition transition(
      5, pytorch().get("transition", {Device::reference, DType::f64, {}}).to_vector<double>());
  return transition;
}

struct Baseline {
  std::string name;  // in the fixture
  std::function<Tensor(const Tensor& logits, const Tensor& labels)> loss;
  // N times the gradient by one sample's logits, from its softmax and label: the header's formula.
  std::function<std::vector<double>(const std::vector<double>& p, size_t y)> gradient;
};

// weight (p - one-hot)
std::vector<double> towards_label(const std::vector<double>& p, size_t y, double weight) {
  std::vector<double> gradient;
  for (size_t c = 0; c < p.size(); ++c) gradient.push_back(weight * (p[c] - (c == y ? 1.0 : 0.0)));
  return gradient;
}

std::vector<double> forward_by_hand(const std::vector<double>& p, size_t y) {
  const auto label = static_cast<int64_t>(y);
  double total = 0.0;
  for (size_t c = 0; c < p.size(); ++c) total += p[c] * noise().at(static_cast<int64_t>(c), label);
  std::vector<double> gradient;
  for (size_t c = 0; c < p.size(); ++c)
    gradient.push_back(p[c] - p[c] * noise().at(static_cast<int64_t>(c), label) / total);
  return gradient;
}

std::vector<double> backward_by_hand(const std::vector<double>& p, size_t y) {
  const std::vector<double> t_inverse = noise().inverse("bw", 1e6);
  std::vector<double> gradient;
  for (size_t c = 0; c < p.size(); ++c) gradient.push_back(p[c] - t_inverse[y * p.size() + c]);
  return gradient;
}

std::vector<double> soft_by_hand(const std::vector<double>& p, size_t y) {
  std::vector<double> gradient = towards_label(p, y, 0.95);
  double entropy = 0.0;
  for (const double value : p) entropy -= value * std::log(value);
  for (size_t c = 0; c < p.size(); ++c) gradient[c] -= 0.05 * p[c] * (std::log(p[c]) + entropy);
  return gradient;
}

std::vector<double> hard_by_hand(const std::vector<double>& p, size_t y) {
  std::vector<double> gradient = towards_label(p, y, 0.8);
  const auto believed = static_cast<size_t>(std::ranges::max_element(p) - p.begin());
  const std::vector<double> belief = towards_label(p, believed, 0.2);
  for (size_t c = 0; c < p.size(); ++c) gradient[c] += belief[c];
  return gradient;
}

std::vector<Baseline> baselines() {
  return {
      {"gce", [](const Tensor& z, const Tensor& y) { return gce(z, y); },
       [](const auto& p, size_t y) { return towards_label(p, y, std::pow(p[y], 0.7)); }},
      {"gce.small_q", [](const Tensor& z, const Tensor& y) { return gce(z, y, {.q = 0.1}); },
       [](const auto& p, size_t y) { return towards_label(p, y, std::pow(p[y], 0.1)); }},
      {"gce.truncated", [](const Tensor& z, const Tensor& y) { return gce(z, y, {.truncation = 0.25}); },
       [](const auto& p, size_t y) { return towards_label(p, y, p[y] <= 0.25 ? 0.0 : std::pow(p[y], 0.7)); }},
      {"mae", [](const Tensor& z, const Tensor& y) { return mean_absolute_error(z, y); },
       [](const auto& p, size_t y) { return towards_label(p, y, 2.0 * p[y]); }},
      {"fw", [](const Tensor& z, const Tensor& y) { return forward_correction(z, y, noise()); }, forward_by_hand},
      {"bw", [](const Tensor& z, const Tensor& y) { return backward_correction(z, y, noise()); }, backward_by_hand},
      {"bootstrap_soft", [](const Tensor& z, const Tensor& y) { return soft_bootstrap(z, y, 0.95); }, soft_by_hand},
      {"bootstrap_hard", [](const Tensor& z, const Tensor& y) { return hard_bootstrap(z, y, 0.8); }, hard_by_hand},
      {"sce", [](const Tensor& z, const Tensor& y) { return symmetric_cross_entropy(z, y); },
       [](const auto& p, size_t y) { return towards_label(p, y, 0.1 + 4.0 * p[y]); }},
  };
}

TEST_SUITE("gradient") {
  TEST_CASE("baselines: gradients agree with central differences") {
    for (const Baseline& baseline : baselines()) {
      for (const int64_t samples : {1, 7, 20}) {
        CAPTURE(baseline.name);
        CAPTURE(samples);
        const auto labels = cycling_labels(samples, 5);
        check_gradients([&](const auto& in) { return baseline.loss(in[0], label_tensor(labels)); },
                        {informative_tensor(labels, 5, 1.0, 10)});
      }
    }
  }

  TEST_CASE("baselines: the gradient is the one that the header derives by hand") {
    constexpr size_t kClasses = 5, kSamples = 23;
    const auto labels = cycling_labels(kSamples, kClasses);
    const Tensor logits = informative_tensor(labels, kClasses, 0.7, 11);
    const std::vector<double> p = softmax_rows(logits.to_vector<double>(), kClasses);
    for (const Baseline& baseline : baselines()) {
      CAPTURE(baseline.name);
      std::vector<double> by_hand;
      for (size_t i = 0; i < kSamples; ++i) {
        const std::vector<double> row(p.begin() + static_cast<std::ptrdiff_t>(i * kClasses),
                                      p.begin() + static_cast<std::ptrdiff_t>((i + 1) * kClasses));
        for (const double entry : baseline.gradient(row, static_cast<size_t>(labels[i])))
          by_hand.push_back(entry / kSamples);
      }
      const auto gradient =
          gradient_by_logits<double>([&](const Tensor& z) { return baseline.loss(z, label_tensor(labels)); }, logits);
      CHECK(largest_difference(gradient, by_hand) < 1e-13);
    }
  }
}

TEST_SUITE("parity") {
  TEST_CASE("PyTorch's losses: values and gradients on every device") {
    for (const Setting& setting : settings()) {
      const Tensor labels = pytorch().get("labels", setting);
      for (const Baseline& baseline : baselines()) {
        Tensor logits = pytorch().leaf("logits", setting);
        const Tensor loss = baseline.loss(logits, labels);
        CHECK(loss.dtype() == setting.dtype);
        pytorch().check(loss, baseline.name + ".loss", setting);
        backward(loss);
        pytorch().check(logits.grad(), baseline.name + ".dlogits", setting);
      }
    }
  }
}

TEST_SUITE("unit") {
  TEST_CASE("baselines: certain outputs stay finite in value and gradient on every device") {
    // The label has probability 1, then 0 (its exponential underflows), then with a tie.
    const std::vector<float> values{1e4f, -1e4f, 0, 0, 0, -1e4f, 1e4f, 0, 0, 0, -1e4f, 0, 0, -1e4f, -1e4f};
    for (const Device device : available_devices()) {
      const Tensor logits = Tensor::from(values, {3, 5}, device);
      const Tensor labels = label_tensor({0, 0, 0}, device);
      for (const Baseline& baseline : baselines()) {
        CAPTURE(baseline.name);
        const auto loss = [&](const Tensor& z) { return baseline.loss(z, labels); };
        CHECK(std::isfinite(loss(logits).item()));
        for (const float entry : gradient_by_logits<float>(loss, logits)) {
          CHECK(std::isfinite(entry));
          CHECK(std::abs(entry) < 4.0f);
        }
      }
    }
  }

  TEST_CASE("baselines: NaN logits give NaN and errors name what does not fit") {
    const Tensor labels = label_tensor({0, 1, 2});
    for (const Baseline& baseline : baselines()) {
      CAPTURE(baseline.name);
      Tensor bad = random_tensor({3, 5}, 20);
      bad.data<double>()[7] = NAN;
      CHECK(std::isnan(baseline.loss(bad, labels).item()));
      const Tensor logits = random_tensor({3, 5}, 21);
      CHECK_THROWS_WITH_AS(baseline.loss({}, labels), doctest::Contains("logits are undefined"), Error);
      CHECK_THROWS_WITH_AS(baseline.loss(logits, label_tensor({0, 1})), doctest::Contains("shape (2)"), Error);
      CHECK_THROWS_WITH_AS(baseline.loss(logits, random_tensor({3}, 22)), doctest::Contains("expected i32"), Error);
      CHECK_THROWS_WITH_AS(baseline.loss(random_tensor({0, 5}, 23), label_tensor({})), doctest::Contains("(0, 5)"),
                           Error);
    }
  }
}

}  // namespace
}  // namespace cofactor
