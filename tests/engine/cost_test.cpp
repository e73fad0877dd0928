// The cost of each kernel against numbers derived by hand.
#include "engine/cost.h"

#include <doctest/doctest.h>

#include "engine/elementwise_ops.h"
#include "tests/engine/cost_text.h"

namespace cofactor::testing {

namespace {

TensorSpec f32(const Shape& shape) {
  return {shape, DType::f32};
}
TensorSpec f64(const Shape& shape) {
  return {shape, DType::f64};
}
TensorSpec in_bf16(const Shape& shape) {
  return {shape, DType::bf16};
}
TensorSpec i32(const Shape& shape) {
  return {shape, DType::i32};
}
TensorSpec u8(const Shape& shape) {
  return {shape, DType::u8};
}
const TensorSpec kNone;

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("cost: what only moves values has no flops and each tensor's bytes once") {
    CHECK(cost::copy(10) == Cost{0, 20});
    CHECK(cost::fill(f32({3, 5})) == Cost{0, 60});
    CHECK(cost::broadcast(f32({5}), f32({3, 5})) == Cost{0, 20 + 60});
    CHECK(cost::cast(f32({3, 5}), in_bf16({3, 5})) == Cost{0, 60 + 30});
    CHECK(cost::permute(f64({3, 5}), f64({5, 3})) == Cost{0, 240});
    // 2 of 5 columns of 3 rows are read and written.
    CHECK(cost::copy_slice(f32({3, 5}), f32({3, 7}), 2, 1) == Cost{0, 2 * 24});
  }

  TEST_CASE("cost: elementwise ops count their formula's operations") {
    const TensorSpec x = f32({10});
    CHECK(cost::unary(op_of<ReluOp>, x, x) == Cost{10, 80});
    CHECK(cost::unary(op_of<ExpOp>, x, x) == Cost{10, 80});
    CHECK(cost::unary(op_of<SigmoidOp>, x, x) == Cost{40, 80});  // 1 / (1 + exp(-x))
    // relu reads y and the gradient; tanh' = g (1 - y y); pow' = g a x^(a - 1); x + a passes the gradient on.
    CHECK(cost::unary_vjp(op_of<ReluOp>, kNone, x, x, x) == Cost{10, 120});
    CHECK(cost::unary_vjp(op_of<TanhOp>, kNone, x, x, x) == Cost{30, 120});
    CHECK(cost::unary_vjp(op_of<SqrtOp>, kNone, x, x, x) == Cost{20, 120});
    CHECK(cost::unary_vjp(op_of<PowOp>, x, kNone, x, x) == Cost{40, 120});
    CHECK(cost::unary_vjp(op_of<AddScalarOp>, kNone, kNone, x, x) == Cost{0, 80});
    // (4, 1) + (3): 12 sums from 4 and 3 values.
    CHECK(cost::binary(op_of<AddOp>, f32({4, 1}), f32({3}), f32({4, 3})) == Cost{12, 16 + 12 + 48});
    CHECK(cost::dropout(x, x) == Cost{10, 80});
  }

  TEST_CASE("cost: reductions") {
    // Four rows of six values: five sums each; a mean divides too.
    CHECK(cost::reduce(ReduceOp::sum, f32({4, 6}), f32({4, 1})) == Cost{20, 96 + 16});
    CHECK(cost::reduce(ReduceOp::max, f32({4, 6}), f32({4, 1})) == Cost{20, 96 + 16});
    CHECK(cost::reduce(ReduceOp::mean, f32({4, 6}), f32({4, 1})) == Cost{24, 96 + 16});
    CHECK(cost::argmax(f32({4, 6}), i32({4})) == Cost{20, 96 + 16});
    // A row of 3: 2 comparisons, 3 differences, 3 exponentials, 2 sums, then 3 divisions (13), or for the log one
    // logarithm and 3 differences (14).
    CHECK(cost::softmax(f32({2, 3}), false, f32({2, 3})) == Cost{26, 48});
    CHECK(cost::softmax(f32({2, 3}), true, f32({2, 3})) == Cost{28, 48});
    // A row of 3: 3 products, 2 sums, 3 differences, 3 products.
    CHECK(cost::softmax_vjp(f32({2, 3}), f32({2, 3}), false, f32({2, 3})) == Cost{22, 72});
    CHECK(cost::multinomial(f32({2, 3}), i32({2})) == Cost{6, 24 + 8});
  }

