#include "data/class_coverage.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <map>
#include <numbers>
#include <numeric>

#include "engine/error.h"

namespace cofactor {
namespace {

using Complex = std::complex<double>;

int64_t total_of(const std::vector<int64_t>& class_sizes) {
  check(!class_sizes.empty() && std::ranges::min(class_sizes) >= 0,
        "class coverage: there are no classes, or one has a negative size");
  return std::accumulate(class_sizes.begin(), class_sizes.end(), int64_t{0});
}

// The number of classes of each size.
std::map<int64_t, int64_t> count_sizes(const std::vector<int64_t>& class_sizes) {
  std::map<int64_t, int64_t> counts;
  for (const int64_t size : class_sizes) ++counts[size];
  return counts;
}

double log_choose(int64_t n, int64_t k) {
  const auto lgamma_of = [](int64_t value) { return std::lgamma(static_cast<double>(value) + 1.0); };
  return lgamma_of(n) - lgamma_of(k) - lgamma_of(n - k);
}

// Pr[Binomial(samples, share) = drawn].
double binomial(int64_t samples, int64_t drawn, double share) {
  return std::exp(log_choose(samples, drawn) + static_cast<double>(drawn) * std::log(share) +
                  static_cast<double>(samples - drawn) * std::log1p(-share));
}

// The product of the probabilities that a class is included: more than that of all of them, since a sample of one class
// leaves fewer places for the others, and close to it where it is near 1.
double coverage_bound(const std::map<int64_t, int64_t>& sizes, int64_t samples, int64_t batch) {
  double log_bound = 0.0;
  for (const auto& [size, classes] : sizes) {
    if (batch > samples - size) continue;
    const double absent = std::exp(log_choose(samples - size, batch) - log_choose(samples, batch));
    log_bound += static_cast<double>(classes) * std::log1p(-absent);
  }
  return std::exp(log_bound);
}

}  // namespace

// Take each sample with probability s = batch / samples, independently. Given that the number taken is `batch`, the
// samples are a draw without replacement. The generating function of that number, on the event that every class has a
// sample, is
//
//   F(z) = prod_c ((1 - s + s z)^m_c - (1 - s)^m_c)
//
// for classes of m_c samples, and the probability is its coefficient of z^batch over that of the binomial distribution.
// A discrete Fourier transform of F reads the coefficient. Its length need only reach beyond the binomial's tails.
double coverage_probability(const std::vector<int64_t>& class_sizes, int64_t batch) {
  const int64_t samples = total_of(class_sizes);
  check(batch >= 0, "class coverage: a batch of {} samples, expected at least 0", batch);
  if (std::ranges::min(class_sizes) == 0 || batch < std::ssize(class_sizes)) return 0.0;
  if (batch >= samples) return 1.0;
  const double share = static_cast<double>(batch) / static_cast<double>(samples);
  const auto sizes = count_sizes(class_sizes);
  const auto length =
      std::min(samples, batch + 50 + static_cast<int64_t>(12.0 * std::sqrt(static_cast<double>(batch)))) + 1;
  double coefficient = 0.0;
  for (int64_t k = 0; k <= length / 2; ++k) {  // F at conjugate points is conjugate
    const double angle = 2.0 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(length);
    const Complex base = std::log(1.0 - share + share * std::polar(1.0, angle));
    Complex value = std::polar(1.0, -std::fmod(angle * static_cast<double>(batch), 2.0 * std::numbers::pi));
    for (const auto& [size, classes] : sizes) {
      const auto m = static_cast<double>(size);
      value *= std::pow(std::exp(m * base) - std::exp(m * std::log1p(-share)), static_cast<int>(classes));
    }
    coefficient += (k == 0 || 2 * k == length ? 1.0 : 2.0) * value.real();
  }
  return std::clamp(coefficient / static_cast<double>(length) / binomial(samples, batch, share), 0.0, 1.0);
}

int64_t covering_batch(const std::vector<int64_t>& class_sizes, double probability) {
  const int64_t samples = total_of(class_sizes);
  check(probability > 0.0 && probability < 1.0, "class coverage: a probability of {}, expected one in (0, 1)",
        probability);
  if (std::ranges::min(class_sizes) == 0) return samples;
  const auto sizes = count_sizes(class_sizes);
  int64_t below = 0, enough = samples;
  while (enough - below > 1) {
    const int64_t middle = below + (enough - below) / 2;
    (coverage_bound(sizes, samples, middle) < probability ? below : enough) = middle;
  }
  const auto slightly_more = [](int64_t batch) { return batch + std::max<int64_t>(1, batch / 100); };
  while (enough < samples && coverage_probability(class_sizes, enough) < probability) enough = slightly_more(enough);
  enough = std::min(enough, samples);
  const int64_t batches = samples / enough;
  return (samples + batches - 1) / batches;
}

}  // namespace cofactor
