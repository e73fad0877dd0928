// Forward and backward correction.
#include "engine/ops/elementwise.h"
#include "losses/backward_correction.h"
#include "losses/cross_entropy.h"
#include "losses/forward_correction.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/numbers.h"
#include "tests/losses/helpers.h"
#include "tests/losses/matrices.h"

namespace cofactor {
namespace {

using namespace testing;

Batch batch_for(const std::vector<int32_t>& labels) {
  return {.inputs = {}, .labels = label_tensor(labels), .host_labels = labels, .indices = {}};
}

Transition random_transition(int64_t classes, uint32_t index) {
  return {classes, random_stochastic(static_cast<size_t>(classes), index).values};
}

// Logits whose softmax is these rows.
Tensor logits_of(std::vector<double> p, int64_t classes) {
  for (double& value : p) value = std::log(value);
  return Tensor::from(p, {static_cast<int64_t>(p.size()) / classes, classes}, Device::reference);
}

TEST_SUITE("unit") {
  TEST_CASE("loss correction: an unreachable class and rows that coincide are errors") {
    const auto refused = [](const std::vector<double>& p, int64_t classes, const std::string& part) {
      for (const auto* name : {"fw", "bw"}) {
        const std::unique_ptr<LossCorrection> loss =
            name == std::string("fw") ? std::unique_ptr<LossCorrection>(std::make_unique<ForwardCorrectionLoss>())
                                      : std::make_unique<BackwardCorrectionLoss>();
        const Tensor logits = logits_of(p, classes);
        const std::vector<int32_t> labels(p.size() / static_cast<size_t>(classes), 0);
        const std::string message = error_of([&] { loss->prepare(logits, batch_for(labels)); });
        CAPTURE(message);
        CHECK(contains(message, std::string(name) + ": "));
        CHECK(contains(message, part));
        CHECK_FALSE(loss->transition().has_value());
      }
    };
    refused({0.899, 0.1, 0.001, 0.2, 0.799, 0.001}, 3,
            "none of 2 training samples has a probability of class 2 above 0.001, expected at least 0.00333");
    // One sample is the surest of both classes; a network that ignores its input; a network that nearly does.
    refused({0.3, 0.7}, 2, "rows 0 and 1 are most alike, no entry differs by more than 0");
    refused({0.25, 0.75, 0.25, 0.75}, 2, "singular");
    refused({0.3, 0.7, 0.3001, 0.6999}, 2, "expected at most 1000");
    refused({0.5, 0.5, kNan, 0.5}, 2, "sample 1 for class 0 is nan");
  }

  TEST_CASE("backward correction: a singular matrix is an error that forward correction does without") {
    const Transition twice(3, {0.5, 0.25, 0.25, 0.0, 1.0, 0.0, 0.5, 0.25, 0.25});
    CHECK_THROWS_WITH_AS(BackwardCorrectionLoss({.transition = twice}),
                         doctest::Contains("bw: the transition matrix is singular"), Error);
    CHECK_NOTHROW(ForwardCorrectionLoss({.transition = twice}));  // it needs no inverse
  }

  TEST_CASE("loss correction: the matrix is asked for in prepare unless it is given") {
    const std::vector<double> p{0.9, 0.1, 0.3, 0.7, 0.6, 0.4};
    const Tensor logits = logits_of(p, 2);
    const Batch batch = batch_for({0, 1, 0});
    ForwardCorrectionLoss estimated;
    CHECK(estimated.needs_training_outputs());
    CHECK(estimated.state().empty());
    CHECK_THROWS_WITH_AS(estimated(logits, batch), doctest::Contains("fw: there is no transition matrix yet"), Error);
    estimated.prepare(logits, batch);
    const Transition t(2, {0.9, 0.1, 0.3, 0.7});
    CHECK(largest_difference(estimated.transition()->values(), t.values()) < 1e-14);

    ForwardCorrectionLoss given({.transition = t});
    CHECK_FALSE(given.needs_training_outputs());
    CHECK(given(logits, batch).item() == doctest::Approx(estimated(logits, batch).item()).epsilon(1e-14));
    given.prepare(logits_of({0.5, 0.5}, 2), batch_for({0}));  // not looked at
    CHECK(*given.transition() == t);
    CHECK(given.state().empty());
    CHECK_NOTHROW(given.load_state({}));
    CHECK_THROWS_AS(given.load_state(estimated.state()), Error);
    CHECK_THROWS_WITH_AS(given(random_tensor({2, 3}, 80), batch_for({0, 1})),
                         doctest::Contains("3 classes, the transition matrix has 2"), Error);
  }

  TEST_CASE("loss correction: an estimated matrix is the state") {
    const Tensor outputs = logits_of({0.9, 0.1, 0.3, 0.7, 0.6, 0.4}, 2);
    const Batch batch = batch_for({0, 1, 0});
    BackwardCorrectionLoss loss, resumed;
    loss.prepare(outputs, batch);
    const auto state = loss.state();
    resumed.load_state(state);
    CHECK(*resumed.transition() == *loss.transition());
    const Tensor logits = random_tensor({3, 2}, 81);
    CHECK(resumed(logits, batch).item() == loss(logits, batch).item());
    CHECK_THROWS_WITH_AS(resumed.load_state({}), doctest::Contains("has no 'transition'"), Error);
    CHECK_THROWS_WITH_AS(resumed.load_state({{"transition", random_tensor({2, 3}, 82)}}), doctest::Contains("(2, 3)"),
                         Error);
    CHECK_THROWS_WITH_AS(resumed.load_state({state[0], {"more", state[0].tensor}}), doctest::Contains("'more'"), Error);
    CHECK_THROWS_WITH_AS(resumed.load_state({{"transition", Tensor::full({2, 2}, 0.7, DType::f64, Device::reference)}}),
                         doctest::Contains("row 0: the row sums to 1.4"), Error);
  }

  TEST_CASE("forward correction: values computed by hand and identity noise is cross entropy") {
    const Tensor logits = logits_of({0.25, 0.75, 0.5, 0.5}, 2), labels = label_tensor({0, 1});
    const Transition t(2, {0.6, 0.4, 0.2, 0.8});
    CHECK(forward_correction(logits, labels, t).item() ==
          doctest::Approx(-(std::log(0.25 * 0.6 + 0.75 * 0.2) + std::log(0.5 * 0.4 + 0.5 * 0.8)) / 2.0).epsilon(1e-14));
    const Tensor many = random_tensor({9, 4}, 83, -5.0, 5.0), many_labels = label_tensor(cycling_labels(9, 4));
    for (const auto& correct : {forward_correction, backward_correction})
      CHECK(correct(many, many_labels, Transition::identity(4)).item() ==
            doctest::Approx(cross_entropy(many, many_labels).item()).epsilon(1e-13));
  }

  TEST_CASE("forward correction: a certain and wrong output has the loss of its log odds") {
    // Class 0 has probability 1 to rounding; label 1 comes from class 1 alone.
    const Transition t(2, {1.0, 0.0, 0.5, 0.5});
    const Tensor logits = Tensor::from(std::vector<double>{5000.0, -5000.0}, {1, 2}, Device::reference);
    const auto loss = [&](const Tensor& z) { return forward_correction(z, label_tensor({1}), t); };
    CHECK(loss(logits).item() == doctest::Approx(1e4 + std::log(2.0)).epsilon(1e-14));
    CHECK(gradient_by_logits<double>(loss, logits) == std::vector<double>{1.0, -1.0});
  }

  TEST_CASE("forward correction: a label that the matrix never gives is a finite constant on every device") {
    const Transition t(3, {0.5, 0.0, 0.5, 1.0, 0.0, 0.0, 0.25, 0.0, 0.75});
    const auto values = random_values<float>(6, 84, -3.0, 3.0);
    for (const Device device : available_devices()) {
      CAPTURE(name_of(device));
      const Tensor logits = Tensor::from(values, {2, 3}, device);
      const Tensor labels = label_tensor({1, 0}, device);
      const auto loss = [&](const Tensor& z) { return forward_correction(z, labels, t); };
      const double likely =
          forward_correction(Tensor::from(std::vector<float>(values.begin() + 3, values.end()), {1, 3}, device),
                             label_tensor({0}, device), t)
              .item();
      CHECK(2.0 * loss(logits).item() - likely == doctest::Approx(708.396).epsilon(1e-5));
      const auto gradient = gradient_by_logits<float>(loss, logits);
      double learned = 0.0;
      for (size_t c = 0; c < 3; ++c) {
        CHECK(std::abs(gradient[c]) < 1e-6f);
        learned += std::abs(gradient[3 + c]);
      }
      CHECK(learned > 0.01);
    }
  }

  TEST_CASE("backward correction: its expectation over the noise is the clean loss of every sample") {
    for (const int64_t classes : {2, 5}) {
      const Transition t = random_transition(classes, 90);
      const Tensor logits = random_tensor({1, classes}, 91, -3.0, 3.0);
      for (int32_t clean = 0; clean < classes; ++clean) {
        double expected = 0.0;
        for (int32_t y = 0; y < classes; ++y)
          expected += t.at(clean, y) * backward_correction(logits, label_tensor({y}), t).item();
        CHECK(expected == doctest::Approx(cross_entropy(logits, label_tensor({clean})).item()).epsilon(1e-10));
      }
    }
  }

  TEST_CASE("forward correction: the expectation over the noise is least at the clean posterior") {
    const Transition t(3, {0.3, 0.7, 0.0, 0.0, 0.6, 0.4, 0.2, 0.0, 0.8});  // class 0 is most often labelled 1
    const std::vector<double> clean{0.5, 0.2, 0.3};
    const auto expected = [&](const Tensor& z) {
      Tensor total;
      for (int32_t y = 0; y < 3; ++y) {
        double probability = 0.0;
        for (int64_t c = 0; c < 3; ++c) probability += clean[static_cast<size_t>(c)] * t.at(c, y);
        const Tensor part = probability * forward_correction(z, label_tensor({y}), t);
        total = total.defined() ? total + part : part;
      }
      return total;
    };
    const Tensor best = logits_of(clean, 3);
    for (const double entry : gradient_by_logits<double>(expected, best)) CHECK(std::abs(entry) < 1e-14);
    for (uint32_t draw = 0; draw < 20; ++draw)
      CHECK(expected(random_tensor({1, 3}, 100 + draw, -4.0, 4.0)).item() > expected(best).item());
  }
}

}  // namespace
}  // namespace cofactor
