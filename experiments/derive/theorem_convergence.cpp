#include "experiments/derive/theorem_convergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/log_abs_det.h"
#include "engine/ops/matmul.h"
#include "engine/ops/softmax.h"

namespace cofactor::theorem {
namespace {

constexpr double kSamplesMargin = 2.0;  // of the classifier
constexpr double kRoundingOfTerms = 1e-9;
constexpr int64_t kAtOnce = 1 << 14;    // samples
constexpr double kMostDeviation = 0.2;  // a predicted deviation up to which the first order is a good description

// How often each kind of input came with each label.
struct Counts {
  std::vector<double> clean;               // (K, C)
  std::vector<std::vector<double>> noisy;  // (K, C) for each noise
};

// Adds samples first .. first + count - 1 of a repetition.
void count_samples(const World& world, const std::vector<NamedNoise>& noises, uint64_t seed, uint64_t repetition,
                   int64_t first, int64_t count, Counts& counts) {
  const RandomKey kinds = key_of(seed, Stream::kinds, repetition), labels = key_of(seed, Stream::labels, repetition);
  const auto classes = static_cast<size_t>(world.classes);
  std::vector<size_t> drawn;
  std::vector<int32_t> truth;
  std::vector<int64_t> positions;
  for (int64_t i = first; i < first + count; ++i) {
    const float u = unit_float(random_word(kinds, static_cast<uint64_t>(i)));
    const auto x = static_cast<size_t>(draw_class(world.share.data(), world.kinds(), u));
    drawn.push_back(x);
    truth.push_back(world.classof[x]);
    positions.push_back(i);
    counts.clean[x * classes + static_cast<size_t>(truth.back())] += 1.0;
  }
  for (size_t n = 0; n < noises.size(); ++n) {
    const std::vector<int32_t> noisy = noises[n].transition.draw_labels(truth, positions, labels);
    for (size_t i = 0; i < noisy.size(); ++i)
      counts.noisy[n][drawn[i] * classes + static_cast<size_t>(noisy[i])] += 1.0;
  }
}

// log|det(O L / N)|, where samples of one kind and label are added up first. outputs (C, K).
double log_abs_det_of(const Tensor& outputs, const std::vector<double>& counts, int64_t samples) {
  const Tensor labels = Tensor::from(counts, {outputs.dim(1), outputs.dim(0)}, kHost);
  return log_abs_det(matmul(outputs, labels) / static_cast<double>(samples)).item();
}

// Least squares of log10 deviation over log10 N. A deviation of R values has a relative standard error of about
// 1 / sqrt(2 (R - 1)).
void fit_slope(ConvergenceResult::UnderNoise& noisy, int64_t repetitions) {
  std::vector<double> x, y;
  for (const ConvergenceResult::AtSize& size : noisy.sizes) {
    if (size.singular > 0 || size.predicted == 0.0 || size.predicted > kMostDeviation) continue;
    x.push_back(std::log10(static_cast<double>(size.samples)));
    y.push_back(std::log10(size.constant.deviation));
  }
  if (x.size() < 2) return;
  const double x_mean = spread_of(x).mean, y_mean = spread_of(y).mean;
  double products = 0.0, squares = 0.0;
  for (size_t k = 0; k < x.size(); ++k) {
    products += (x[k] - x_mean) * (y[k] - y_mean);
    squares += (x[k] - x_mean) * (x[k] - x_mean);
  }
  noisy.slope = products / squares;
  const double error_of_log = std::log10(std::exp(1.0)) / std::sqrt(2.0 * static_cast<double>(repetitions - 1));
  noisy.slope_error = error_of_log / std::sqrt(squares);
}

// The estimates of all repetitions at one size.
struct Estimates {
  std::vector<double> dmi, constant;

