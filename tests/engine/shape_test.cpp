// Shapes: their own arithmetic, the output shape of every op, and what each op says to inputs that do not fit.
#include "engine/shape.h"

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "engine/ops/batch_norm.h"
#include "engine/ops/conv.h"
#include "engine/ops/dropout.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/embedding.h"
#include "engine/ops/images.h"
#include "engine/ops/layout.h"
#include "engine/ops/log_abs_det.h"
#include "engine/ops/matmul.h"
#include "engine/ops/multinomial.h"
#include "engine/ops/pool.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "engine/tensor.h"
#include "tests/fixtures/errors.h"

namespace cofactor {

namespace {

Tensor zeros(const Shape& shape, DType dtype = DType::f32) {
  return Tensor::zeros(shape, dtype, kHost);
}

// `call` must throw an Error that begins with `op` and a colon, and holds each of `parts`.
void check_error(const std::string& op, const std::vector<std::string>& parts, const std::function<void()>& call) {
  const std::string message = testing::error_of(call);
  CAPTURE(message);
  CHECK(message.starts_with(op + ":"));
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(testing::contains(message, part));
  }
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("shape: extents axes from both ends elements") {
    const Shape shape{2, 3, 5};
    CHECK(shape.rank() == 3);
    CHECK(shape[0] == 2);
    CHECK(shape[-1] == 5);
    CHECK(shape.dim(-3) == 2);
    CHECK(shape.numel() == 30);
    CHECK(Shape{}.rank() == 0);
    CHECK(Shape{}.numel() == 1);
    CHECK(Shape{4, 0}.numel() == 0);
    CHECK(to_string(Shape{128, 28, 28, 1}) == "(128, 28, 28, 1)");
    CHECK(to_string(Shape{}) == "()");
    CHECK(shape == Shape(std::vector<int64_t>{2, 3, 5}));
    CHECK(shape != Shape{2, 3});
    CHECK(shape != Shape{2, 3, 4});
    CHECK(Shape{1} != Shape{});
    const auto strides = strides_of(shape);
    CHECK(strides[0] == 15);
    CHECK(strides[1] == 5);
    CHECK(strides[2] == 1);
  }

  TEST_CASE("shape: what it refuses") {
    check_error("shape", {"axis 3", "(2, 3, 5)"}, [] { (void)Shape{2, 3, 5}.dim(3); });
    check_error("shape", {"axis -4", "(2, 3, 5)"}, [] { (void)Shape{2, 3, 5}.dim(-4); });
    check_error("shape", {"axis 0"}, [] { (void)Shape{}.dim(0); });
    check_error("shape", {"-1"}, [] { (void)Shape{2, -1}; });
    check_error("shape", {"rank 6"}, [] { (void)Shape{1, 1, 1, 1, 1, 1, 1}; });
    check_error("shape", {"(4294967296, 4294967296)"}, [] { (void)Shape{1LL << 32, 1LL << 32}.numel(); });
  }

  TEST_CASE("shape: broadcasting follows NumPy's rules") {
    CHECK(broadcast_shape({2, 3}, {2, 3}, "op") == Shape{2, 3});
    CHECK(broadcast_shape({2, 3}, {3}, "op") == Shape{2, 3});
    CHECK(broadcast_shape({3}, {2, 3}, "op") == Shape{2, 3});
    CHECK(broadcast_shape({2, 1}, {1, 3}, "op") == Shape{2, 3});
    CHECK(broadcast_shape({}, {2, 3}, "op") == Shape{2, 3});
    CHECK(broadcast_shape({}, {}, "op") == Shape{});
    CHECK(broadcast_shape({4, 1, 3}, {5, 1}, "op") == Shape{4, 5, 3});
    CHECK(broadcast_shape({0, 3}, {1, 3}, "op") == Shape{0, 3});
    check_error("op", {"(2, 3)", "(2)"}, [] { (void)broadcast_shape({2, 3}, {2}, "op"); });
    check_error("op", {"(0)", "(2)"}, [] { (void)broadcast_shape({0}, {2}, "op"); });
  }

