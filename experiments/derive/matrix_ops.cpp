// The walks of ops on a matrix: docs/derivations.md, sections 1 and 9.
#include <algorithm>
#include <cmath>

#include "engine/ops/batch_norm.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "experiments/derive/input.h"
#include "experiments/derive/op_walk.h"

namespace cofactor {
namespace {

class LinearDerivation : public OpDerivation {
 public:
  void add_flags(Flags& flags) override {
    const Flag samples = flags.add("--samples", samples_, "Rows of x");
    const Flag features = flags.add("--features", features_, "Columns of x");
    const Flag outputs = flags.add("--outputs", outputs_, "Rows of w");
    add_common(flags, "one row per sample", {samples, features});
    flags.add("--weight", weight_, "CSV file with your own w: a header row, then one row per output").excludes(outputs);
  }

  Walk walk() override {
    for (const Extent& extent : {Extent{"--samples", samples_}, {"--features", features_}, {"--outputs", outputs_}})
      check_extent(extent);
    check_count("x", {samples_, features_});
    const Numbers x = has_input() ? read_numbers(input()) : drawn({samples_, features_}, 0);
    if (!weight_) check_count("w", {outputs_, x.columns()});
    const Numbers w = !weight_ ? drawn({outputs_, x.columns()}, 1) : read_numbers(*weight_);
    check(w.columns() == x.columns(), "linear: w has {} columns, x has {}: each row of w weights the columns of x",
          w.columns(), x.columns());
    check_count("y", {x.rows(), w.rows()});
    return walk_of(x, w, drawn(Shape{w.rows()}, 2));
  }

 private:
  Walk walk_of(const Numbers& x, const Numbers& w, const Numbers& b) const;

  int64_t samples_ = 4, features_ = 3, outputs_ = 2;
  std::optional<std::string> weight_;  // a file
};

Walk LinearDerivation::walk_of(const Numbers& x, const Numbers& w, const Numbers& b) const {
  Walk walk(fmt::format("A linear layer: {} samples, {} features, {} outputs", x.rows(), x.columns(), w.rows()));
  walk.given("Input", {"x", "x"}, x);
  walk.given("Weight", {"w", "w"}, w);
  walk.given("Bias", {"b", "b"}, b);
  Tensor x_leaf = x.tensor(), w_leaf = w.tensor(), b_leaf = b.tensor();
  Numbers y({x.rows(), w.rows()});
  for (int64_t n = 0; n < x.rows(); ++n) {
    for (int64_t o = 0; o < w.rows(); ++o) {
      y.at(n, o) = b[o];
      for (int64_t i = 0; i < x.columns(); ++i) y.at(n, o) += x.at(n, i) * w.at(o, i);
    }
  }
  walk.value("Output", {"y", "y"}, {"y = x w^T + b", "y = x w^T + b"}, y, linear(x_leaf, w_leaf, b_leaf));
  const Numbers g = walk_loss(walk, y, linear(x_leaf, w_leaf, b_leaf));
  Numbers dx(x.shape), dw(w.shape), db(b.shape);
  for (int64_t n = 0; n < x.rows(); ++n) {
    for (int64_t o = 0; o < w.rows(); ++o) {
      db[o] += g.at(n, o);
      for (int64_t i = 0; i < x.columns(); ++i) {
        dx.at(n, i) += g.at(n, o) * w.at(o, i);
        dw.at(o, i) += g.at(n, o) * x.at(n, i);
      }
    }
  }
  const double most = largest(g.values);
  walk.gradient("Gradient with respect to the input", {"dL/dx", "\\partial L / \\partial x"},
                {"dL/dx = g w", "\\frac{\\partial L}{\\partial x} = g \\, w"}, dx,
                weighted_sum([&](const Tensor& at) { return linear(at, w_leaf, b_leaf); }, g), x_leaf,
                {.scale = most * largest(w.values)});
  walk.gradient("Gradient with respect to the weight", {"dL/dw", "\\partial L / \\partial w"},
                {"dL/dw = g^T x", "\\frac{\\partial L}{\\partial w} = g^T x"}, dw,
                weighted_sum([&](const Tensor& at) { return linear(x_leaf, at, b_leaf); }, g), w_leaf,
                {.scale = most * largest(x.values)});
  walk.gradient("Gradient with respect to the bias", {"dL/db", "\\partial L / \\partial b"},
                {"dL/db_o = sum_n g_no", "\\frac{\\partial L}{\\partial b_o} = \\sum_n g_{no}"}, db,
                weighted_sum([&](const Tensor& at) { return linear(x_leaf, w_leaf, at); }, g), b_leaf, {.scale = most});
  const auto names = name_leaves({{&x_leaf, "x"}, {&w_leaf, "w"}, {&b_leaf, "b"}});
  walk.draw(sum(linear(x_leaf, w_leaf, b_leaf) * g.tensor()), names);
  return walk;
}

class SoftmaxDerivation : public OpDerivation {
 public:
  void add_flags(Flags& flags) override {
    const Flag samples = flags.add("--samples", samples_, "Rows of x");
    const Flag classes = flags.add("--classes", classes_, "Columns of x");
    add_common(flags, "one row per sample, to which softmax is applied", {samples, classes});
  }

