// Convolution, pooling, batch norm and dropout against central differences.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "engine/ops/batch_norm.h"
#include "engine/ops/conv.h"
#include "engine/ops/dropout.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/pool.h"
#include "tests/engine/gradients.h"

namespace cofactor::testing {

TEST_SUITE("gradient") {
  TEST_CASE("convolution") {
    struct Case {
      Shape x, w;
      Conv2dParams params;
    };
    const std::vector<Case> cases = {
        {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
        {{2, 5, 6, 3}, {4, 3, 3, 3}, {}},
        {{2, 5, 6, 3}, {4, 3, 3, 3}, {.pad_h = 1, .pad_w = 1}},
        {{2, 7, 5, 2}, {3, 3, 2, 2}, {.stride_h = 2, .stride_w = 3, .pad_h = 1, .pad_w = 0}},
        {{1, 8, 9, 2}, {2, 3, 3, 2}, {.pad_h = 2, .pad_w = 1, .dilation_h = 2, .dilation_w = 3}},
        {{1, 8, 7, 1}, {2, 2, 3, 1}, {.stride_h = 3, .stride_w = 2, .pad_h = 3, .pad_w = 4, .dilation_w = 2}},
        {{3, 1, 9, 4}, {5, 1, 4, 4}, {}},                              // a word convolution
        {{2, 6, 6, 3}, {2, 1, 1, 3}, {.stride_h = 2, .stride_w = 2}},  // the last row and column are never seen
    };
    uint32_t index = 700;
    for (const Case& c : cases) {
      for (const Activation activation : {Activation::none, Activation::relu}) {
        CAPTURE(c.x);
        CAPTURE(c.w);
        Conv2dParams params = c.params;
        params.activation = activation;
        const Tensor x = random_tensor(c.x, index++), w = random_tensor(c.w, index++);
        const Tensor b = random_tensor({c.w[0]}, index++);
        check_gradients([&](const Tensors& in) { return conv2d(in[0], in[1], in[2], params); }, {x, w, b});
        check_gradients([&](const Tensors& in) { return conv2d(in[0], in[1], {}, params); }, {x, w});
      }
    }
  }

  TEST_CASE("pooling over windows") {
    struct Case {
      Shape x;
      Pool2dParams params;
    };
    const std::vector<Case> cases = {
        {{2, 4, 6, 3}, {.kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2}},
        {{1, 7, 5, 2}, {.kernel_h = 3, .kernel_w = 2, .stride_h = 2, .stride_w = 1}},
        {{2, 5, 5, 1}, {.kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1}},
        {{1, 5, 7, 2}, {.kernel_h = 2, .kernel_w = 5, .stride_h = 1, .stride_w = 3, .pad_h = 1, .pad_w = 2}},
        {{2, 1, 9, 3}, {.kernel_h = 1, .kernel_w = 9}},  // over a whole text
        {{1, 3, 3, 2}, {.stride_h = 2, .stride_w = 2}},
    };
    uint32_t index = 800;
    for (const Case& c : cases) {
      CAPTURE(c.x);
      const Tensor x = random_tensor(c.x, index++);
      for (const PoolKind kind : {PoolKind::max, PoolKind::average}) {
        for (const bool count_include_pad : {true, false}) {
          Pool2dParams params = c.params;
          params.kind = kind;
          params.count_include_pad = count_include_pad;
          check_gradients([&](const Tensors& in) { return pool2d(in[0], params); }, {x});
        }
      }
    }
    const Tensor x = random_tensor({2, 6, 6, 2}, 850);
    check_gradients([](const Tensors& in) { return max_pool2d(in[0], 2); }, {x});
    check_gradients([](const Tensors& in) { return max_pool2d(in[0], 3, 2, 1); }, {x});
    check_gradients([](const Tensors& in) { return avg_pool2d(in[0], 3, 1, 1, false); }, {x});
  }

  TEST_CASE("a ReLU fused with max pooling is a ReLU before it and after it") {
    const Tensor x = random_tensor({2, 5, 6, 3}, 870);
    const auto fused = [](const Tensors& in) { return max_pool2d(in[0], 2, 2, 0, Activation::relu); };
    check_gradients(fused, {x});
    const auto run = [&](const auto& f) {
      Tensor leaf = x.clone();
      leaf.set_requires_grad(true);
      const Tensor y = f({leaf});
      backward(y, random_tensor(y.shape(), 871));
      return std::pair{y.template to_vector<double>(), leaf.grad().template to_vector<double>()};
    };
    const auto expected = run(fused);
    CHECK(expected == run([](const Tensors& in) { return max_pool2d(relu(in[0]), 2); }));
    CHECK(expected == run([](const Tensors& in) { return relu(max_pool2d(in[0], 2)); }));
    Pool2dParams average{.kind = PoolKind::average, .activation = Activation::relu};
    CHECK_THROWS_AS(pool2d(x, average), Error);
  }

  TEST_CASE("adaptive pooling with extents that divide and that do not") {
    const Tensor x = random_tensor({2, 7, 5, 3}, 860);
    for (const auto& [h, w] : {std::pair{1, 1}, {7, 5}, {3, 2}, {4, 4}, {9, 6}}) {
      CAPTURE(h);
      check_gradients([&](const Tensors& in) { return adaptive_max_pool2d(in[0], h, w); }, {x});
      check_gradients([&](const Tensors& in) { return adaptive_avg_pool2d(in[0], h, w); }, {x});
    }
  }

  TEST_CASE("batch norm in training and evaluation") {
    uint32_t index = 900;
    for (const Shape& shape : {Shape{5, 3}, Shape{2, 1}, Shape{2, 3, 4, 3}}) {
      const Shape channels{shape[-1]};
      const Tensor x = random_tensor(shape, index++), scale = random_tensor(channels, index++, 0.5, 1.5);
      const Tensor shift = random_tensor(channels, index++);
      const Tensor mean_before = random_tensor(channels, index++);
      const Tensor variance_before = random_tensor(channels, index++, 0.5, 2.0);
      const Tensor residual = random_tensor(shape, index++);
      for (const bool training : {true, false}) {
        for (const Activation activation : {Activation::none, Activation::relu}) {
          CAPTURE(shape);
          CAPTURE(training);
          const BatchNormParams params{.training = training, .epsilon = 1e-3, .activation = activation};
          const auto norm = [&](const Tensors& in) {
            return batch_norm(in[0], in[1], in[2], mean_before.clone(), variance_before.clone(), params, in[3]);
          };
          check_gradients(norm, {x, scale, shift, {}});
          check_gradients(norm, {x, scale, shift, residual});
          check_gradients([&](const Tensors& in) { return norm({in[0], scale, shift, in[0]}); }, {x});
        }
      }
    }
  }

  TEST_CASE("dropout keeps the same elements in its gradient") {
    const RandomKey key{.seed = 3, .purpose = Purpose::dropout};
    const Tensor x = random_tensor({4, 9}, 950);
    for (const double p : {0.0, 0.3, 0.9})
      check_gradients([&](const Tensors& in) { return dropout(in[0], p, key); }, {x});
    const Tensor ones = Tensor::full({1000}, 1.0, DType::f64, kHost);
    const std::vector<double> y = dropout(ones, 0.25, key).to_vector<double>();
    CHECK(gradient_of([&](const Tensor& t) { return dropout(t, 0.25, key); }, ones, ones) == y);
    CHECK(std::abs(static_cast<double>(std::count(y.begin(), y.end(), 0.0)) - 250.0) < 50.0);
  }
}

}  // namespace cofactor::testing