  TEST_CASE("every op gives the shape that its header says") {
    const Tensor image = zeros({2, 9, 8, 3});
    const Tensor labels = zeros({4}, DType::i32);
    CHECK(add(zeros({4, 1}), zeros({3})).shape() == Shape{4, 3});
    CHECK(equal(zeros({4, 1}), zeros({3})).shape() == Shape{4, 3});
    CHECK(exp(zeros({})).shape() == Shape{});
    CHECK(sum(image).shape() == Shape{});
    CHECK(sum(image, {}, true).shape() == Shape{1, 1, 1, 1});
    CHECK(mean(image, {1, 2}).shape() == Shape{2, 3});
    CHECK(max(image, {-1}, true).shape() == Shape{2, 9, 8, 1});
    CHECK(argmax(zeros({4, 3})).shape() == Shape{4});
    CHECK(argmax(zeros({4, 3})).dtype() == DType::i32);
    const Tensor logits = Tensor::from({1.0, 0.0, 0.0, 2.0, 3.0, 3.0, 0.0, 1.0}, {4, 2}, kHost);
    CHECK(accuracy(logits, Tensor::from({0, 1, 0, 0}, {4}, kHost)) == 0.75);  // the first of equal ones counts
    CHECK(accuracy(logits, Tensor::from({1, 0, 1, 0}, {4}, kHost)) == 0.0);
    CHECK(multinomial(zeros({4, 3}), {}).shape() == Shape{4});
    CHECK(multinomial(zeros({4, 3}), {}).dtype() == DType::i32);
    CHECK(reshape(image, {-1, 6}).shape() == Shape{72, 6});
    CHECK(reshape(zeros({1, 1}), {}).shape() == Shape{});
    CHECK(flatten(image).shape() == Shape{2, 216});
    CHECK(flatten(zeros({0, 3, 2})).shape() == Shape{0, 6});
    CHECK(flatten(zeros({5})).shape() == Shape{5, 1});
    CHECK(permute(image, {0, 3, 1, 2}).shape() == Shape{2, 3, 9, 8});
    CHECK(transpose(zeros({4, 3})).shape() == Shape{3, 4});
    CHECK(concatenate({image, image, zeros({2, 9, 8, 1})}, -1).shape() == Shape{2, 9, 8, 7});
    CHECK(slice(image, 1, 2, 5).shape() == Shape{2, 5, 8, 3});
    CHECK(slice(image, 1, 9, 0).shape() == Shape{2, 0, 8, 3});
    CHECK(broadcast_to(zeros({3}), {2, 3}).shape() == Shape{2, 3});
    CHECK(matmul(zeros({4, 3}), zeros({3, 5})).shape() == Shape{4, 5});
    CHECK(linear(zeros({4, 3}), zeros({5, 3}), zeros({5})).shape() == Shape{4, 5});
    CHECK(softmax(image).shape() == image.shape());
    CHECK(gather(zeros({4, 3}), labels).shape() == Shape{4});
    CHECK(one_hot(labels, 7, DType::f64).shape() == Shape{4, 7});
    CHECK(embedding(zeros({10, 6}), zeros({2, 1, 5}, DType::i32)).shape() == Shape{2, 1, 5, 6});
    CHECK(dropout(image, 0.5, {}).shape() == image.shape());
    CHECK(log_abs_det(zeros({3, 3}, DType::f64)).shape() == Shape{});
    CHECK(log_abs_det(zeros({3, 3}, DType::f64), 0.001).shape() == Shape{});
    CHECK(batch_norm(image, zeros({3}), zeros({3}), zeros({3}), zeros({3})).shape() == image.shape());
  }