  Walk walk() override {
    check_extent({"--samples", samples_});
    check_extent({"--classes", classes_});
    check_count("x", {samples_, classes_});
    const Numbers x = has_input() ? read_numbers(input()) : drawn({samples_, classes_}, 0);
    Walk walk(fmt::format("Softmax and log softmax of {} rows with {} entries", x.rows(), x.columns()));
    walk.given("Input", {"x", "x"}, x);
    Tensor leaf = x.tensor();
    const Numbers log_y = log_softmax_rows(x), y = exp_of(log_y);
    walk.value("Softmax", {"y", "y"}, {"y_c = exp(x_c) / sum_k exp(x_k)", "y_c = \\frac{e^{x_c}}{\\sum_k e^{x_k}}"}, y,
               softmax(leaf));
    const Numbers g = walk_loss(walk, y, softmax(leaf));
    Numbers dx(x.shape), log_dx(x.shape);
    for (int64_t n = 0; n < x.rows(); ++n) {
      double weighted = 0.0, total = 0.0;
      for (int64_t c = 0; c < x.columns(); ++c) {
        weighted += g.at(n, c) * y.at(n, c);
        total += g.at(n, c);
      }
      for (int64_t c = 0; c < x.columns(); ++c) {
        dx.at(n, c) = y.at(n, c) * (g.at(n, c) - weighted);
        log_dx.at(n, c) = g.at(n, c) - y.at(n, c) * total;
      }
    }
    const double most = largest(g.values);
    walk.gradient("Gradient through softmax", {"dL/dx", "\\partial L / \\partial x"},
                  {"dL/dx_j = y_j (g_j - sum_c g_c y_c)",
                   "\\frac{\\partial L}{\\partial x_j} = y_j \\Big(g_j - \\sum_c g_c y_c\\Big)"},
                  dx, weighted_sum(softmax, g), leaf, {.scale = most});
    walk.value("Log softmax", {"log y", "\\log y"},
               {"log y_c = x_c - log sum_k exp(x_k)", "\\log y_c = x_c - \\log \\sum_k e^{x_k}"}, log_y,
               log_softmax(leaf));
    walk.gradient("Gradient through log softmax, where the same g arrives", {"dL/dx", "\\partial L / \\partial x"},
                  {"dL/dx_j = g_j - y_j sum_c g_c", "\\frac{\\partial L}{\\partial x_j} = g_j - y_j \\sum_c g_c"},
                  log_dx, weighted_sum(log_softmax, g), leaf, {.scale = most * static_cast<double>(x.columns())});
    const auto names = name_leaves({{&leaf, "x"}});
    walk.draw(sum(softmax(leaf) * g.tensor()), names);
    return walk;
  }

