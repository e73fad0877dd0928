#include "data/noise/class_order.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/error.h"

namespace cofactor {

namespace {

constexpr double kDeviations = 4.0;

// Assigns rows one by one. Costs are minus the gains; `row_price` and `column_price` keep cost - prices >= 0, with
// equality on assigned pairs, so that a shortest path by Dijkstra's algorithm leads to a free column. Column n stands
// for the row that is being assigned.
class ClassAssignment {
 public:
  ClassAssignment(std::span<const double> gain, size_t n)
      : gain_(gain), n_(n), row_price_(n), column_price_(n + 1), row_of_(n + 1, n), before_(n + 1) {}

  void assign(size_t row) {
    row_of_[n_] = row;
    for (size_t column = shortest_path(); column != n_; column = before_[column])
      row_of_[column] = row_of_[before_[column]];
  }
  std::vector<int64_t> columns() const {
    std::vector<int64_t> result(n_);
    for (size_t column = 0; column < n_; ++column) result[row_of_[column]] = static_cast<int64_t>(column);
    return result;
  }

 private:
  // The free column at the end of the shortest path from column n; before_ leads back.
  size_t shortest_path() {
    std::vector<double> distance(n_ + 1, std::numeric_limits<double>::infinity());
    std::vector<bool> reached(n_ + 1);
    size_t column = n_;
    do {
      reached[column] = true;
      const size_t row = row_of_[column];
      size_t nearest = n_;
      double step = std::numeric_limits<double>::infinity();
      for (size_t next = 0; next < n_; ++next) {
        if (reached[next]) continue;
        const double cost = -gain_[row * n_ + next] - row_price_[row] - column_price_[next];
        if (cost < distance[next]) {
          distance[next] = cost;
          before_[next] = column;
        }
        if (distance[next] < step) {
          step = distance[next];
          nearest = next;
        }
      }
      for (size_t other = 0; other <= n_; ++other) {
        if (reached[other]) {
          row_price_[row_of_[other]] += step;
          column_price_[other] -= step;
        } else {
          distance[other] -= step;
        }
      }
      column = nearest;
    } while (row_of_[column] != n_);
    return column;
  }

  std::span<const double> gain_;
  size_t n_;
  std::vector<double> row_price_, column_price_;
  std::vector<size_t> row_of_;  // [column], n where it is free
  std::vector<size_t> before_;  // [column], on the shortest path
};

double agreement_of(std::span<const double> counts, const std::vector<int64_t>& reference_class) {
  const double all = std::accumulate(counts.begin(), counts.end(), 0.0);
  double agreeing = 0.0;
  for (size_t c = 0; c < reference_class.size(); ++c)
    agreeing += counts[c * reference_class.size() + static_cast<size_t>(reference_class[c])];
  return all > 0.0 ? agreeing / all : 0.0;
}

}  // namespace

std::vector<int64_t> best_assignment(std::span<const double> gain, int64_t n) {
  check(n >= 0 && static_cast<int64_t>(gain.size()) == n * n, "assignment: {} gains for {} rows, expected rows * rows",
        gain.size(), n);
  for (size_t i = 0; i < gain.size(); ++i)
    check(std::isfinite(gain[i]), "assignment: the gain of row {} and column {} is {}", i / static_cast<size_t>(n),
          i % static_cast<size_t>(n), gain[i]);
  ClassAssignment assignment(gain, static_cast<size_t>(n));
  for (size_t row = 0; row < static_cast<size_t>(n); ++row) assignment.assign(row);
  return assignment.columns();
}

ClassOrder find_class_order(std::span<const double> counts, int64_t classes) {
  for (const double count : counts)
    check(count >= 0.0 && std::isfinite(count), "class order: a count is {}, expected 0 or more", count);
  const std::vector<int64_t> best = best_assignment(counts, classes);
  ClassOrder order;
  order.reference_class.resize(best.size());
  std::iota(order.reference_class.begin(), order.reference_class.end(), 0);
  order.agreement = agreement_of(counts, order.reference_class);

  std::vector<bool> seen(best.size());
  for (size_t first = 0; first < best.size(); ++first) {
    double as_it_stands = 0.0, exchanged = 0.0;
    std::vector<size_t> cycle;
    for (size_t c = first; !seen[c]; c = static_cast<size_t>(best[c])) {
      seen[c] = true;
      cycle.push_back(c);
      as_it_stands += counts[c * best.size() + c];
      exchanged += counts[c * best.size() + static_cast<size_t>(best[c])];
    }
    if (cycle.size() < 2 || exchanged - as_it_stands < kDeviations * std::sqrt(exchanged + as_it_stands)) continue;
    if (exchanged == as_it_stands) continue;  // no sample speaks for either
    for (const size_t c : cycle) order.reference_class[c] = best[c];
    order.permuted = true;
  }
  order.agreement_in_order = agreement_of(counts, order.reference_class);
  return order;
}

void put_in_order(std::span<float> probabilities, const ClassOrder& order) {
  const size_t classes = order.reference_class.size();
  check(classes > 0 && probabilities.size() % classes == 0, "class order: {} probabilities for {} classes",
        probabilities.size(), classes);
  std::vector<float> row(classes);
  for (size_t at = 0; at < probabilities.size(); at += classes) {
    for (size_t c = 0; c < classes; ++c) row[static_cast<size_t>(order.reference_class[c])] = probabilities[at + c];
    std::ranges::copy(row, probabilities.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

}  // namespace cofactor