  TEST_CASE("convolution and pooling extents round down") {
    const Tensor image = zeros({2, 9, 8, 3});
    CHECK(conv2d(image, zeros({5, 3, 3, 3}), {}).shape() == Shape{2, 7, 6, 5});
    CHECK(conv2d(image, zeros({5, 3, 3, 3}), zeros({5}), {.pad_h = 1, .pad_w = 1}).shape() == Shape{2, 9, 8, 5});
    CHECK(conv2d(image, zeros({5, 3, 3, 3}), {}, {.stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1}).shape() ==
          Shape{2, 5, 4, 5});
    CHECK(conv2d(image, zeros({1, 3, 2, 3}), {}, {.dilation_h = 4, .dilation_w = 7}).shape() == Shape{2, 1, 1, 1});
    CHECK(max_pool2d(image, 2).shape() == Shape{2, 4, 4, 3});
    CHECK(max_pool2d(image, 3, 2, 1).shape() == Shape{2, 5, 4, 3});
    CHECK(avg_pool2d(image, 8, 1).shape() == Shape{2, 2, 1, 3});
    CHECK(pool2d(image, {.kernel_h = 9, .kernel_w = 1}).shape() == Shape{2, 1, 8, 3});
    CHECK(adaptive_max_pool2d(image, 1, 3).shape() == Shape{2, 1, 3, 3});
    CHECK(adaptive_avg_pool2d(image, 12, 8).shape() == Shape{2, 12, 8, 3});
  }

  TEST_CASE("reshape and detach share storage the other layout ops copy") {
    const Tensor x = zeros({2, 3});
    CHECK(reshape(x, {3, 2}).raw_data() == x.raw_data());
    CHECK(x.detach().raw_data() == x.raw_data());
    CHECK(permute(x, {0, 1}).raw_data() != x.raw_data());
    CHECK(slice(x, 0, 0, 2).raw_data() != x.raw_data());
    CHECK(dropout(x, 0.0, {}).is_same(x));
    CHECK(cast(x, DType::f32).is_same(x));
  }

  TEST_CASE("elementwise ops name themselves and the shapes that do not fit") {
    check_error("add", {"(2, 3)", "(2)"}, [] { add(zeros({2, 3}), zeros({2})); });
    check_error("sub", {"(2, 3)", "(4, 3)"}, [] { sub(zeros({2, 3}), zeros({4, 3})); });
    check_error("mul", {"(2, 3)", "(2)"}, [] { mul(zeros({2, 3}), zeros({2})); });
    check_error("div", {"(2, 3)", "(2)"}, [] { div(zeros({2, 3}), zeros({2})); });
    check_error("equal", {"(2, 3)", "(2)"}, [] { equal(zeros({2, 3}), zeros({2})); });
    check_error("mul", {"f32", "f64"}, [] { mul(zeros({2}), zeros({2}, DType::f64)); });
    check_error("add", {"i32", "(2)"}, [] { add(zeros({2}, DType::i32), zeros({2}, DType::i32)); });
    check_error("div", {"b is undefined"}, [] { div(zeros({2}), {}); });
    check_error("exp", {"u8", "(2)"}, [] { exp(zeros({2}, DType::u8)); });
    check_error("tanh", {"undefined"}, [] { tanh({}); });
    check_error("cast", {"undefined"}, [] { cast({}, DType::f32); });
  }