 private:
  int64_t samples_ = 3, classes_ = 3;
};

class BatchNormDerivation : public OpDerivation {
 public:
  void add_flags(Flags& flags) override {
    const Flag samples = flags.add("--samples", samples_, "Rows of x: the values of each channel");
    const Flag channels = flags.add("--channels", channels_, "Columns of x");
    flags.add("--epsilon", epsilon_, "Added to the variance").positive();
    add_common(flags, "one row per sample and a column per channel", {samples, channels});
  }

  Walk walk() override {
    check_extent({"--samples", samples_}, 2);
    check_extent({"--channels", channels_});
    check_count("x", {samples_, channels_});
    const Numbers x = has_input() ? read_numbers(input()) : drawn({samples_, channels_}, 0);
    check(x.rows() >= 2, "batch_norm: x has {} row; the variance of a batch needs at least 2", x.rows());
    return walk_of(x, drawn(Shape{x.columns()}, 1), drawn(Shape{x.columns()}, 2));
  }

 private:
  Walk walk_of(const Numbers& x, const Numbers& scale, const Numbers& shift) const;
  // Mean, variance and normalised values as the walk's steps.
  Numbers walk_statistics(Walk& walk, const Numbers& x, Numbers& root) const;
  Tensor apply(const Tensor& x, const Tensor& scale, const Tensor& shift) const;

