#include "data/noise/synthetic.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace cofactor {

namespace {

void check_rate(double rate) {
  // Written so that NaN fails.
  check(rate >= 0.0 && rate <= 1.0, "noise: the rate {} does not lie in [0, 1]", rate);
}

void check_rows(int64_t classes, const std::vector<double>& values) {
  constexpr double kTolerance = 1e-6;
  for (int64_t from = 0; from < classes; ++from) {
    double sum = 0.0;
    for (int64_t to = 0; to < classes; ++to) {
      const double value = values[static_cast<size_t>(from * classes + to)];
      check(value >= 0.0 && value <= 1.0, "noise: T({}, {}) is {}, not a probability", from, to, value);
      sum += value;
    }
    check(std::abs(sum - 1.0) <= kTolerance, "noise: row {} of the transition matrix sums to {}, not to 1", from, sum);
  }
}

// Cumulative sums of one row, and the last class that can be drawn.
struct Row {
  std::vector<double> cumulative;
  int32_t last_possible = 0;

  // The first class whose cumulative sum exceeds u: one of probability 0 adds nothing to the sum before it, so it is
  // never the first. u in [0, 1) is scaled to the row's own sum; where that product rounds up to the sum, the last
  // class that is possible is meant.
  int32_t draw(double u) const {
    const auto found = std::ranges::upper_bound(cumulative, u * cumulative.back());
    if (found == cumulative.end()) return last_possible;
    return static_cast<int32_t>(found - cumulative.begin());
  }
};

std::vector<Row> rows_of(const TransitionMatrix& transition) {
  std::vector<Row> rows(static_cast<size_t>(transition.classes()));
  for (int64_t from = 0; from < transition.classes(); ++from) {
    Row& row = rows[static_cast<size_t>(from)];
    double sum = 0.0;
    for (int64_t to = 0; to < transition.classes(); ++to) {
      if (transition.at(from, to) > 0.0) row.last_possible = static_cast<int32_t>(to);
      row.cumulative.push_back(sum += transition.at(from, to));
    }
  }
  return rows;
}

}  // namespace

TransitionMatrix::TransitionMatrix(int64_t classes, std::vector<double> values)
    : classes_(classes), values_(std::move(values)) {
  // Labels are 32-bit, and so is any table of classes that fits in memory.
  check(classes >= 1 && classes <= INT32_MAX, "noise: {} is not a number of classes", classes);
  check(static_cast<int64_t>(values_.size()) == classes * classes,
        "noise: {} values are not a transition matrix of {} classes", values_.size(), classes);
  check_rows(classes, values_);
}

TransitionMatrix TransitionMatrix::identity(int64_t classes) {
  check(classes >= 1 && classes <= INT32_MAX, "noise: {} is not a number of classes", classes);
  std::vector<double> values(static_cast<size_t>(classes * classes));
  for (int64_t c = 0; c < classes; ++c) values[static_cast<size_t>(c * classes + c)] = 1.0;
  return TransitionMatrix(classes, std::move(values));
}

// By elimination with partial pivoting.
double TransitionMatrix::determinant() const {
  std::vector<double> a = values_;
  const auto n = static_cast<size_t>(classes_);
  double det = 1.0;
  for (size_t k = 0; k < n; ++k) {
    size_t pivot = k;
    for (size_t i = k + 1; i < n; ++i)
      if (std::abs(a[i * n + k]) > std::abs(a[pivot * n + k])) pivot = i;
    if (a[pivot * n + k] == 0.0) return 0.0;
    if (pivot != k) {
      std::swap_ranges(a.begin() + static_cast<ptrdiff_t>(k * n), a.begin() + static_cast<ptrdiff_t>((k + 1) * n),
                       a.begin() + static_cast<ptrdiff_t>(pivot * n));
      det = -det;
    }
    det *= a[k * n + k];
    for (size_t i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / a[k * n + k];
      for (size_t j = k + 1; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
    }
  }
  return det;
}

TransitionMatrix uniform_noise(int64_t classes, double rate) {
  check_rate(rate);
  auto transition = TransitionMatrix::identity(classes);
  const double share = rate / static_cast<double>(classes);
  for (int64_t from = 0; from < classes; ++from)
    for (int64_t to = 0; to < classes; ++to) transition.at(from, to) = (from == to ? 1.0 - rate : 0.0) + share;
  return transition;
}

TransitionMatrix symmetric_noise(int64_t classes, double rate) {
  check_rate(rate);
  check(classes >= 2, "noise: symmetric noise needs at least 2 classes, not {}", classes);
  auto transition = TransitionMatrix::identity(classes);
  const double share = rate / static_cast<double>(classes - 1);
  for (int64_t from = 0; from < classes; ++from)
    for (int64_t to = 0; to < classes; ++to) transition.at(from, to) = from == to ? 1.0 - rate : share;
  return transition;
}

TransitionMatrix flip_noise(int64_t classes, const std::vector<LabelFlip>& flips, double rate) {
  check_rate(rate);
  auto transition = TransitionMatrix::identity(classes);
  std::vector<bool> flipped(static_cast<size_t>(classes));
  for (const auto& [from, to] : flips) {
    check(from >= 0 && from < classes && to >= 0 && to < classes && from != to,
          "noise: a flip from class {} to class {} does not fit {} classes", from, to, classes);
    check(!flipped[static_cast<size_t>(from)], "noise: class {} is flipped twice", from);
    flipped[static_cast<size_t>(from)] = true;
    transition.at(from, from) = 1.0 - rate;
    transition.at(from, to) = rate;
  }
  return transition;
}

std::vector<int32_t> apply_noise(const TransitionMatrix& transition, const std::vector<int32_t>& labels,
                                 const std::vector<int64_t>& positions, const RandomKey& key) {
  check(labels.size() == positions.size(), "noise: {} labels but {} positions", labels.size(), positions.size());
  check_rows(transition.classes(), transition.values());  // at() lets callers write any value
  const std::vector<Row> rows = rows_of(transition);
  std::vector<int32_t> noisy(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    check(labels[i] >= 0 && labels[i] < transition.classes(), "noise: label {} does not lie in [0, {})", labels[i],
          transition.classes());
    check(positions[i] >= 0, "noise: position {} is negative", positions[i]);
    noisy[i] = rows[static_cast<size_t>(labels[i])].draw(random_uniform(key, static_cast<uint64_t>(positions[i])));
  }
  return noisy;
}

}  // namespace cofactor