  TEST_CASE("reductions name themselves and the axes that do not exist") {
    check_error("sum", {"axis 2", "(2, 3)"}, [] { sum(zeros({2, 3}), {2}); });
    check_error("mean", {"axis -3", "(2, 3)"}, [] { mean(zeros({2, 3}), {0, -3}); });
    check_error("max", {"axis 1", "(2, 3)", "twice"}, [] { max(zeros({2, 3}), {1, -1}); });
    check_error("mean", {"(0, 3)"}, [] { mean(zeros({0, 3})); });
    check_error("max", {"(2, 0)"}, [] { max(zeros({2, 0}), {1}); });
    check_error("sum", {"i32"}, [] { sum(zeros({2}, DType::i32)); });
    check_error("argmax", {"(2, 3, 4)"}, [] { argmax(zeros({2, 3, 4})); });
    check_error("argmax", {"(2, 0)"}, [] { argmax(zeros({2, 0})); });
    check_error("accuracy", {"(2, 3)", "(3)"}, [] { accuracy(zeros({2, 3}), Tensor::zeros({3}, DType::i32, kHost)); });
    check_error("accuracy", {"f32", "expected i32"}, [] { accuracy(zeros({2, 3}), zeros({2})); });
    check_error("accuracy", {"(0, 3)"}, [] { accuracy(zeros({0, 3}), Tensor::zeros({0}, DType::i32, kHost)); });
    check_error("multinomial", {"(2, 3, 4)"}, [] { multinomial(zeros({2, 3, 4}), {}); });
    check_error("multinomial", {"(2, 0)"}, [] { multinomial(zeros({2, 0}), {}); });
    check_error("multinomial", {"i32"}, [] { multinomial(zeros({2, 3}, DType::i32), {}); });
    check_error("multinomial", {"undefined"}, [] { multinomial({}, {}); });
    check_error("multinomial", {"-1"}, [] { multinomial(zeros({2, 3}), {}, -1); });
    CHECK(sum(zeros({0, 3})).item() == 0.0);
    CHECK(sum(zeros({0, 3}), {0}).to_vector<float>() == std::vector<float>(3));
  }

  TEST_CASE("layout ops name themselves and what does not fit") {
    check_error("reshape", {"(2, 3)", "6 elements", "(4, 2)"}, [] { reshape(zeros({2, 3}), {4, 2}); });
    check_error("reshape", {"(2, 3)", "(4, -1)"}, [] { reshape(zeros({2, 3}), {4, -1}); });
    check_error("reshape", {"(-1, -1)"}, [] { reshape(zeros({2, 3}), {-1, -1}); });
    check_error("reshape", {"(-2, 3)"}, [] { reshape(zeros({2, 3}), {-2, 3}); });
    check_error("reshape", {"(0, -1)"}, [] { reshape(zeros({0, 3}), {0, -1}); });
    check_error("reshape", {"(1, 1, 1, 1, 1, 1, 6)"}, [] { reshape(zeros({2, 3}), {1, 1, 1, 1, 1, 1, 6}); });
    check_error("flatten", {"()"}, [] { flatten(zeros({})); });
    check_error("permute", {"(2, 3)", "0, 0"}, [] { permute(zeros({2, 3}), {0, 0}); });
    check_error("permute", {"(2, 3)", "0, 2"}, [] { permute(zeros({2, 3}), {0, 2}); });
    check_error("permute", {"(2, 3)", "-1, 0"}, [] { permute(zeros({2, 3}), {-1, 0}); });
    check_error("permute", {"(2, 3)", "1 axes"}, [] { permute(zeros({2, 3}), {0}); });
    check_error("transpose", {"(2, 3, 4)"}, [] { transpose(zeros({2, 3, 4})); });
    check_error("concatenate", {"no tensors"}, [] { concatenate({}, 0); });
    check_error("concatenate", {"axis 2", "(2, 3)"}, [] { concatenate({zeros({2, 3})}, 2); });
    check_error("concatenate", {"(2, 3)", "(2, 4)"}, [] { concatenate({zeros({2, 3}), zeros({2, 4})}, 0); });
    check_error("concatenate", {"(2, 3)", "(2)"}, [] { concatenate({zeros({2, 3}), zeros({2})}, 0); });
    check_error("concatenate", {"f32", "f64"}, [] { concatenate({zeros({2}), zeros({2}, DType::f64)}, 0); });
    check_error("slice", {"(2, 3)", "axis 1", "3 elements from 1"}, [] { slice(zeros({2, 3}), 1, 1, 3); });
    check_error("slice", {"(2, 3)", "-1"}, [] { slice(zeros({2, 3}), 1, -1, 2); });
    check_error("slice", {"(2, 3)", "-2"}, [] { slice(zeros({2, 3}), 1, 1, -2); });
    check_error("slice", {"(2, 3)", "axis 2"}, [] { slice(zeros({2, 3}), 2, 0, 1); });
    check_error("slice", {"9223372036854775807"}, [] {
      slice(zeros({2, 3}), 0, 1, std::numeric_limits<int64_t>::max());
    });
    check_error("broadcast_to", {"(2, 3)", "(2, 4)"}, [] { broadcast_to(zeros({2, 3}), {2, 4}); });
    check_error("broadcast_to", {"(2, 3)", "(3)"}, [] { broadcast_to(zeros({2, 3}), {3}); });
    check_error("broadcast_to", {"(2)", "(1)"}, [] { broadcast_to(zeros({2}), {1}); });
  }