  TEST_CASE("cost: matrix products with every transposition") {
    // (3, 5) (5, 7): 21 sums of 5 products.
    const Cost expected{2.0 * 21 * 5, 4.0 * (15 + 35 + 21)};
    CHECK(cost::matmul(f32({3, 5}), false, f32({5, 7}), false, kNone, f32({3, 7})) == expected);
    CHECK(cost::matmul(f32({5, 3}), true, f32({5, 7}), false, kNone, f32({3, 7})) == expected);
    CHECK(cost::matmul(f32({3, 5}), false, f32({7, 5}), true, kNone, f32({3, 7})) == expected);
    // A bias is one addition for each output. bf16 factors, f32 bias.
    CHECK(cost::matmul(in_bf16({3, 5}), false, in_bf16({7, 5}), true, f32({7}), in_bf16({3, 7})) ==
          Cost{2.0 * 21 * 5 + 21, 2.0 * (15 + 35 + 21) + 28});
  }

  TEST_CASE("cost: determinants") {
    // LU 2/3 27 and inverse 4/3 27.
    CHECK(cost::lu_log_abs_det(f64({3, 3}), f64({}), f64({}), f64({3, 3})) == Cost{54, 72 + 8 + 8 + 72});
    // 21 C^3 + 4/3 C^3 + 2 C^3 + C^2 at C = 3.
    const Cost svd = cost::svd_cofactor(f64({3, 3}), f64({}), f64({3, 3}));
    CHECK(svd.flops == doctest::Approx(567 + 36 + 54 + 9));
    CHECK(svd.bytes == 72 + 8 + 72);
  }

  TEST_CASE("cost: convolution in the three directions") {
    // Fashion-MNIST's first layer on two images: 24 x 24 places, 16 filters, 25 products and sums each.
    const TensorSpec x = f32({2, 28, 28, 1}), w = f32({16, 5, 5, 1}), b = f32({16}), y = f32({2, 24, 24, 16});
    const double places = 2.0 * 24 * 24 * 16, products = places * 50;
    const double x_bytes = 4.0 * 2 * 28 * 28, w_bytes = 4.0 * 16 * 25, y_bytes = 4.0 * places;
    CHECK(cost::conv2d(x, w, kNone, {}, y) == Cost{products, x_bytes + w_bytes + y_bytes});
    CHECK(cost::conv2d(x, w, b, {.activation = Activation::relu}, y) ==
          Cost{products + 2 * places, x_bytes + w_bytes + 64 + y_bytes});
    CHECK(cost::conv2d_vjp_input(y, w, x) == Cost{products, y_bytes + w_bytes + x_bytes});
    CHECK(cost::conv2d_vjp_input_add(y, w, x) == Cost{products + 2 * 28 * 28, y_bytes + w_bytes + 2 * x_bytes});
    CHECK(cost::conv2d_vjp_weights(x, y, w, kNone) == Cost{products, x_bytes + y_bytes + w_bytes});
    CHECK(cost::conv2d_vjp_weights(x, y, w, b) == Cost{products + places, x_bytes + y_bytes + w_bytes + 64});
  }

  TEST_CASE("cost: a strided convolution counts its outputs") {
    // (8 + 2 - 3) / 2 + 1 = 4 places a side, 6 filters of 3 x 3 x 5.
    const TensorSpec y = f32({1, 4, 4, 6});
    CHECK(cost::conv2d(f32({1, 8, 8, 5}), f32({6, 3, 3, 5}), kNone,
                       {.stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1}, y)
              .flops == 96 * 2 * 45);
  }

  TEST_CASE("cost: the maximum of a convolution over all places") {
    // 2 sentences of 9 words in 4 dimensions, windows of 3 words: 7 places, 5 filters.
    const TensorSpec x = f32({2, 9, 4, 1}), w = f32({5, 3, 4, 1}), b = f32({5}), y = f32({2, 5}), places = i32({2, 5});
    const double products = 2.0 * 2 * 7 * 5 * 12, maxima = 2 * 5;
    const double x_bytes = 4.0 * 72, w_bytes = 4.0 * 60;
    CHECK(cost::conv2d_global_max(x, w, b, {.activation = Activation::relu}, y, places) ==
          Cost{products + maxima * 6 + 2 * maxima, x_bytes + w_bytes + 20 + 40 + 40});
    // One window of 12 cells for each of the ten maxima, for x and for w.
    CHECK(cost::conv2d_global_max_vjp(y, places, x, w, x, w, b) ==
          Cost{2 * 2.0 * 10 * 12 + 10, 40 + 40 + 2 * x_bytes + 2 * w_bytes + 20});
    CHECK(cost::conv2d_global_max_vjp(y, places, x, w, kNone, w, kNone) ==
          Cost{2.0 * 10 * 12, 40 + 40 + x_bytes + w_bytes});
  }

