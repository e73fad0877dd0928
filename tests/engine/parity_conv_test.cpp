// Convolution and pooling.
#include <limits>

#include "engine/elementwise_ops.h"
#include "tests/engine/conv_cases.h"
#include "tests/engine/parity.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::parity {
namespace {

using testing::kInfinity;
using testing::kNan;

Tolerance tolerance_of(const ConvCase& c) {
  return {c.absolute, 1e-5};
}

// Whether some backend takes this convolution tile by tile, where a NaN reaches more of the outputs around it.
bool may_be_tiled(const ConvCase& c) {
  return c.kh == 3 && c.kw == 3 && c.params.stride_h == 1 && c.params.dilation_h == 1 && c.in % 16 == 0 &&
         c.out % 16 == 0;
}

// Random values, every eleventh of them NaN.
Tensor with_nan(Run& run, const Shape& shape) {
  std::vector<double> values = values_of(run.random(shape));
  for (size_t i = 0; i < values.size(); i += 11) values[i] = kNan;
  return run.values(values, shape);
}

TEST_SUITE("parity") {
  TEST_CASE("conv2d: forward with and without bias and ReLU") {
    const Parity parity("conv2d");
    for (const ConvCase& c : conv_cases())
      for (bool bias : {false, true})
        for (Activation activation : {Activation::none, Activation::relu})
          parity.check(
              fmt::format("{}, bias {}, relu {}", c.text(), bias, activation == Activation::relu), tolerance_of(c),
              [&](Run& run) {
                Conv2dParams params = c.params;
                params.activation = activation;
                const Tensor x = run.random(c.x());
                const Tensor w = run.random(c.weights());
                const Tensor b = bias ? run.random_wide({c.out}) : Tensor();
                const Tensor y = run.output(c.y());
                run.backend().conv2d(x, w, b, params, y);
                run.keep("y", y);
              },
              bias ? 2 : 1);  // the cuda backend adds the bias to a result that is rounded already
  }

  TEST_CASE("conv2d_vjp_input") {
    const Parity parity("conv2d_vjp_input");
    for (const ConvCase& c : conv_cases())
      for (Activation activation : {Activation::none, Activation::relu})  // grad comes before the activation
        parity.check(c.text(), tolerance_of(c), [&](Run& run) {
          Conv2dParams params = c.params;
          params.activation = activation;
          const Tensor grad = run.random(c.y());
          const Tensor w = run.random(c.weights());
          const Tensor dx = run.output(c.x());
          run.backend().conv2d_vjp_input(grad, w, params, dx);
          run.keep("dx", dx);
        });
  }

  TEST_CASE("conv2d_vjp_input_add adds to what dx holds") {
    const Parity parity("conv2d_vjp_input_add");
    for (const ConvCase& c : conv_cases())
      parity.check(
          c.text(), tolerance_of(c),
          [&](Run& run) {
            const Tensor grad = run.random(c.y()), w = run.random(c.weights());
            Tensor dx = run.random(c.x());
            if (!run.backend().conv2d_vjp_input_add(grad, w, c.params, dx)) {
              const Tensor alone = run.output(c.x()), sum = run.output(c.x());
              run.backend().conv2d_vjp_input(grad, w, c.params, alone);
              run.backend().binary(op_of<AddOp>, alone, dx, sum);
              dx = sum;
            }
            run.keep("dx", dx);
          },
          2);
  }

  TEST_CASE("conv2d_vjp_weights with and without bias") {
    const Parity parity("conv2d_vjp_weights");
    for (const ConvCase& c : conv_cases())
      for (bool bias : {false, true})
        for (Activation activation : {Activation::none, Activation::relu})
          parity.check(fmt::format("{}, bias {}", c.text(), bias), tolerance_of(c), [&](Run& run) {
            Conv2dParams params = c.params;
            params.activation = activation;
            const Tensor grad = run.random(c.y());
            const Tensor x = run.random(c.x());
            const Tensor dw = run.output_wide(c.weights());
            const Tensor db = bias ? run.output_wide({c.out}) : Tensor();
            run.backend().conv2d_vjp_weights(x, grad, params, dw, db);
            run.keep("dw", dw);
            if (!bias && activation == Activation::none) {
              const Tensor narrow = run.output(c.weights());
              run.backend().conv2d_vjp_weights(x, grad, params, narrow, {});
              run.keep("dw in the dtype of x", narrow);
            }
            if (bias) run.keep("db", db);
          });
  }

  TEST_CASE("conv2d: NaN goes where its value would have gone through the ReLU and both gradients") {
    // cuDNN marks one engine alone as keeping NaN strictly; the plain kernels' own test is stricter.
    const Parity parity = Parity("conv2d").nan_may_spread_on(DeviceKind::cuda);
    for (const ConvCase& c : conv_cases()) {
      if (may_be_tiled(c)) continue;  // below
      parity.check(c.text() + ", NaN", tolerance_of(c), [&](Run& run) {
        Conv2dParams params = c.params;
        params.activation = Activation::relu;
        const Tensor x = with_nan(run, c.x()), grad = with_nan(run, c.y()), w = run.random(c.weights());
        const Tensor y = run.output(c.y()), dx = run.output(c.x()), dw = run.output_wide(c.weights());
        run.backend().conv2d(x, w, {}, params, y);
        run.backend().conv2d_vjp_input(grad, w, params, dx);
        run.backend().conv2d_vjp_weights(x, run.random(c.y()), params, dw, {});
        run.keep("y", y);
        run.keep("dx", dx);
        run.keep("dw", dw);
      });
    }
  }

  TEST_CASE("conv2d by tiles: a NaN reaches all that have read it and no more than their tiles") {
    // 4 x 4 tiles; the NaN at (6, 6) is read by outputs 5 to 7, which lie in the tile of outputs 4 to 7.
    const ConvCase c{1, 16, 16, 16, 16, 3, 3, {.pad_h = 1, .pad_w = 1}};
    for (Device device : available_devices()) {
      const bool exact = device.kind() != DeviceKind::cuda;  // cuDNN's tiles may be larger
      Run run(device, DType::f32, DType::f32, 67.0);
      std::vector<double> values = values_of(run.random(c.x()));
      values[static_cast<size_t>((6 * c.w + 6) * c.in + 3)] = kNan;
      const Tensor x = run.values(values, c.x()), w = run.random(c.weights());
      const Tensor y = run.output(c.y()), dx = run.output(c.x()), dw = run.output(c.weights());
      run.backend().conv2d(x, w, {}, c.params, y);
      run.backend().conv2d_vjp_input(x, w, c.params, dx);
      run.backend().conv2d_vjp_weights(x, run.random(c.y()), c.params, dw, {});
      for (const Tensor& result : {y, dx}) {
        const std::vector<double> found = values_of(result);
        for (int64_t i = 0; i < result.numel(); ++i) {
          const int64_t h = i / (c.w * c.out), column = i / c.out % c.w;
          const bool reads = h >= 5 && h <= 7 && column >= 5 && column <= 7;
          const bool far = h < 4 || h > 7 || column < 4 || column > 7;
          INFO(device, ", row ", h, ", column ", column);
          if (reads) CHECK(std::isnan(found[static_cast<size_t>(i)]));
          if (far && exact) CHECK(std::isfinite(found[static_cast<size_t>(i)]));
        }
      }
      const std::vector<double> gradients = values_of(dw);
      for (size_t i = 0; i < gradients.size(); ++i) {
        INFO(device, ", weight ", i);
        if (i % 16 == 3 || exact) CHECK(std::isnan(gradients[i]) == (i % 16 == 3));
      }
    }
  }
}

struct PoolCase {
  int64_t n, h, w, c;
  Pool2dParams params;
  int64_t out_h = 0, out_w = 0;  // adaptive

