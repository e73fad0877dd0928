#include "experiments/derive/theorem_batches.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "losses/dmi.h"

namespace cofactor::theorem {
namespace {

constexpr int64_t kSetSize = 20000;
constexpr double kSetMargin = 3.0;
constexpr double kMostBias = 0.02;  // a predicted bias up to which the first order is a good description

// The whole set: logits (N, C) and noisy labels.
struct SampleSet {
  Tensor logits, labels;
  std::vector<double> host_logits;
  std::vector<int32_t> host_labels;

  int64_t classes() const { return logits.dim(1); }
  int64_t size() const { return logits.dim(0); }
};

SampleSet make_set(const World& world, const NamedNoise& noise, uint64_t seed) {
  const RandomKey key = key_of(seed, Stream::data);
  std::vector<int32_t> truth;
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < kSetSize; ++i) {
    const float u = unit_float(random_word(key, static_cast<uint64_t>(i)));
    truth.push_back(world.classof[static_cast<size_t>(draw_class(world.share.data(), world.kinds(), u))]);
    positions.push_back(i);
  }
  const Shape shape{kSetSize, world.classes};
  const Tensor true_labels = Tensor::from(truth, {kSetSize}, kHost);
  SampleSet set;
  set.logits = one_hot(true_labels, world.classes, DType::f64) * kSetMargin +
               Tensor::randn(shape, key_of(seed, Stream::data, 1), DType::f64, kHost);
  set.host_logits = set.logits.to_vector<double>();
  set.host_labels = noise.transition.draw_labels(truth, positions, key_of(seed, Stream::data, 2));
  set.labels = Tensor::from(set.host_labels, {kSetSize}, kHost);
  return set;
}

std::vector<double> label_shares(const SampleSet& set) {
  std::vector<double> shares(static_cast<size_t>(set.classes()), 0.0);
  for (const int32_t label : set.host_labels) shares[static_cast<size_t>(label)] += 1.0;
  for (size_t c = 0; c < shares.size(); ++c) {
    check(shares[c] > 0.0, "noise: label {} does not occur among {} samples, so that U is singular", c, set.size());
    shares[c] /= static_cast<double>(set.size());
  }
  return shares;
}

// E log|det U_B| - log|det U| is about -(E a^2 - C) / (2 B), a = (U^-1 o)_y for a sample with output o and label y: to
// second order log|det U_B| - log|det U| = tr D - tr(D^2) / 2 with D = U^-1 (U_B - U), a mean of B independent terms.
double bias_times_size(const SampleSet& set, const Tensor& u) {
  const Tensor a = gather(matmul(softmax(set.logits), inverse_transposed(u)), set.labels);
  return -0.5 * (mean(a * a).item() - static_cast<double>(set.classes()));
}

struct DrawnBatch {
  Tensor logits, labels;
  bool has_every_class;
};

DrawnBatch draw_batch(const SampleSet& set, int64_t size, const RandomKey& key) {
  const auto classes = static_cast<size_t>(set.classes());
  std::vector<double> logits;
  std::vector<int32_t> labels;
  std::vector<bool> met(classes, false);
  for (int64_t i = 0; i < size; ++i) {
    const auto sample = static_cast<size_t>(random_below(key, static_cast<uint64_t>(i), set.size()));
    const auto row = set.host_logits.begin() + static_cast<std::ptrdiff_t>(sample * classes);
    logits.insert(logits.end(), row, row + static_cast<std::ptrdiff_t>(classes));
    labels.push_back(set.host_labels[sample]);
    met[static_cast<size_t>(labels.back())] = true;
  }
  return {Tensor::from(logits, {size, set.classes()}, kHost), Tensor::from(labels, {size}, kHost),
          std::ranges::count(met, true) == set.classes()};
}

// Adds a class of share q among the classes so far to `every`, the probabilities for those before it.
std::vector<double> with_class(const std::vector<double>& every, double q) {
  std::vector<double> result(every.size(), 0.0);
  for (size_t n = 1; n < every.size(); ++n) {
    const auto draws = static_cast<double>(n);
    const double around = 10.0 * std::sqrt(draws * q * (1.0 - q)) + 50.0;
    const auto first = static_cast<size_t>(std::max(1.0, std::floor(draws * q - around)));
    const size_t last = std::min(n, static_cast<size_t>(draws * q + around));
    const auto start = static_cast<double>(first);
    double probability =
        std::exp(std::lgamma(draws + 1.0) - std::lgamma(start + 1.0) - std::lgamma(draws - start + 1.0) +
                 start * std::log(q) + (draws - start) * std::log1p(-q));
    for (size_t k = first; k <= last; ++k) {
      result[n] += probability * every[n - k];
      probability *= static_cast<double>(n - k) / static_cast<double>(k + 1) * q / (1.0 - q);
    }
  }
  return result;
}

// How far a number of batches lies from its expectation, in standard errors; with a variance of 4 more, since numbers
// of rare events are not normally distributed.
double standard_errors(int64_t met, int64_t count, double probability) {
  const double expected = static_cast<double>(count) * probability;
  return std::abs(static_cast<double>(met) - expected) / std::sqrt(expected * (1.0 - probability) + 4.0);
}

}  // namespace