  TEST_CASE("products softmax and lookups name themselves and the shapes that do not fit") {
    check_error("matmul", {"(2, 3)", "(2, 4)"}, [] { matmul(zeros({2, 3}), zeros({2, 4})); });
    check_error("matmul", {"(3)"}, [] { matmul(zeros({2, 3}), zeros({3})); });
    check_error("matmul", {"f32", "f64"}, [] { matmul(zeros({2, 3}), zeros({3, 4}, DType::f64)); });
    check_error("linear", {"(2, 3)", "(4, 5)"}, [] { linear(zeros({2, 3}), zeros({4, 5}), {}); });
    check_error("linear", {"(3)", "(4, 3)"}, [] { linear(zeros({2, 3}), zeros({4, 3}), zeros({3})); });
    check_error("linear", {"(2, 3, 1)"}, [] { linear(zeros({2, 3, 1}), zeros({4, 3}), {}); });
    check_error("softmax", {"()"}, [] { softmax(zeros({})); });
    check_error("log_softmax", {"(2, 0)"}, [] { log_softmax(zeros({2, 0})); });
    check_error("gather", {"(2, 3)", "(3)"}, [] { gather(zeros({2, 3}), zeros({3}, DType::i32)); });
    check_error("gather", {"(2, 3, 1)"}, [] { gather(zeros({2, 3, 1}), zeros({2}, DType::i32)); });
    check_error("gather", {"f32", "i32"}, [] { gather(zeros({2, 3}), zeros({2})); });
    check_error("one_hot", {"(2, 1)"}, [] { one_hot(zeros({2, 1}, DType::i32), 3, DType::f32); });
    check_error("one_hot", {"0 classes"}, [] { one_hot(zeros({2}, DType::i32), 0, DType::f32); });
    check_error("one_hot", {"u8"}, [] { one_hot(zeros({2}, DType::i32), 3, DType::u8); });
    check_error("embedding", {"(5, 2, 1)"}, [] { embedding(zeros({5, 2, 1}), zeros({3}, DType::i32)); });
    check_error("embedding", {"u8"}, [] { embedding(zeros({5, 2}), zeros({3}, DType::u8)); });
    check_error("embedding", {"(1, 1, 1, 1, 1, 1)"}, [] {
      embedding(zeros({5, 2}), zeros({1, 1, 1, 1, 1, 1}, DType::i32));
    });
    for (const double p : {-0.1, 1.0, 1.5, std::numeric_limits<double>::quiet_NaN()})
      check_error("dropout", {"p is", "(2, 3)"}, [p] { dropout(zeros({2, 3}), p, {}); });
    check_error("dropout", {"-1"}, [] { dropout(zeros({2, 3}), 0.5, {}, -1); });
  }

