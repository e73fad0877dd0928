#include "data/noise/transition.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/backend.h"

namespace cofactor {

namespace {

constexpr double kRowTolerance = 1e-6;
constexpr double kRoundingOfDeterminant = 1e-12;

// Labels are 32-bit.
void check_class_count(int64_t classes) {
  check(classes >= 1 && classes <= INT32_MAX, "transition matrix: {} classes, expected at least 1", classes);
}

struct Lu {
  double sign, log_abs;                    // of the determinant
  std::vector<double> inverse_transposed;  // NaN where the matrix is singular
};

Lu factorise(const Transition& transition) {
  const Tensor t = transition.tensor();
  const Tensor sign = Tensor::zeros({}, DType::f64, kHost), log_abs = sign.clone(), transposed = t.clone();
  t.backend().lu_log_abs_det(t, sign, log_abs, transposed);
  return {sign.item(), log_abs.item(), transposed.to_vector<double>()};
}

struct RowPair {
  int64_t first = 0, second = 1;
  double difference = std::numeric_limits<double>::infinity();  // the largest between two entries
};

RowPair most_alike_rows(const Transition& t) {
  RowPair closest;
  for (int64_t a = 0; a < t.classes(); ++a)
    for (int64_t b = a + 1; b < t.classes(); ++b) {
      double difference = 0.0;
      for (int64_t c = 0; c < t.classes(); ++c) difference = std::max(difference, std::abs(t.at(a, c) - t.at(b, c)));
      if (difference < closest.difference) closest = {a, b, difference};
    }
  return closest;
}

// Cumulative sums of one row, and the last class that can be drawn.
struct CumulativeRow {
  std::vector<double> sums;
  int32_t last_possible = 0;

  // The first class whose cumulative sum exceeds u: one of probability 0 adds nothing to the sum before it, so it is
  // never the first. u in [0, 1) is scaled to the row's own sum; where that product rounds up to the sum, the last
  // class that is possible is meant.
  int32_t draw(double u) const {
    const auto found = std::ranges::upper_bound(sums, u * sums.back());
    if (found == sums.end()) return last_possible;
    return static_cast<int32_t>(found - sums.begin());
  }
};

std::vector<CumulativeRow> cumulative_rows(const Transition& transition) {
  std::vector<CumulativeRow> rows(static_cast<size_t>(transition.classes()));
  for (int64_t from = 0; from < transition.classes(); ++from) {
    CumulativeRow& row = rows[static_cast<size_t>(from)];
    double sum = 0.0;
    for (int64_t to = 0; to < transition.classes(); ++to) {
      if (transition.at(from, to) > 0.0) row.last_possible = static_cast<int32_t>(to);
      row.sums.push_back(sum += transition.at(from, to));
    }
  }
  return rows;
}

}  // namespace

Transition::Transition(int64_t classes, std::vector<double> values) : classes_(classes), values_(std::move(values)) {
  check_class_count(classes);
  check(static_cast<int64_t>(values_.size()) == classes * classes,
        "transition matrix: {} values, {} classes take {} x {}", values_.size(), classes, classes, classes);
  const auto size = static_cast<size_t>(classes);
  for (size_t from = 0; from < size; ++from) {
    const std::string wrong = wrong_with_row(std::span(values_).subspan(from * size, size));
    check(wrong.empty(), "transition matrix, row {}: {}", from, wrong);
  }
}

Transition Transition::identity(int64_t classes) {
  check_class_count(classes);
  std::vector<double> values(static_cast<size_t>(classes * classes));
  for (int64_t c = 0; c < classes; ++c) values[static_cast<size_t>(c * classes + c)] = 1.0;
  return {classes, std::move(values)};
}

Transition Transition::from_weights(int64_t classes, std::vector<double> weights, double smoothing) {
  check_class_count(classes);
  const auto size = static_cast<size_t>(classes);
  for (size_t row = 0; row + size <= weights.size(); row += size) {
    double sum = 0.0;
    for (size_t to = 0; to < size; ++to) sum += weights[row + to] += smoothing;
    for (size_t to = 0; to < size; ++to) weights[row + to] /= sum;
  }
  return {classes, std::move(weights)};
}

Transition Transition::from_tensor(std::string_view caller, const Tensor& saved) {
  check(saved.rank() == 2 && saved.dim(0) == saved.dim(1) && saved.dtype() == DType::f64,
        "{}: the saved transition matrix is {} in {}, expected (C, C) in f64", caller, saved.shape(), saved.dtype());
  try {
    return {saved.dim(0), saved.to_vector<double>()};
  } catch (const OutOfMemory&) {
    throw;
  } catch (const Error& error) {
    fail("{}: the saved {}", caller, error.what());
  }
}

Tensor Transition::tensor() const {
  return Tensor::from(values_, {classes_, classes_}, kHost);
}

double Transition::determinant() const {
  const Lu lu = factorise(*this);
  return lu.sign * std::exp(lu.log_abs);
}

bool Transition::is_singular() const {
  return !(std::abs(determinant()) > kRoundingOfDeterminant);
}

std::vector<double> Transition::inverse(std::string_view caller, double max_amplification) const {
  const Lu lu = factorise(*this);
  std::vector<double> result(values_.size());
  double amplification = 0.0;
  for (int64_t r = 0; r < classes_; ++r) {
    double sum = 0.0;
    for (int64_t c = 0; c < classes_; ++c) {
      const double entry = lu.inverse_transposed[static_cast<size_t>(c * classes_ + r)];
      result[static_cast<size_t>(r * classes_ + c)] = entry;
      sum += std::abs(entry);
    }
    if (!(sum <= amplification)) amplification = sum;  // keeps NaN, which a singular matrix gives
  }
  if (!(amplification <= max_amplification)) {
    const RowPair rows = most_alike_rows(*this);
    fail(
        "{}: the transition matrix is singular or nearly so (log|det| {:.4g}; its inverse amplifies by {:.4g}, "
        "expected at most {:g}); rows {} and {} are most alike, no entry differs by more than {:.4g}",
        caller, lu.log_abs, amplification, max_amplification, rows.first, rows.second, rows.difference);
  }
  return result;
}

std::vector<int32_t> Transition::draw_labels(const std::vector<int32_t>& labels, const std::vector<int64_t>& positions,
                                             const RandomKey& key) const {
  check(labels.size() == positions.size(), "label noise: {} labels, and {} positions", labels.size(), positions.size());
  const std::vector<CumulativeRow> rows = cumulative_rows(*this);
  std::vector<int32_t> noisy(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    check(labels[i] >= 0 && labels[i] < classes_, "label noise: label {} lies outside [0, {})", labels[i], classes_);
    check(positions[i] >= 0, "label noise: position {} is negative", positions[i]);
    noisy[i] = rows[static_cast<size_t>(labels[i])].draw(random_uniform(key, static_cast<uint64_t>(positions[i])));
  }
  return noisy;
}

std::string Transition::wrong_with_row(std::span<const double> row) {
  double sum = 0.0;
  for (size_t to = 0; to < row.size(); ++to) {
    // Written so that NaN fails.
    if (!(row[to] >= 0.0 && row[to] <= 1.0))
      return fmt::format("the entry in column {} is {}, not a probability", to, row[to]);
    sum += row[to];
  }
  if (std::abs(sum - 1.0) <= kRowTolerance) return {};
  return fmt::format("the row sums to {:.9g}, not to 1", sum);
}

}  // namespace cofactor