std::vector<double> probability_of_every_class(const std::vector<double>& shares, int64_t most) {
  std::vector<double> every(static_cast<size_t>(most) + 1, 1.0);
  every[0] = 0.0;  // one class needs one draw
  double total = shares.at(0);
  for (size_t c = 1; c < shares.size(); ++c) {
    total += shares[c];
    every = with_class(every, shares[c] / total);
  }
  return every;
}

BatchResult draw_batches(const World& world, const NamedNoise& noise, const std::vector<int64_t>& sizes,
                         int64_t batches, uint64_t seed) {
  const SampleSet set = make_set(world, noise, seed);
  const std::vector<double> every = probability_of_every_class(label_shares(set), sizes.back());
  const Tensor u = joint_matrix(set.logits, set.labels);
  BatchResult result{.noise = noise.name, .samples = set.size(), .log_abs_det = -dmi_from_joint(u).item(), .sizes = {}};
  const double bias = bias_times_size(set, u);
  for (const int64_t size : sizes) {
    BatchResult::AtSize& at = result.sizes.emplace_back();
    at = {.size = size,
          .batches = batches,
          .absent = 0,
          .log_abs_det = {},
          .predicted = bias / static_cast<double>(size),
          .probability = std::max(0.0, 1.0 - every[static_cast<size_t>(size)])};
    std::vector<double> values;
    for (int64_t b = 0; b < batches; ++b) {
      const uint64_t step = static_cast<uint64_t>(size) << 32 | static_cast<uint64_t>(b);
      const DrawnBatch batch = draw_batch(set, size, key_of(seed, Stream::batches, step));
      if (batch.has_every_class) {
        values.push_back(-dmi(batch.logits, batch.labels).item());
      } else {
        ++at.absent;
      }
    }
    at.log_abs_det = spread_of(values);
  }
  return result;
}

Section batch_section(const BatchResult& result) {
  Section section{
      .title = fmt::format("5. log|det U| on batches from {} samples ({})", result.samples, result.noise),
      .see =
          "A batch's U is right on average, but the logarithm of its determinant is too low on average, by a bias "
          "that falls like 1 / size; a batch that lacks a class has a singular U and does not count in the mean.",
      .tables = {{{"batch size", "mean log|det U|", "bias", "standard error", "predicted bias", "without a class",
                   "exact probability"},
                  {}}},
      .checks = {
          {fmt::format("bias against the predicted one, in standard errors, for the sizes whose predicted bias is "
                       "at most {:g}",
                       kMostBias),
           kMostStandardErrors},
          {"share of batches without a class against the exact probability, in standard errors", kMostStandardErrors}}};
  NumberTable& table = section.tables[0];
  for (const BatchResult::AtSize& at : result.sizes) {
    const bool some = at.log_abs_det.count > 0, spread = at.log_abs_det.count > 1;
    const double bias = at.log_abs_det.mean - result.log_abs_det;
    table.rows.push_back({fmt::format("{}", at.size), some ? number(at.log_abs_det.mean) : "none",
                          some ? number(bias) : "none", spread ? number(at.log_abs_det.standard_error()) : "none",
                          number(at.predicted),
                          fmt::format("{:.4f}", static_cast<double>(at.absent) / static_cast<double>(at.batches)),
                          fmt::format("{:.4f}", at.probability)});
    if (at.log_abs_det.count >= kFewestForErrors && std::abs(at.predicted) <= kMostBias)
      section.checks[0].compare(std::abs(bias - at.predicted) / at.log_abs_det.standard_error());
    section.checks[1].compare(standard_errors(at.absent, at.batches, at.probability));
  }
  table.rows.push_back({"whole set", number(result.log_abs_det), "0", "", "", "", ""});
  return section;
}

void add_numbers(const BatchResult& result, NumbersCsv& csv) {
  csv.add("batches", result.noise, "whole set", "log_abs_det", result.log_abs_det);
  for (const BatchResult::AtSize& at : result.sizes) {
    const std::string item = fmt::format("{}", at.size);
    if (at.log_abs_det.count > 0) csv.add("batches", result.noise, item, "mean_log_abs_det", at.log_abs_det.mean);
    if (at.log_abs_det.count > 1) csv.add("batches", result.noise, item, "deviation", at.log_abs_det.deviation);
    csv.add("batches", result.noise, item, "predicted_bias", at.predicted);
    csv.add("batches", result.noise, item, "without_a_class",
            static_cast<double>(at.absent) / static_cast<double>(at.batches));
    csv.add("batches", result.noise, item, "exact_probability", at.probability);
  }
}

}  // namespace cofactor::theorem