  // log|det U| with clean and with noisy labels; -infinity where a label does not occur.
  void add(double clean, double noisy) {
    dmi.push_back(std::exp(noisy));
    if (std::isfinite(noisy) && std::isfinite(clean)) constant.push_back(noisy - clean);
  }
  ConvergenceResult::AtSize at(int64_t samples, double predicted) const {
    return {.samples = samples,
            .singular = static_cast<int64_t>(dmi.size() - constant.size()),
            .dmi = spread_of(dmi),
            .constant = spread_of(constant),
            .predicted = predicted};
  }
};

}  // namespace

double first_order_deviation(const World& world, const Tensor& logits, const Transition& noise) {
  const Tensor outputs = softmax(logits);  // (K, C)
  const auto products = [&](const Transition& t) {
    return matmul(outputs, inverse_transposed(joint(logits, label_weights(world, t)))).to_vector<double>();
  };
  const std::vector<double> clean = products(Transition::identity(world.classes)), noisy = products(noise);
  const std::vector<double> weights = label_weights(world, noise).to_vector<double>();
  const auto classes = static_cast<size_t>(world.classes);
  std::vector<double> terms(weights.size());
  double mean = 0.0, square = 0.0;
  for (size_t k = 0; k < terms.size(); ++k) {
    const size_t kind = k / classes;
    terms[k] = noisy[k] - clean[kind * classes + static_cast<size_t>(world.classof[kind])];
    mean += weights[k] * terms[k];
  }
  for (size_t k = 0; k < terms.size(); ++k) square += weights[k] * (terms[k] - mean) * (terms[k] - mean);
  const double deviation = std::sqrt(square);
  return deviation < kRoundingOfTerms ? 0.0 : deviation;
}

ConvergenceResult estimate_constants(const World& world, const std::vector<NamedNoise>& noises,
                                     const std::vector<int64_t>& sizes, int64_t repetitions, uint64_t seed) {
  const Tensor logits = informative_logits(world, kSamplesMargin, seed, 1u << 20), outputs = transpose(softmax(logits));
  std::vector<std::vector<Estimates>> estimates(noises.size(), std::vector<Estimates>(sizes.size()));
  for (int64_t repetition = 0; repetition < repetitions; ++repetition) {
    const std::vector<double> none(static_cast<size_t>(world.kinds() * world.classes), 0.0);
    Counts counts{none, std::vector<std::vector<double>>(noises.size(), none)};
    int64_t done = 0;
    for (size_t s = 0; s < sizes.size(); ++s) {
      for (; done < sizes[s]; done += std::min(kAtOnce, sizes[s] - done))
        count_samples(world, noises, seed, static_cast<uint64_t>(repetition), done, std::min(kAtOnce, sizes[s] - done),
                      counts);
      const double clean = log_abs_det_of(outputs, counts.clean, sizes[s]);
      for (size_t n = 0; n < noises.size(); ++n)
        estimates[n][s].add(clean, log_abs_det_of(outputs, counts.noisy[n], sizes[s]));
    }
  }
  ConvergenceResult result{.repetitions = repetitions, .noisy = {}};
  for (size_t n = 0; n < noises.size(); ++n) {
    ConvergenceResult::UnderNoise& under = result.noisy.emplace_back();
    under.name = noises[n].name;
    under.constant = noises[n].log_abs_det;
    under.dmi = measure(logits, label_weights(world, noises[n].transition)).values[kDmi];
    const double deviation = first_order_deviation(world, logits, noises[n].transition);
    for (size_t s = 0; s < sizes.size(); ++s)
      under.sizes.push_back(estimates[n][s].at(sizes[s], deviation / std::sqrt(static_cast<double>(sizes[s]))));
    fit_slope(under, repetitions);
  }
  return result;
}

Section convergence_section(const ConvergenceResult& result) {
  Section section{
      .title = fmt::format("2. Finite samples: {} repetitions of each size", result.repetitions),
      .see =
          "With more samples N the estimates of DMI and of the constant log|det T| approach the exact values, and "
          "their standard deviation falls like 1/sqrt(N); repetitions whose U is singular have no constant.",
      .tables = {},
      .checks = {{fmt::format("slope of log deviation over log N against -1/2, in standard errors, over the N whose "
                              "predicted deviation is at most {:g}",
                              kMostDeviation),
                  kMostStandardErrors},
                 {fmt::format("mean of the constant against log|det T| at the largest N, in standard errors, where the "
                              "predicted deviation is at most {:g}",
                              kMostDeviation),
                  kMostStandardErrors}}};
  NumberTable slopes{{"noise", "slope of the deviation", "its standard error"}, {}};
  for (const ConvergenceResult::UnderNoise& noisy : result.noisy) {
    NumberTable table{{fmt::format("{}: N", noisy.name), "DMI: mean", "DMI: deviation", "constant: mean",
                       "constant: deviation", "predicted deviation", "singular"},
                      {}};
    for (const ConvergenceResult::AtSize& at : noisy.sizes) {
      table.rows.push_back({fmt::format("{}", at.samples), number(at.dmi.mean), number(at.dmi.deviation),
                            at.constant.count > 0 ? number(at.constant.mean) : "none",
                            at.constant.count > 1 ? number(at.constant.deviation) : "none", number(at.predicted),
                            fmt::format("{}", at.singular)});
    }
    table.rows.push_back({"exact", number(noisy.dmi), "", number(noisy.constant), "", "", ""});
    section.tables.push_back(std::move(table));
    slopes.rows.push_back(
        {noisy.name, noisy.slope ? number(*noisy.slope) : "none", noisy.slope ? number(noisy.slope_error) : "none"});
    if (noisy.slope && result.repetitions >= kFewestForErrors)
      section.checks[0].compare(std::abs(*noisy.slope + 0.5) / noisy.slope_error);
    const ConvergenceResult::AtSize& last = noisy.sizes.back();
    if (last.predicted > 0.0 && last.predicted <= kMostDeviation) {
      const double standard_error = last.predicted / std::sqrt(static_cast<double>(last.constant.count));
      section.checks[1].compare(std::abs(last.constant.mean - noisy.constant) / standard_error);
    }
  }
  section.tables.push_back(std::move(slopes));
  return section;
}

void add_numbers(const ConvergenceResult& result, NumbersCsv& csv) {
  for (const ConvergenceResult::UnderNoise& noisy : result.noisy) {
    csv.add("samples", noisy.name, "exact", "dmi", noisy.dmi);
    csv.add("samples", noisy.name, "exact", "constant", noisy.constant);
    for (const ConvergenceResult::AtSize& at : noisy.sizes) {
      const std::string item = fmt::format("{}", at.samples);
      csv.add("samples", noisy.name, item, "dmi_mean", at.dmi.mean);
      csv.add("samples", noisy.name, item, "dmi_deviation", at.dmi.deviation);
      if (at.constant.count > 0) csv.add("samples", noisy.name, item, "constant_mean", at.constant.mean);
      if (at.constant.count > 1) csv.add("samples", noisy.name, item, "constant_deviation", at.constant.deviation);
      csv.add("samples", noisy.name, item, "predicted_deviation", at.predicted);
      csv.add("samples", noisy.name, item, "singular", static_cast<double>(at.singular));
    }
    if (noisy.slope) csv.add("samples", noisy.name, "all", "slope", *noisy.slope);
  }
}

}  // namespace cofactor::theorem