  int64_t samples_ = 5, channels_ = 2;
  double epsilon_ = 1e-5;
};

Tensor BatchNormDerivation::apply(const Tensor& x, const Tensor& scale, const Tensor& shift) const {
  const Shape channels{x.dim(-1)};
  return batch_norm(x, scale, shift, Tensor::zeros(channels, DType::f64, kHost),
                    Tensor::full(channels, 1.0, DType::f64, kHost), {.epsilon = epsilon_});
}

Numbers BatchNormDerivation::walk_statistics(Walk& walk, const Numbers& x, Numbers& root) const {
  const auto count = static_cast<double>(x.rows());
  Numbers mean_values(root.shape), variance(root.shape), n(x.shape);
  for (int64_t c = 0; c < x.columns(); ++c) {
    for (int64_t r = 0; r < x.rows(); ++r) mean_values[c] += x.at(r, c) / count;
    for (int64_t r = 0; r < x.rows(); ++r) variance[c] += std::pow(x.at(r, c) - mean_values[c], 2) / count;
    root[c] = std::sqrt(variance[c] + epsilon_);
    for (int64_t r = 0; r < x.rows(); ++r) n.at(r, c) = (x.at(r, c) - mean_values[c]) / root[c];
  }
  const double condition = std::max(1.0, largest(x.values) / *std::ranges::min_element(root.values));
  const Tensor by_engine = x.tensor(), m = mean(by_engine, {0}), deviations = by_engine - m;
  const Tensor v = mean(deviations * deviations, {0});
  // The mean of values that cancel has an error that is relative to them.
  walk.value("Mean of each channel", {"m", "m"}, {"m = 1/R sum_r x_r", "m = \\frac1R \\sum_r x_r"}, mean_values, m,
             largest(x.values) / std::max(largest(mean_values.values), 1e-300) * count);
  walk.value("Variance", {"v", "v"}, {"v = 1/R sum_r (x_r - m)^2", "v = \\frac1R \\sum_r (x_r - m)^2"}, variance, v,
             condition * condition * count);
  walk.value("Normalised values", {"n", "n"},
             {"n_r = (x_r - m) / sqrt(v + epsilon)", "n_r = \\frac{x_r - m}{\\sqrt{v + \\varepsilon}}"}, n,
             deviations / sqrt(v + epsilon_), condition * count);
  return n;
}

Walk BatchNormDerivation::walk_of(const Numbers& x, const Numbers& scale, const Numbers& shift) const {
  Walk walk(fmt::format("Batch normalisation: R = {} values in each of {} channels", x.rows(), x.columns()));
  walk.note(fmt::format("Options: epsilon = {:g}.", epsilon_));
  walk.given("Input", {"x", "x"}, x);
  walk.given("Scale", {"gamma", "\\gamma"}, scale);
  walk.given("Shift", {"beta", "\\beta"}, shift);
  Numbers root(scale.shape);
  const Numbers n = walk_statistics(walk, x, root);
  Numbers y(x.shape);
  for (int64_t r = 0; r < x.rows(); ++r)
    for (int64_t c = 0; c < x.columns(); ++c) y.at(r, c) = scale[c] * n.at(r, c) + shift[c];
  Tensor x_leaf = x.tensor(), scale_leaf = scale.tensor(), shift_leaf = shift.tensor();
  const double least = *std::ranges::min_element(root.values), count = static_cast<double>(x.rows());
  const double condition = std::max(1.0, largest(x.values) / least) * count;
  walk.value("Output", {"y", "y"}, {"y_r = gamma n_r + beta", "y_r = \\gamma n_r + \\beta"}, y,
             apply(x_leaf, scale_leaf, shift_leaf), condition);
  const Numbers g = walk_loss(walk, y, apply(x_leaf, scale_leaf, shift_leaf));
  Numbers dx(x.shape), dscale(scale.shape), dshift(shift.shape);
  for (int64_t c = 0; c < x.columns(); ++c) {
    for (int64_t r = 0; r < x.rows(); ++r) {
      dscale[c] += g.at(r, c) * n.at(r, c);
      dshift[c] += g.at(r, c);
    }
    for (int64_t r = 0; r < x.rows(); ++r)
      dx.at(r, c) = scale[c] / root[c] * (g.at(r, c) - dshift[c] / count - n.at(r, c) * dscale[c] / count);
  }
  const double most = largest(g.values);
  walk.gradient("Gradient with respect to the scale", {"dL/dgamma", "\\partial L / \\partial \\gamma"},
                {"dL/dgamma = sum_r g_r n_r", "\\frac{\\partial L}{\\partial \\gamma} = \\sum_r g_r n_r"}, dscale,
                weighted_sum([&](const Tensor& at) { return apply(x_leaf, at, shift_leaf); }, g), scale_leaf,
                {.scale = most, .condition = condition});
  walk.gradient("Gradient with respect to the shift", {"dL/dbeta", "\\partial L / \\partial \\beta"},
                {"dL/dbeta = sum_r g_r", "\\frac{\\partial L}{\\partial \\beta} = \\sum_r g_r"}, dshift,
                weighted_sum([&](const Tensor& at) { return apply(x_leaf, scale_leaf, at); }, g), shift_leaf,
                {.scale = most});
  walk.gradient(
      "Gradient with respect to the input", {"dL/dx", "\\partial L / \\partial x"},
      {"dL/dx_j = gamma / sqrt(v + epsilon) (g_j - dL/dbeta / R - n_j dL/dgamma / R)",
       "\\frac{\\partial L}{\\partial x_j} = \\frac{\\gamma}{\\sqrt{v + \\varepsilon}} \\Big(g_j - \\frac1R "
       "\\frac{\\partial "
       "L}{\\partial \\beta} - \\frac{n_j}{R} \\frac{\\partial L}{\\partial \\gamma}\\Big)"},
      dx, weighted_sum([&](const Tensor& at) { return apply(at, scale_leaf, shift_leaf); }, g), x_leaf,
      {.scale = most * largest(scale.values) / least, .step = std::min(0.05, 0.1 * least), .condition = condition});
  const auto names = name_leaves({{&x_leaf, "x"}, {&scale_leaf, "gamma"}, {&shift_leaf, "beta"}});
  walk.draw(sum(apply(x_leaf, scale_leaf, shift_leaf) * g.tensor()), names);
  return walk;
}

}  // namespace

std::unique_ptr<Derivation> make_linear_derivation() {
  return std::make_unique<LinearDerivation>();
}
std::unique_ptr<Derivation> make_softmax_derivation() {
  return std::make_unique<SoftmaxDerivation>();
}
std::unique_ptr<Derivation> make_batch_norm_derivation() {
  return std::make_unique<BatchNormDerivation>();
}

}  // namespace cofactor