  Shape x() const { return {n, h, w, c}; }
  Shape y() const {
    if (params.adaptive) return {n, out_h, out_w, c};
    return {n, (h + 2 * params.pad_h - params.kernel_h) / params.stride_h + 1,
            (w + 2 * params.pad_w - params.kernel_w) / params.stride_w + 1, c};
  }
  std::string text() const {
    return fmt::format("{}{} {} to {}, kernel {}x{} stride {}x{} pad {}x{} count_include_pad {}",
                       params.kind == PoolKind::max ? "max" : "average",
                       params.activation == Activation::relu ? " and ReLU" : "", x(), y(), params.kernel_h,
                       params.kernel_w, params.stride_h, params.stride_w, params.pad_h, params.pad_w,
                       params.count_include_pad);
  }
};

Pool2dParams windows(int kernel_h, int kernel_w, int stride_h, int stride_w, int pad_h, int pad_w) {
  return {.kernel_h = kernel_h,
          .kernel_w = kernel_w,
          .stride_h = stride_h,
          .stride_w = stride_w,
          .pad_h = pad_h,
          .pad_w = pad_w};
}

// Every case as max, with ReLU and without, as average over all of the window, and as average over the image's cells.
std::vector<PoolCase> pool_cases() {
  const Pool2dParams adaptive{.adaptive = true};
  const std::vector<PoolCase> shapes{
      {1, 1, 1, 1, windows(1, 1, 1, 1, 0, 0)},
      {3, 8, 6, 16, windows(2, 2, 2, 2, 0, 0)},
      {1, 11, 13, 17, windows(3, 3, 2, 2, 1, 1)},
      {3, 7, 5, 3, windows(3, 2, 1, 2, 1, 0)},
      {1, 9, 10, 32, windows(2, 2, 2, 2, 0, 0)},  // the last row is in no window
      {3, 5, 7, 1, windows(5, 7, 1, 1, 0, 0)},    // one window
      {1, 5, 4, 2, windows(4, 3, 3, 1, 2, 1)},
      {1, 6, 6, 5, windows(2, 1, 3, 4, 0, 0)},      // gaps between windows
      {3, 1, 23, 7, windows(1, 20, 1, 1, 0, 0)},    // text
      {1, 17, 17, 2, windows(17, 16, 1, 1, 0, 0)},  // more cells than a byte counts
      {2, 9, 7, 12, windows(3, 3, 2, 2, 1, 1)},
      {2, 6, 6, 4, windows(3, 2, 2, 1, 0, 1)},
      {3, 7, 7, 16, adaptive, 3, 3},
      {1, 11, 13, 17, adaptive, 4, 1},
      {1, 5, 5, 32, adaptive, 5, 5},
      {3, 5, 3, 1, adaptive, 7, 4},  // more windows than cells
      {3, 8, 8, 16, adaptive, 1, 1},
      {1, 8, 12, 3, adaptive, 4, 3},  // even windows
  };
  std::vector<PoolCase> cases;
  for (PoolCase c : shapes) {
    cases.push_back(c);
    c.params.activation = Activation::relu;
    cases.push_back(c);
    c.params.activation = Activation::none;
    c.params.kind = PoolKind::average;
    cases.push_back(c);
    c.params.count_include_pad = false;
    cases.push_back(c);
  }
  return cases;
}

void pool_both_ways(Run& run, const PoolCase& c, const Tensor& x) {
  Backend& backend = run.backend();
  const Tensor workspace = run.workspace(backend.pool2d_workspace(c.x(), c.y(), run.dtype(), c.params));
  const Tensor y = run.output(c.y());
  backend.pool2d(x, c.params, y, workspace);
  run.keep("y", y);
  const Tensor y_alone = run.output(c.y());
  backend.pool2d(x, c.params, y_alone, {});
  run.keep("y without workspace", y_alone);
  const Tensor dx = run.output(c.x());
  backend.pool2d_vjp(run.random(c.y()), workspace, c.params, dx);
  run.keep("dx", dx);
}

TEST_SUITE("parity") {
  TEST_CASE("pool2d and pool2d_vjp") {
    const Parity parity("pool2d");
    for (const PoolCase& c : pool_cases()) {
      parity.check(c.text(), {}, [&](Run& run) { pool_both_ways(run, c, run.random(c.x())); });
      parity.check(c.text() + ", ties", {}, [&](Run& run) { pool_both_ways(run, c, run.ties(c.x())); });
      parity.check(c.text() + ", below zero", {}, [&](Run& run) { pool_both_ways(run, c, run.random(c.x(), -9, -8)); });
    }
  }

  TEST_CASE("pool2d: NaN and infinities") {
    const Parity parity("pool2d");
    for (const PoolCase& c : pool_cases())
      for (double special : {kNan, -kInfinity, kInfinity})
        parity.check(fmt::format("{}, {}", c.text(), special), {}, [&](Run& run) {
          std::vector<double> image = values_of(run.random(c.x()));
          for (size_t i = 0; i < image.size(); i += 5) image[i] = special;
          const Tensor y = run.output(c.y());
          run.backend().pool2d(run.values(image, c.x()), c.params, y, {});
          run.keep("y", y);
        });
  }
}

TEST_SUITE("unit") {
  TEST_CASE("reference conv2d: a window by hand") {
    const Tensor x = oracle({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 3, 3, 1});
    const Tensor w = oracle({1, 0, 0, -1}, {1, 2, 2, 1});
    Backend& backend = x.backend();
    const auto forward = [&](const Tensor& b, const Conv2dParams& params, const Shape& shape) {
      const Tensor y = oracle_output(shape);
      backend.conv2d(x, w, b, params, y);
      return y.to_vector<double>();
    };
    CHECK(forward({}, {}, {1, 2, 2, 1}) == std::vector<double>{-4, -4, -4, -4});
    CHECK(forward(oracle({5}, {1}), {}, {1, 2, 2, 1}) == std::vector<double>{1, 1, 1, 1});
    CHECK(forward(oracle({3}, {1}), {.activation = Activation::relu}, {1, 2, 2, 1}) == std::vector<double>{0, 0, 0, 0});
    CHECK(forward({}, {.dilation_h = 2, .dilation_w = 2}, {1, 1, 1, 1}) == std::vector<double>{1 - 9});
    CHECK(forward({}, {.stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1}, {1, 2, 2, 1}) ==
          std::vector<double>{-1, -3, -7, 5 - 9});
    CHECK(forward({}, {.stride_h = 2, .pad_h = 1}, {1, 2, 2, 1}) == std::vector<double>{-2, -3, -4, -4});
    CHECK(forward({}, {.stride_w = 2, .pad_w = 1}, {1, 2, 2, 1}) == std::vector<double>{-4, 2 - 6, -7, 5 - 9});
    CHECK(forward({}, {.dilation_w = 2}, {1, 2, 1, 1}) == std::vector<double>{1 - 6, 4 - 9});
    CHECK(forward({}, {.dilation_h = 2}, {1, 1, 2, 1}) == std::vector<double>{1 - 8, 2 - 9});
    CHECK(forward({}, {.pad_h = 1}, {1, 4, 2, 1}) == std::vector<double>{-2, -3, -4, -4, -4, -4, 7, 8});
  }

  // Of the oracle alone: the ReLU that a library fuses is max(x, 0), which may give 0 for NaN.
  TEST_CASE("reference conv2d: a NaN stays a NaN through the ReLU") {
    const Tensor y = oracle_output({1, 1, 3, 1});
    const Tensor x = oracle({1, kNan, -1}, {1, 1, 3, 1});
    x.backend().conv2d(x, oracle({2}, {1, 1, 1, 1}), {}, {.activation = Activation::relu}, y);
    CHECK(values_of(y)[0] == 2);
    CHECK(std::isnan(values_of(y)[1]));
    CHECK(values_of(y)[2] == 0);
  }

  TEST_CASE("reference conv2d: channels by hand and its gradients") {
    const Tensor x = oracle({1, 2, 3, 4}, {1, 1, 2, 2});                    // pixels (1, 2), (3, 4)
    const Tensor w = oracle({1, 10, 100, 1000, 2, 0, 0, 1}, {2, 1, 2, 2});  // O = 2, taps along the width, I = 2
    Backend& backend = x.backend();
    const Tensor y = oracle_output({1, 1, 1, 2});
    backend.conv2d(x, w, {}, {}, y);
    CHECK(y.to_vector<double>() == std::vector<double>{1 + 20 + 300 + 4000, 2 + 4});
    const Tensor grad = oracle({3, -1}, {1, 1, 1, 2});
    const Tensor dx = oracle_output(x.shape()), dw = oracle_output(w.shape()), db = oracle_output({2});
    backend.conv2d_vjp_input(grad, w, {}, dx);
    CHECK(dx.to_vector<double>() == std::vector<double>{3 - 2, 30, 300, 3000 - 1});
    backend.conv2d_vjp_weights(x, grad, {}, dw, db);
    CHECK(dw.to_vector<double>() == std::vector<double>{3, 6, 9, 12, -1, -2, -3, -4});
    CHECK(db.to_vector<double>() == std::vector<double>{3, -1});
  }

  TEST_CASE("reference pool2d: the first among equals wins and NaN wins over numbers") {
    Backend& backend = backend_of(Device::reference);
    const Tensor x = oracle({1, 5, 5, 2, 5, 5, 0, kNan, 0}, {1, 3, 3, 1});
    const Pool2dParams params = windows(2, 2, 1, 1, 0, 0);
    const Tensor y = oracle_output({1, 2, 2, 1});
    const Tensor places = Tensor::empty({16}, DType::u8, Device::reference);
    REQUIRE(backend.pool2d_workspace(x.shape(), y.shape(), DType::f64, params) == 16);
    backend.pool2d(x, params, y, places);
    CHECK(y.to_vector<double>()[0] == 5);
    CHECK(y.to_vector<double>()[1] == 5);
    CHECK(std::isnan(y.to_vector<double>()[2]));
    CHECK(std::isnan(y.to_vector<double>()[3]));
    const Tensor dx = oracle_output(x.shape());
    backend.pool2d_vjp(oracle({1, 10, 100, 1000}, y.shape()), places, params, dx);
    CHECK(dx.to_vector<double>() == std::vector<double>{0, 11, 0, 0, 0, 0, 0, 1100, 0});
  }

  TEST_CASE("reference pool2d: max and ReLU by hand no gradient where the output is not above 0") {
    const Tensor x = oracle({-1, -2, 0, -3, 4, 4, kNan, 1}, {1, 1, 8, 1});
    Pool2dParams params = windows(1, 2, 1, 2, 0, 0);
    params.activation = Activation::relu;
    const Tensor y = oracle_output({1, 1, 4, 1}), dx = oracle_output(x.shape());
    const Tensor places = Tensor::empty({16}, DType::u8, Device::reference);
    x.backend().pool2d(x, params, y, places);
    CHECK(y.to_vector<double>()[0] == 0);
    CHECK(y.to_vector<double>()[1] == 0);
    CHECK(y.to_vector<double>()[2] == 4);
    CHECK(std::isnan(y.to_vector<double>()[3]));
    x.backend().pool2d_vjp(oracle({1, 10, 100, 1000}, y.shape()), places, params, dx);
    CHECK(dx.to_vector<double>() == std::vector<double>{0, 0, 0, 0, 100, 0, 0, 0});
  }

  TEST_CASE("reference pool2d: averages with padding by hand") {
    const Tensor x = oracle({4, 8, 12, 16}, {1, 2, 2, 1});
    Backend& backend = x.backend();
    Pool2dParams params = windows(2, 2, 2, 2, 1, 1);
    params.kind = PoolKind::average;
    const Tensor y = oracle_output({1, 2, 2, 1});
    CHECK(backend.pool2d_workspace(x.shape(), y.shape(), DType::f64, params) == 0);
    backend.pool2d(x, params, y, {});
    CHECK(y.to_vector<double>() == std::vector<double>{1, 2, 3, 4});
    const Tensor dx = oracle_output(x.shape());
    backend.pool2d_vjp(oracle({4, 8, 12, 16}, y.shape()), {}, params, dx);
    CHECK(dx.to_vector<double>() == std::vector<double>{1, 2, 3, 4});
    params.count_include_pad = false;
    backend.pool2d(x, params, y, {});
    CHECK(y.to_vector<double>() == std::vector<double>{4, 8, 12, 16});
  }

  TEST_CASE("reference pool2d: adaptive windows overlap where the extents do not divide") {
    const Tensor x = oracle({1, 2, 3, 4, 5}, {1, 1, 5, 1});
    const Tensor y = oracle_output({1, 1, 3, 1});  // windows [0, 2), [1, 4), [3, 5)
    x.backend().pool2d(x, {.kind = PoolKind::average, .adaptive = true}, y, {});
    CHECK(y.to_vector<double>() == std::vector<double>{1.5, 3, 4.5});
    x.backend().pool2d(x, {.kind = PoolKind::max, .adaptive = true}, y, {});
    CHECK(y.to_vector<double>() == std::vector<double>{2, 4, 5});
  }
}

}  // namespace
}  // namespace cofactor::parity
