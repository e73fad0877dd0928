// A convolution's maximum over all places: kernels against the reference, the op against convolution and pooling.
#include "engine/backend.h"
#include "engine/ops/conv.h"

#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/pool.h"
#include "tests/engine/parity.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/numbers.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

using parity::Parity;
using parity::Run;

struct GlobalMaxCase {
  Shape x, w;
  Conv2dParams params = {};
};

const std::vector<GlobalMaxCase>& global_max_cases() {
  static const std::vector<GlobalMaxCase> cases{
      {{1, 1, 1, 1}, {1, 1, 1, 1}},
      {{3, 1, 19, 13}, {7, 1, 4, 13}},  // text
      {{5, 1, 56, 16}, {20, 1, 3, 16}},
      {{2, 1, 5, 3}, {2, 1, 5, 3}},  // one window
      {{3, 1, 9, 12}, {5, 1, 3, 12}},
      {{3, 7, 5, 3}, {17, 3, 2, 3}, {.stride_h = 2, .pad_h = 1, .pad_w = 1}},
      {{2, 9, 11, 5}, {6, 3, 3, 5}, {.pad_h = 2, .pad_w = 3, .dilation_h = 2, .dilation_w = 3}},
      {{129, 1, 6, 2}, {3, 1, 2, 2}, {.stride_w = 3}},
  };
  return cases;
}

std::string text_of(const GlobalMaxCase& c, Activation activation) {
  return fmt::format("x {} w {}, relu {}", c.x, c.w, activation == Activation::relu);
}

void for_each_case(const std::function<void(const GlobalMaxCase&, const Conv2dParams&, const std::string&)>& body) {
  for (const GlobalMaxCase& c : global_max_cases()) {
    for (const Activation activation : {Activation::none, Activation::relu}) {
      Conv2dParams params = c.params;
      params.activation = activation;
      body(c, params, text_of(c, activation));
    }
  }
}

constexpr parity::Tolerance kSumsOfWindows{5e-5, 1e-5};

}  // namespace

TEST_SUITE("parity") {
  TEST_CASE("conv2d_global_max: values and in f32 their places") {
    for_each_case([](const GlobalMaxCase& c, const Conv2dParams& params, const std::string& text) {
      const auto body = [&](Run& run, bool keep_places) {
        const Tensor x = run.random(c.x), w = run.random(c.w), b = run.random_wide({c.w[0]});
        const Tensor y = run.output({c.x[0], c.w[0]}), places = run.output(y.shape(), DType::i32);
        run.backend().conv2d_global_max(x, w, b, params, y, places);
        run.keep("y", y);
        if (keep_places) run.keep("places", places);
      };
      Parity("conv2d_global_max", false).check(text, kSumsOfWindows, [&](Run& run) { body(run, true); });
      // In bf16 neighbours may be rounded to one value.
      Parity("conv2d_global_max")
          .check(
              text, kSumsOfWindows, [&](Run& run) { body(run, false); }, 2);
    });
  }

  TEST_CASE("conv2d_global_max keeps NaN and takes the first among equals") {
    const Parity parity("conv2d_global_max");
    for (const Activation activation : {Activation::none, Activation::relu}) {
      parity.check(fmt::format("relu {}", activation == Activation::relu), parity::kExact, [&](Run& run) {
        const Tensor x = run.values({1, 3, 3, 2, -1, kNan, 5, 0, -4, -2, -2, -3}, {3, 1, 4, 1});
        const Tensor y = run.output({3, 1}), places = run.output({3, 1}, DType::i32);
        run.backend().conv2d_global_max(x, run.values({1}, {1, 1, 1, 1}), {}, {.activation = activation}, y, places);
        run.keep("y", y);
        run.keep("places", places);
      });
    }
    const Tensor x = parity::oracle({1, 3, 3, 2, -1, kNan, 5, 0, -4, -2, -2, -3}, {3, 1, 4, 1});
    const Tensor y = parity::oracle_output({3, 1}), places = parity::tensor_of({9, 9, 9}, {3, 1}, DType::i32, kHost);
    x.backend().conv2d_global_max(x, parity::oracle({1}, {1, 1, 1, 1}), {}, {.activation = Activation::relu}, y,
                                  places);
    CHECK(places.to_vector<int32_t>() == std::vector<int32_t>{1, 1, -1});
    CHECK(y.to_vector<double>()[0] == 3);
    CHECK(std::isnan(y.to_vector<double>()[1]));
    CHECK(y.to_vector<double>()[2] == 0);
  }

  TEST_CASE("conv2d_global_max_vjp at any places and each gradient alone") {
    const Parity parity("conv2d_global_max_vjp");
    for_each_case([&](const GlobalMaxCase& c, const Conv2dParams& params, const std::string& text) {
      const Shape all = conv2d_output(c.x, c.w, params);
      for (int wanted = 1; wanted < 8; ++wanted)
        parity.check(fmt::format("{}, wanted {}", text, wanted), kSumsOfWindows, [&](Run& run) {
          const Tensor grad = run.random({c.x[0], c.w[0]}), x = run.random(c.x), w = run.random(c.w);
          std::vector<double> spots =
              parity::values_of(run.integers(grad.shape(), static_cast<int>(all[1] * all[2]) + 1, DType::i32));
          for (double& spot : spots) spot -= 1.0;  // -1: no gradient
          const Tensor places = run.values(spots, grad.shape(), DType::i32);
          const Tensor dx = wanted & 1 ? run.output(c.x) : Tensor(), dw = wanted & 2 ? run.output_wide(c.w) : Tensor();
          const Tensor db = wanted & 4 ? run.output_wide({c.w[0]}) : Tensor();
          run.backend().conv2d_global_max_vjp(grad, places, x, w, params, dx, dw, db);
          if (dx.defined()) run.keep("dx", dx);
          if (dw.defined()) run.keep("dw", dw);
          if (db.defined()) run.keep("db", db);
        });
    });
  }
}