  TEST_CASE("conv2d names itself and what does not fit") {
    const Tensor x = zeros({2, 5, 6, 3}), w = zeros({4, 3, 3, 3});
    check_error("conv2d", {"(5, 6, 3)"}, [&] { conv2d(zeros({5, 6, 3}), w, {}); });
    check_error("conv2d", {"(3, 3, 3)"}, [&] { conv2d(x, zeros({3, 3, 3}), {}); });
    check_error("conv2d", {"(2, 5, 6, 3)", "(4, 3, 3, 2)"}, [&] { conv2d(x, zeros({4, 3, 3, 2}), {}); });
    check_error("conv2d", {"(3)", "(4, 3, 3, 3)"}, [&] { conv2d(x, w, zeros({3})); });
    check_error("conv2d", {"f64"}, [&] { conv2d(x, zeros({4, 3, 3, 3}, DType::f64), {}); });
    check_error("conv2d", {"window of 6", "height of 5"}, [&] { conv2d(x, zeros({4, 6, 3, 3}), {}); });
    check_error("conv2d", {"window of 7", "dilation 3", "width of 6"}, [&] { conv2d(x, w, {}, {.dilation_w = 3}); });
    check_error("conv2d", {"stride", "height", "0"}, [&] { conv2d(x, w, {}, {.stride_h = 0}); });
    check_error("conv2d", {"dilation", "width", "0"}, [&] { conv2d(x, w, {}, {.dilation_w = 0}); });
    check_error("conv2d", {"padding", "-1"}, [&] { conv2d(x, w, {}, {.pad_h = -1}); });
    check_error("conv2d", {"kernel", "0"}, [&] { conv2d(x, zeros({4, 0, 3, 3}), {}); });
  }

  TEST_CASE("pooling names itself and what does not fit") {
    const Tensor x = zeros({2, 5, 6, 3});
    check_error("max_pool2d", {"(5, 6)"}, [] { max_pool2d(zeros({5, 6}), 2); });
    check_error("max_pool2d", {"window of 6", "height of 5"}, [&] { max_pool2d(x, 6); });
    check_error("max_pool2d", {"padding (2, 2)", "(3, 3)"}, [&] { max_pool2d(x, 3, 1, 2); });
    check_error("max_pool2d", {"kernel", "0"}, [&] { max_pool2d(x, 0); });
    check_error("avg_pool2d", {"stride", "-1"}, [&] { avg_pool2d(x, 2, -1); });
    check_error("avg_pool2d", {"padding", "-1"}, [&] { avg_pool2d(x, 2, 1, -1); });
    check_error("avg_pool2d", {"i32"}, [] { avg_pool2d(zeros({2, 5, 6, 3}, DType::i32), 2); });
    check_error("pool2d", {"stride", "width"}, [&] { pool2d(x, {.stride_w = 0}); });
    check_error("pool2d", {"adaptive"}, [&] { pool2d(x, {.adaptive = true}); });
    check_error("adaptive_max_pool2d", {"(0, 2)"}, [&] { adaptive_max_pool2d(x, 0, 2); });
    check_error("adaptive_avg_pool2d", {"(2, 0, 6, 3)"}, [] { adaptive_avg_pool2d(zeros({2, 0, 6, 3}), 1, 1); });
  }