  TEST_CASE("cost: pooling counts the cells of its windows") {
    const TensorSpec x = f32({1, 8, 8, 3}), y = f32({1, 4, 4, 3}), workspace = u8({48});
    const Pool2dParams max{.kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2};
    CHECK(cost::pool2d(x, max, y, workspace) == Cost{48 * 3, 768 + 192 + 48});
    CHECK(cost::pool2d_vjp(y, workspace, max, x) == Cost{48, 192 + 48 + 768});
    Pool2dParams fused = max, average = max;
    fused.activation = Activation::relu;
    CHECK(cost::pool2d(x, fused, y, kNone).flops == 48 * 4);
    average.kind = PoolKind::average;
    CHECK(cost::pool2d(x, average, y, kNone) == Cost{48 * 4, 768 + 192});
    CHECK(cost::pool2d_vjp(y, kNone, average, x).flops == 48 + 48 * 4);
    // Adaptive, 5 rows in 2 windows: [0, 3) and [2, 5), six cells; 4 columns in 1.
    const Pool2dParams adaptive{.kind = PoolKind::average, .adaptive = true};
    CHECK(cost::pool2d(f32({1, 5, 4, 3}), adaptive, f32({1, 2, 1, 3}), kNone).flops == 3 * 6 * 4);
  }

  TEST_CASE("cost: batch norm reads its input twice where it takes the statistics") {
    const TensorSpec x = f32({2, 3, 3, 4});  // 72 values, 288 bytes
    CHECK(cost::batch_norm(x, kNone, {}, x) == Cost{72 * 6, 288 * 3});
    CHECK(cost::batch_norm(x, x, {.activation = Activation::relu}, x) == Cost{72 * 8, 288 * 4});
    CHECK(cost::batch_norm(x, kNone, {.training = false}, x) == Cost{72 * 2, 288 * 2});
    CHECK(cost::batch_norm_vjp(x, x, kNone, {}, x, kNone) == Cost{72 * 9, 288 * 5});
    CHECK(cost::batch_norm_vjp(x, x, x, {.activation = Activation::relu}, x, x) == Cost{72 * 10, 288 * 8});
    CHECK(cost::batch_norm_vjp(x, x, kNone, {.training = false}, x, kNone) == Cost{72 * 6, 288 * 3});
    // In parts: the moments, the sums of the gradient, and dx.
    CHECK(cost::batch_norm_moments(x) == Cost{72 * 4, 288});
    CHECK(cost::batch_norm_vjp_sums(x, x, kNone) == Cost{72 * 5, 288 * 2});
    CHECK(cost::batch_norm_vjp_sums(x, x, x) == Cost{72 * 6, 288 * 3});
    CHECK(cost::batch_norm_vjp_input(x, x, x, x, kNone) == Cost{72 * 7, 288 * 4});
    CHECK(cost::batch_norm_vjp_input(x, x, kNone, x, x) == Cost{72 * 6, 288 * 4});
  }

  TEST_CASE("cost: lookups read the rows that they are asked for") {
    CHECK(cost::gather(f32({6, 10}), i32({6}), f32({6})) == Cost{0, 24 + 24 + 24});
    CHECK(cost::gather_vjp(f32({6}), i32({6}), f32({6, 10})) == Cost{0, 24 + 24 + 240});
    // 6 of 1000 rows.
    CHECK(cost::embedding(f32({1000, 8}), i32({2, 3}), f32({2, 3, 8})) == Cost{0, 192 + 24 + 192});
    CHECK(cost::embedding(f32({1000, 8}), i32({2, 3}), in_bf16({2, 3, 8})) == Cost{0, 192 + 24 + 96});
    CHECK(cost::embedding_vjp(f32({2, 3, 8}), i32({2, 3}), f32({1000, 8})) == Cost{48, 192 + 24 + 32000});
    // Two images of 4 x 4 x 3 out of 100: a product and a sum for each pixel.
    CHECK(cost::images_from_bytes(u8({100, 5, 5, 3}), i32({2, 4}), f32({3}), f32({3}), f32({2, 4, 4, 3})) ==
          Cost{2 * 96, 96 + 32 + 12 + 12 + 384});
  }

  TEST_CASE("cost: an optimizer's step by its options") {
    const TensorSpec p = f32({10});
    CHECK(cost::sgd_step(p, p, {.lr = 0.1}) == Cost{20, 40 + 80});
    CHECK(cost::sgd_step(p, p, {.lr = 0.1, .momentum = 0.9}) == Cost{50, 40 + 160});
    CHECK(cost::sgd_step(p, p, {.lr = 0.1, .momentum = 0.9, .weight_decay = 1e-4, .nesterov = true}) ==
          Cost{90, 40 + 160});
    CHECK(cost::adam_step(p, p, {}) == Cost{130, 40 + 240});
    CHECK(cost::adam_step(p, in_bf16({10}), {.weight_decay = 1e-4}) == Cost{150, 20 + 240});
  }

  TEST_CASE("cost: empty and undefined tensors cost nothing") {
    CHECK(TensorSpec(Tensor()).bytes() == 0);
    CHECK(cost::softmax(f32({0, 3}), false, f32({0, 3})) == Cost{0, 0});
    CHECK(cost::matmul(f32({0, 5}), false, f32({5, 7}), false, kNone, f32({0, 7})) == Cost{0, 140});
  }
}

}  // namespace cofactor::testing
