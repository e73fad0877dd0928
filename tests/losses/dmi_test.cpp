#include "losses/dmi.h"
#include "losses/make_loss.h"

#include <limits>

#include "tests/fixtures/numbers.h"
#include "tests/losses/helpers.h"
#include "tests/losses/matrices.h"

namespace cofactor {
namespace {

using namespace testing;

// U in plain loops, as the paper defines it (section 4.1).
Matrix joint_by_hand(const std::vector<double>& logits, const std::vector<int32_t>& labels, size_t classes) {
  const std::vector<double> p = softmax_rows(logits, classes);
  Matrix u(classes);
  for (size_t i = 0; i < labels.size(); ++i)
    for (size_t c = 0; c < classes; ++c)
      u(c, static_cast<size_t>(labels[i])) += p[i * classes + c] / static_cast<double>(labels.size());
  return u;
}

// cof(U)_rc by deleting row r and column c.
double cofactor_by_hand(const Matrix& u, size_t row, size_t column) {
  Matrix minor(u.n - 1);
  for (size_t r = 0; r < minor.n; ++r)
    for (size_t c = 0; c < minor.n; ++c) minor(r, c) = u(r + (r >= row), c + (c >= column));
  return ((row + column) % 2 == 0 ? 1.0 : -1.0) * determinant(minor);
}

// The gradient that the header derives, dL/dU given: g_ci = dL/dU_{c, y_i} / N, then through the softmax.
std::vector<double> gradient_by_hand(const Matrix& by_u, const std::vector<double>& logits,
                                     const std::vector<int32_t>& labels) {
  const size_t classes = by_u.n;
  std::vector<double> gradient = softmax_rows(logits, classes);
  for (size_t i = 0; i < labels.size(); ++i) {
    double* row = gradient.data() + i * classes;  // O_ci, made into dL/dz_ic
    const auto g = [&](size_t c) {
      return by_u(c, static_cast<size_t>(labels[i])) / static_cast<double>(labels.size());
    };
    double mean = 0.0;
    for (size_t c = 0; c < classes; ++c) mean += row[c] * g(c);
    for (size_t c = 0; c < classes; ++c) row[c] *= g(c) - mean;
  }
  return gradient;
}

Batch batch_of(const std::vector<int32_t>& labels) {
  return {.inputs = {}, .labels = label_tensor(labels), .host_labels = labels, .indices = {}};
}

TEST_SUITE("gradient") {
  TEST_CASE("dmi: gradients agree with central differences whether exact or smoothed and normalised or not") {
    for (const int64_t classes : {2, 3, 10}) {
      const auto labels = cycling_labels(3 * classes + 1, classes);
      const Tensor logits = informative_tensor(labels, classes, 2.0, 10);
      for (const bool normalize : {true, false}) {
        const double det = std::exp(-dmi(logits, label_tensor(labels), {.normalize = normalize}).item());
        // Besides the published code's epsilon one as large as |det U|, where smoothing halves the gradient.
        for (const double epsilon : {0.0, 0.001, det}) {
          if (epsilon > 1e3 * det) continue;  // hardly any gradient: tested below, as a fraction of the exact one
          CAPTURE(classes);
          CAPTURE(normalize);
          CAPTURE(epsilon);
          check_gradients(
              [&](const auto& in) {
                return dmi(in[0], label_tensor(labels), {.normalize = normalize, .epsilon = epsilon});
              },
              {logits});
        }
      }
    }
  }

  TEST_CASE("dmi_from_joint: gradients agree with central differences for determinants of either sign") {
    for (const int64_t classes : {2, 3, 10}) {
      for (const double epsilon : {0.0, 0.01}) {
        for (uint32_t draw = 0; draw < 4; ++draw) {
          const Tensor u = random_tensor({classes, classes}, 20 + draw);
          CAPTURE(classes);
          CAPTURE(epsilon);
          check_gradients([&](const auto& in) { return dmi_from_joint(in[0], epsilon); }, {u});
        }
      }
    }
  }

  TEST_CASE("dmi: the gradient is the one that the header derives by hand") {
    for (const size_t classes : {2u, 3u, 5u}) {
      const auto labels = cycling_labels(static_cast<int64_t>(4 * classes + 1), static_cast<int64_t>(classes));
      const Tensor logits = informative_tensor(labels, static_cast<int64_t>(classes), 1.0, 30);
      const auto values = logits.to_vector<double>();
      const Matrix u = joint_by_hand(values, labels, classes);
      const double det = determinant(u);
      for (const double epsilon : {0.0, 0.001}) {
        Matrix by_u(classes);  // -sign(det U) cof(U) / (|det U| + epsilon); with epsilon 0, -U^-T
        for (size_t r = 0; r < classes; ++r)
          for (size_t c = 0; c < classes; ++c)
            by_u(r, c) = -std::copysign(1.0, det) * cofactor_by_hand(u, r, c) / (std::abs(det) + epsilon);
        const auto gradient = gradient_by_logits<double>(
            [&](const Tensor& z) { return dmi(z, label_tensor(labels), {.epsilon = epsilon}); }, logits);
        CHECK(largest_difference(gradient, gradient_by_hand(by_u, values, labels)) < 1e-11);
      }
    }
  }

  TEST_CASE("dmi: smoothing scales the exact gradient by |det U| / (|det U| + epsilon)") {
    constexpr int64_t kClasses = 10;
    const auto labels = cycling_labels(40, kClasses);
    const Tensor logits = informative_tensor(labels, kClasses, 3.0, 40);
    const auto gradient = [&](double epsilon) {
      return gradient_by_logits<double>(
          [&](const Tensor& z) { return dmi(z, label_tensor(labels), {.epsilon = epsilon}); }, logits);
    };
    const auto exact = gradient(0.0);
    const double det = std::exp(-dmi(logits, label_tensor(labels)).item());
    CHECK(det < 1e-10);  // ten balanced classes
    for (const double epsilon : {0.001, 1e-11, 1e-15}) {
      std::vector<double> scaled = exact;
      for (double& entry : scaled) entry *= det / (det + epsilon);
      CHECK(largest_difference(gradient(epsilon), scaled) < 1e-9);
    }
  }

  TEST_CASE("dmi: dividing by N leaves the exact gradient as it is (the paper's footnote 2)") {
    const auto labels = cycling_labels(17, 3);
    const Tensor logits = informative_tensor(labels, 3, 1.0, 50);
    const auto gradient = [&](bool normalize) {
      return gradient_by_logits<double>(
          [&](const Tensor& z) { return dmi(z, label_tensor(labels), {.normalize = normalize}); }, logits);
    };
    CHECK(largest_difference(gradient(false), gradient(true)) < 1e-12);
    const double shift =
        dmi(logits, label_tensor(labels)).item() - dmi(logits, label_tensor(labels), {.normalize = false}).item();
    CHECK(shift == doctest::Approx(3.0 * std::log(17.0)).epsilon(1e-12));
  }

  TEST_CASE("dmi: a class absent from the batch leaves the smoothed gradient exactly zero") {
    for (const auto& labels : {std::vector<int32_t>{0, 2, 0, 2, 2, 3}, std::vector<int32_t>{0, 2, 0, 2, 0, 2}}) {
      for (const bool normalize : {true, false}) {
        for (const double epsilon : {1e-12, 0.001, 1.0}) {
          const Tensor logits = informative_tensor(labels, 4, 1.0, 60);
          const auto loss = [&](const Tensor& z) {
            return dmi(z, label_tensor(labels), {.normalize = normalize, .epsilon = epsilon});
          };
          CHECK(loss(logits).item() == doctest::Approx(-std::log(epsilon)).epsilon(1e-14));
          for (const double entry : gradient_by_logits<double>(loss, logits)) CHECK(entry == 0.0);
        }
      }
    }
  }

  TEST_CASE("dmi: with one class absent the cofactor matrix is non-zero in that class's column alone") {
    const std::vector<int32_t> labels{0, 2, 0, 2, 2, 3};
    const Matrix u = joint_by_hand(informative_logits(labels, 4, 1.0, 61), labels, 4);
    CHECK(determinant(u) == 0.0);
    for (size_t r = 0; r < 4; ++r)
      for (size_t c = 0; c < 4; ++c) CHECK((std::abs(cofactor_by_hand(u, r, c)) > 1e-6) == (c == 1));
  }
}

TEST_SUITE("unit") {
  TEST_CASE("joint matrix: rows are outputs and columns labels and the entries sum to 1 or to N") {
    const std::vector<int32_t> labels{0, 1, 1, 2, 0, 1, 2};
    const Tensor logits = informative_tensor(labels, 3, 1.0, 70);
    const Matrix by_hand = joint_by_hand(logits.to_vector<double>(), labels, 3);
    const Tensor u = joint_matrix(logits, label_tensor(labels));
    CHECK(u.dtype() == DType::f64);
    CHECK(u.shape() == Shape{3, 3});
    CHECK(largest_difference(u.to_vector<double>(), by_hand.values) < 1e-15);
    const auto counts = joint_matrix(logits, label_tensor(labels), false).to_vector<double>();
    CHECK(std::accumulate(counts.begin(), counts.end(), 0.0) == doctest::Approx(7.0).epsilon(1e-14));
    for (size_t c = 0; c < 3; ++c)  // the samples of each label
      CHECK(counts[c] + counts[3 + c] + counts[6 + c] == doctest::Approx(c == 1 ? 3.0 : 2.0).epsilon(1e-14));
  }

  TEST_CASE("joint matrices of parts add up to the whole's") {
    const auto labels = cycling_labels(12, 3);
    const auto values = informative_logits(labels, 3, 1.0, 71);
    std::vector<double> total(9, 0.0);
    for (const auto& [first, count] : {std::pair<int64_t, int64_t>{0, 5}, {5, 7}}) {
      const std::vector<double> part(values.begin() + first * 3, values.begin() + (first + count) * 3);
      const std::vector<int32_t> part_labels(labels.begin() + first, labels.begin() + first + count);
      const auto u = joint_matrix(Tensor::from(part, {count, 3}, Device::reference), label_tensor(part_labels), false)
                         .to_vector<double>();
      for (size_t k = 0; k < 9; ++k) total[k] += u[k] / 12.0;
    }
    CHECK(dmi_loss(Matrix(3, total)) ==
          doctest::Approx(dmi(Tensor::from(values, {12, 3}, Device::reference), label_tensor(labels)).item())
              .epsilon(1e-13));
  }

  TEST_CASE("dmi: values computed by hand") {
    const double ln3 = std::log(3.0);
    // Outputs (3/4, 1/4) for label 0 and (1/4, 3/4) for label 1: O L = [[3/4, 1/4], [1/4, 3/4]], det = 1/2.
    const Tensor logits = Tensor::from(std::vector<double>{ln3, 0.0, 0.0, ln3}, {2, 2}, Device::reference);
    const Tensor labels = label_tensor({0, 1});
    CHECK(dmi(logits, labels, {.normalize = false}).item() == doctest::Approx(std::log(2.0)).epsilon(1e-14));
    CHECK(dmi(logits, labels).item() == doctest::Approx(std::log(8.0)).epsilon(1e-14));  // det / N^2 = 1/8
    CHECK(dmi(logits, labels, {.normalize = true, .epsilon = 0.125}).item() ==
          doctest::Approx(std::log(4.0)).epsilon(1e-14));
    CHECK(dmi(logits, label_tensor({1, 0})).item() == doctest::Approx(std::log(8.0)).epsilon(1e-14));  // det = -1/8
    CHECK(dmi_loss(Matrix(3, {0.0, 0.0, 0.5, 0.25, 0.0, 0.0, 0.0, 0.25, 0.0})) ==
          doctest::Approx(std::log(32.0)).epsilon(1e-14));
  }

  TEST_CASE("dmi: what a trainer must know of it is said by its hooks") {
    const DmiLoss loss;
    CHECK(loss.needs_every_class());
    CHECK_FALSE(loss.depends_on_class_order());
    CHECK(loss.uninformative_under(Transition::identity(3)).empty());
    CHECK(
        loss.uninformative_under(Transition(2, {0.5, 0.5, 0.5, 0.5})).starts_with("the transition matrix is singular"));
    CHECK(loss.diagnose_infinity().cause.starts_with("U is singular"));
    const std::string remedy = loss.diagnose_infinity().remedy;
    const auto names_flag = [&](const LossOption& option) { return remedy.find(option.flag) != std::string::npos; };
    CHECK(std::ranges::any_of(loss_options("dmi"), names_flag));
  }

  TEST_CASE("dmi: the best there is on balanced labels is C log C whatever the class order") {
    for (const int64_t classes : {2, 3, 10}) {
      const auto labels = cycling_labels(3 * classes, classes);
      const double best = static_cast<double>(classes) * std::log(static_cast<double>(classes));
      std::vector<double> shifted(labels.size() * static_cast<size_t>(classes), -1000.0);  // says label + 1
      for (size_t i = 0; i < labels.size(); ++i)
        shifted[i * static_cast<size_t>(classes) + static_cast<size_t>((labels[i] + 1) % classes)] = 1000.0;
      const Tensor sure = Tensor::from(shifted, {3 * classes, classes}, Device::reference);
      CHECK(dmi(sure, label_tensor(labels)).item() == doctest::Approx(best).epsilon(1e-13));
      for (uint32_t draw = 0; draw < 20; ++draw)
        CHECK(dmi(random_tensor({3 * classes, classes}, 80 + draw, -9.0, 9.0), label_tensor(labels)).item() > best);
    }
  }

  TEST_CASE("dmi: a class absent from the batch makes the exact loss infinite and the batch skipped") {
    const std::vector<int32_t> absent{0, 2, 0, 2};
    CHECK(dmi(informative_tensor(absent, 3, 1.0, 110), label_tensor(absent)).item() == kInfinity);
    for (const double epsilon : {0.0, 0.001}) {
      const DmiLoss loss({.epsilon = epsilon});
      CHECK(loss.skips(batch_of(absent), 3));
      CHECK(loss.skips(batch_of({1, 1}), 2));
      CHECK(loss.skips(batch_of({}), 2));
      CHECK_FALSE(loss.skips(batch_of({2, 0, 1, 1}), 3));
      CHECK_THROWS_WITH_AS((void)loss.skips(batch_of({0, 3}), 3), "dmi: label 3 lies outside [0, 3)", Error);
      CHECK_THROWS_WITH_AS((void)loss.skips(batch_of({0, -1}), 3), "dmi: label -1 lies outside [0, 3)", Error);
      CHECK_THROWS_AS((void)loss.skips(batch_of({0}), 1), Error);
    }
  }

  TEST_CASE("dmi: a classifier that ignores its input has an infinite exact loss though no class is absent") {
    const std::vector<int32_t> labels{0, 1, 2, 3, 0, 1, 2, 3};
    const Tensor logits = Tensor::full({8, 4}, 0.5, DType::f64, Device::reference);
    CHECK_FALSE(DmiLoss().skips(batch_of(labels), 4));  // the caller sees it from the value alone
    CHECK(dmi(logits, label_tensor(labels)).item() == kInfinity);
    // One that prefers a class: the rows of U are multiples, and rounding decides between infinity and a large number.
    Tensor biased = Tensor::full({8, 4}, 0.0, DType::f64, Device::reference);
    for (int64_t i = 0; i < 8; ++i) biased.data<double>()[4 * i + 1] = 0.7;
    CHECK(dmi(biased, label_tensor(labels)).item() > 30.0);
  }

  TEST_CASE("dmi: huge logits stay finite in value and gradient") {
    const Tensor logits = Tensor::from(std::vector<double>{1e4, -1e4, -1e4, 1e4, 1e4, 0.0}, {3, 2}, Device::reference);
    const auto loss = [](const Tensor& z) { return dmi(z, label_tensor({0, 1, 1})); };
    CHECK(loss(logits).item() == doctest::Approx(std::log(9.0)).epsilon(1e-14));  // O L = [[1, 1], [0, 1]]
    for (const double entry : gradient_by_logits<double>(loss, logits)) CHECK(entry == 0.0);
  }

  TEST_CASE("dmi: f32 on every device agrees with f64 on the reference") {
    for (const int64_t classes : {2, 10, 14}) {
      const auto labels = cycling_labels(128, classes);
      const auto values = informative_logits<float>(labels, classes, 3.0, 120);
      const Tensor wide =
          Tensor::from(std::vector<double>(values.begin(), values.end()), {128, classes}, Device::reference);
      for (const Device device : available_devices()) {
        for (const DmiOptions options : {DmiOptions{}, DmiOptions{.normalize = false, .epsilon = 0.001}}) {
          CAPTURE(name_of(device));
          CAPTURE(classes);
          const auto expected = [&](const Tensor& z) { return dmi(z, label_tensor(labels), options); };
          const auto actual = [&](const Tensor& z) { return dmi(z, label_tensor(labels, device), options); };
          const Tensor logits = Tensor::from(values, {128, classes}, device);
          CHECK(std::abs(actual(logits).item() - expected(wide).item()) < 1e-4);
          CHECK(largest_difference(gradient_by_logits<float>(actual, logits),
                                   gradient_by_logits<double>(expected, wide)) < 1e-4);
        }
      }
    }
  }

  TEST_CASE("dmi: an absent class is seen on every device") {
    const std::vector<int32_t> absent{0, 2, 0, 2, 2, 0};
    const auto values = informative_logits<float>(absent, 3, 1.0, 130);
    for (const Device device : available_devices()) {
      CAPTURE(name_of(device));
      const Tensor labels = label_tensor(absent, device);
      const Tensor logits = Tensor::from(values, {6, 3}, device);
      CHECK(dmi(logits, labels).item() == kInfinity);
      const auto gradient =
          gradient_by_logits<float>([&](const Tensor& z) { return dmi(z, labels, {.epsilon = 0.001}); }, logits);
      for (const float entry : gradient) CHECK(std::abs(entry) < 1e-12f);  // an SVD may round the zero column
    }
  }

  TEST_CASE("dmi: the class applies its options to the batch") {
    const std::vector<int32_t> labels{0, 1, 2, 2, 1};
    const Tensor logits = informative_tensor(labels, 3, 1.0, 140);
    for (const DmiOptions options : {DmiOptions{}, DmiOptions{.normalize = false, .epsilon = 0.5}}) {
      DmiLoss loss(options);
      CHECK(loss.name() == "dmi");
      CHECK(loss.options() == options);
      CHECK(loss(logits, batch_of(labels)).item() == dmi(logits, label_tensor(labels), options).item());
    }
    CHECK_THROWS_WITH_AS(DmiLoss({.epsilon = -0.5}), doctest::Contains("-0.5"), Error);
    CHECK_THROWS_AS(DmiLoss({.epsilon = kInfinity}), Error);
  }

  TEST_CASE("dmi: errors name what does not fit and its values") {
    const Tensor logits = random_tensor({3, 4}, 150);
    const Tensor labels = label_tensor({0, 1, 2});
    CHECK_THROWS_WITH_AS(dmi({}, labels), doctest::Contains("logits are undefined"), Error);
    CHECK_THROWS_WITH_AS(dmi(logits, {}), doctest::Contains("labels are undefined"), Error);
    CHECK_THROWS_WITH_AS(dmi(random_tensor({3, 1}, 151), labels), doctest::Contains("1 classes"), Error);
    CHECK_THROWS_WITH_AS(dmi(random_tensor({3, 4, 1}, 151), labels), doctest::Contains("(3, 4, 1)"), Error);
    CHECK_THROWS_WITH_AS(dmi(logits, label_tensor({0, 1})), doctest::Contains("shape (2)"), Error);
    CHECK_THROWS_WITH_AS(dmi(logits, random_tensor({3}, 152)), doctest::Contains("expected i32"), Error);
    CHECK_THROWS_WITH_AS(dmi(random_tensor({0, 4}, 153), label_tensor({})), doctest::Contains("no samples"), Error);
    CHECK_THROWS_AS(dmi(logits, labels, {.epsilon = -1.0}), Error);
    for (const Device device : available_devices())
      if (device != Device::reference)
        CHECK_THROWS_WITH_AS(dmi(logits, label_tensor({0, 1, 2}, device)), doctest::Contains("reference"), Error);
    CHECK_THROWS_AS(dmi_from_joint(random_tensor({2, 3}, 154)), Error);
  }
}

}  // namespace
}  // namespace cofactor
