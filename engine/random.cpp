#include "engine/random.h"

#include <numeric>
#include <utility>

namespace cofactor {

std::vector<int64_t> random_permutation(const RandomKey& key, int64_t count) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (int64_t i = count - 1; i > 0; --i)
    std::swap(order[static_cast<size_t>(i)],
              order[static_cast<size_t>(random_below(key, static_cast<uint64_t>(i), i + 1))]);
  return order;
}

}  // namespace cofactor