TEST_SUITE("gradient") {
  TEST_CASE("conv2d_global_max is max pooling over the whole image after the convolution gradients included") {
    uint32_t index = 900;
    for_each_case([&](const GlobalMaxCase& c, const Conv2dParams& params, const std::string& text) {
      CAPTURE(text);
      const std::vector<Tensor> inputs{random_tensor(c.x, index), random_tensor(c.w, index + 1),
                                       random_tensor({c.w[0]}, index + 2)};
      index += 3;
      const auto fused = [&](const std::vector<Tensor>& in) { return conv2d_global_max(in[0], in[1], in[2], params); };
      const auto composed = [&](const std::vector<Tensor>& in) {
        return flatten(adaptive_max_pool2d(conv2d(in[0], in[1], in[2], params), 1, 1));
      };
      check_gradients(fused, inputs);
      check_gradients([&](const std::vector<Tensor>& in) { return conv2d_global_max(in[0], in[1], {}, params); },
                      {inputs[0], inputs[1]});
      CHECK(fused(inputs).to_vector<double>() == composed(inputs).to_vector<double>());
      const Tensor seed = random_tensor({c.x[0], c.w[0]}, index);
      const auto gradients = [&](const TensorFunction& f) {
        std::vector<double> all;
        std::vector<Tensor> leaves;
        for (const Tensor& input : inputs) leaves.push_back(input.clone().set_requires_grad(true));
        backward(f(leaves), seed);
        for (const Tensor& leaf : leaves)
          for (const double value : leaf.grad().to_vector<double>()) all.push_back(value);
        return all;
      };
      const std::vector<double> a = gradients(fused), b = gradients(composed);
      REQUIRE(a.size() == b.size());
      for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-12));
    });
  }
}

TEST_SUITE("unit") {
  TEST_CASE("a convolution in bf16 gives the gradient of f32 weights in f32 or as the device writes it") {
    for (const Device device : available_devices()) {
      const auto leaf = [&](const Shape& shape, uint32_t index) {
        Tensor tensor = Tensor::from(random_values<float>(shape.numel(), index), shape, device);
        tensor.set_requires_grad(true);
        return tensor;
      };
      const Tensor x = leaf({2, 4, 5, 3}, 1), w = leaf({7, 3, 3, 3}, 2), b = leaf({7}, 3);
      const Tensor y = conv2d(cast(x, DType::bf16), w, b);
      CHECK(y.dtype() == DType::bf16);
      backward(y, Tensor::full(y.shape(), 1.0, DType::bf16, device));
      CHECK(x.grad().dtype() == DType::f32);
      CHECK(w.grad().dtype() == backend_of(device).conv2d_dw_dtype(DType::bf16));
      CHECK(b.grad().to_vector<float>() == std::vector<float>(7, 12.0f));  // 2 images of 2 x 3 places
    }
  }

  TEST_CASE("parameters in another dtype than x are refused unless they are f32 beside bf16") {
    const Tensor x = Tensor::zeros({1, 3, 3, 2}, DType::f32, kHost), w = Tensor::zeros({4, 2, 2, 2}, DType::f64, kHost);
    CHECK(throws_saying("x of shape (1, 3, 3, 2) is f32, w of shape (4, 2, 2, 2) is f64", [&] { conv2d(x, w, {}); }));
    CHECK(throws_saying("is f32", [&] { conv2d_global_max(x, w, {}); }));
    const Tensor narrow = Tensor::zeros({4, 2, 2, 2}, DType::bf16, kHost);
    CHECK(throws_saying("is bf16", [&] { conv2d(x, narrow, {}); }));
  }
}

}  // namespace cofactor::testing