  TEST_CASE("batch_norm names itself and what does not fit") {
    const Tensor x = zeros({4, 3}), c = zeros({3});
    check_error("batch_norm", {"(3)"}, [&] { batch_norm(zeros({3}), c, c, c, c); });
    check_error("batch_norm", {"scale", "(4)", "(4, 3)"}, [&] { batch_norm(x, zeros({4}), c, c, c); });
    check_error("batch_norm", {"shift", "(1, 3)"}, [&] { batch_norm(x, c, zeros({1, 3}), c, c); });
    check_error("batch_norm", {"running_mean", "f64"}, [&] { batch_norm(x, c, c, zeros({3}, DType::f64), c); });
    check_error("batch_norm", {"running_variance", "undefined"}, [&] { batch_norm(x, c, c, c, {}); });
    check_error("batch_norm", {"(1, 3)", "1 values"}, [&] { batch_norm(zeros({1, 3}), c, c, c, c); });
    check_error("batch_norm", {"epsilon", "-1"}, [&] { batch_norm(x, c, c, c, c, {.epsilon = -1.0}); });
    check_error("batch_norm", {"momentum", "2"}, [&] { batch_norm(x, c, c, c, c, {.momentum = 2.0}); });
    CHECK(batch_norm(zeros({1, 3}), c, c, c, c, {.training = false}).shape() == Shape{1, 3});
    check_error("batch_norm", {"residual", "(1, 3)", "(4, 3)"}, [&] { batch_norm(x, c, c, c, c, {}, zeros({1, 3})); });
    check_error("batch_norm", {"residual", "bf16", "f32"}, [&] {
      batch_norm(x, c, c, c, c, {}, zeros({4, 3}, DType::bf16));
    });
    const Tensor narrow = zeros({4, 3}, DType::bf16), narrow_c = zeros({3}, DType::bf16);
    CHECK(batch_norm(narrow, c, c, c, c, {}, narrow).dtype() == DType::bf16);
    check_error("batch_norm", {"scale", "bf16", "f32"}, [&] { batch_norm(narrow, narrow_c, c, c, c); });
  }

  TEST_CASE("images_from_bytes names itself and what does not fit") {
    const Tensor bytes = zeros({5, 6, 7, 3}, DType::u8), windows = zeros({2, 4}, DType::i32), c = zeros({3});
    CHECK(images_from_bytes(bytes, windows, c, c, 8, 4).shape() == Shape{2, 8, 4, 3});
    CHECK(images_from_bytes(bytes, zeros({0, 4}, DType::i32), c, c, 8, 4).shape() == Shape{0, 8, 4, 3});
    const auto expect = [&](const std::vector<std::string>& parts, const Tensor& b, const Tensor& w,
                            const Tensor& scale, const Tensor& shift, int64_t height, int64_t width) {
      check_error("images_from_bytes", parts, [&] { images_from_bytes(b, w, scale, shift, height, width); });
    };
    expect({"bytes", "undefined"}, {}, windows, c, c, 8, 4);
    expect({"bytes", "f32", "u8"}, zeros({5, 6, 7, 3}), windows, c, c, 8, 4);
    expect({"bytes", "(6, 7, 3)"}, zeros({6, 7, 3}, DType::u8), windows, c, c, 8, 4);
    expect({"windows", "(2, 3)"}, bytes, zeros({2, 3}, DType::i32), c, c, 8, 4);
    expect({"windows", "f32", "i32"}, bytes, zeros({2, 4}), c, c, 8, 4);
    expect({"scale", "(2)", "(3)"}, bytes, windows, zeros({2}), c, 8, 4);
    expect({"shift", "f64", "f32"}, bytes, windows, c, zeros({3}, DType::f64), 8, 4);
    expect({"shift", "undefined"}, bytes, windows, c, {}, 8, 4);
    expect({"0 x 4"}, bytes, windows, c, c, 0, 4);
  }

  TEST_CASE("log_abs_det names itself and what does not fit") {
    check_error("log_abs_det", {"(2, 3)"}, [] { log_abs_det(zeros({2, 3}, DType::f64)); });
    check_error("log_abs_det", {"(4)"}, [] { log_abs_det(zeros({4}, DType::f64)); });
    check_error("log_abs_det", {"(0, 0)"}, [] { log_abs_det(zeros({0, 0}, DType::f64)); });
    check_error("log_abs_det", {"(2, 2)", "f32"}, [] { log_abs_det(zeros({2, 2})); });
    check_error("log_abs_det", {"-0.5"}, [] { log_abs_det(zeros({2, 2}, DType::f64), -0.5); });
    for (const double epsilon : {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
      check_error("log_abs_det", {"epsilon"}, [epsilon] { log_abs_det(zeros({2, 2}, DType::f64), epsilon); });
  }
}

}  // namespace cofactor
