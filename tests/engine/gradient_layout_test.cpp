// Ops that move elements, by position or by index, against central differences.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "engine/ops/layout.h"
#include "engine/ops/matmul.h"
#include "engine/ops/softmax.h"
#include "tests/engine/gradients.h"

namespace cofactor::testing {

TEST_SUITE("gradient") {
  TEST_CASE("layout") {
    const Tensor x = random_tensor({2, 3, 4}, 400);
    check_gradients([](const Tensors& in) { return reshape(in[0], {4, -1}); }, {x});
    check_gradients([](const Tensors& in) { return flatten(in[0]); }, {x});
    for (const std::vector<int>& axes : {std::vector<int>{0, 1, 2}, {2, 0, 1}, {1, 2, 0}, {0, 2, 1}, {2, 1, 0}})
      check_gradients([&](const Tensors& in) { return permute(in[0], axes); }, {x});
    check_gradients([](const Tensors& in) { return transpose(in[0]); }, {random_tensor({3, 5}, 401)});
    for (const int axis : {0, 1, -1}) {
      check_gradients([&](const Tensors& in) { return slice(in[0], axis, 0, 1); }, {x});
      check_gradients([&](const Tensors& in) { return slice(in[0], axis, 1, in[0].dim(axis) - 1); }, {x});
    }
    check_gradients([](const Tensors& in) { return broadcast_to(in[0], {5, 2, 3, 4}); }, {x});
    check_gradients([](const Tensors& in) { return broadcast_to(in[0], {3, 4}); }, {random_tensor({}, 402)});
    check_gradients([](const Tensors& in) { return broadcast_to(in[0], {2, 3, 4}); }, {random_tensor({3, 1}, 403)});
  }

  TEST_CASE("concatenate") {
    for (const int axis : {0, 1, 2, -1}) {
      Tensors parts;
      for (const int64_t length : {2, 1, 3}) {
        Shape shape{2, 3, 4};
        shape[axis] = length;
        parts.push_back(random_tensor(shape, 410 + static_cast<uint32_t>(length)));
      }
      check_gradients([&](const Tensors& in) { return concatenate(in, axis); }, parts);
    }
    check_gradients(
        [](const Tensors& in) {
          return concatenate({in[0], in[0], in[1]}, 0);
        },
        {random_tensor({2, 2}, 420), random_tensor({1, 2}, 421)});
  }

  TEST_CASE("gather with labels that repeat") {
    const Tensor labels = integers({2, 0, 2, 2, 1}, {5});
    const Tensor x = random_tensor({5, 3}, 610);
    check_gradients([](const Tensors& in) { return gather(in[0], in[1]); }, {x, labels});
    check_gradients([](const Tensors& in) { return gather(log_softmax(in[0]), in[1]); }, {x, labels});
    check_gradients([](const Tensors& in) { return matmul(transpose(in[0]), one_hot(in[1], 3, DType::f64)); },
                    {x, labels});
  }

  TEST_CASE("embedding with indices that repeat and rows never used") {
    const Tensor table = random_tensor({6, 3}, 620);
    check_gradients([](const Tensors& in) { return embedding(in[0], in[1]); }, {table, integers({5, 0, 5, 2}, {4})});
    check_gradients([](const Tensors& in) { return embedding(in[0], in[1]); },
                    {table, integers({1, 1, 1, 4, 0, 1}, {2, 3})});
    check_gradients([](const Tensors& in) { return embedding(in[0], in[1]); }, {table, integers({3}, {})});
  }
}

}  // namespace cofactor::testing
