// The plain convolution kernels, which serve where cuDNN has no engine: NaN, sums added to a tensor, and the dtype of
// the weight gradient.
#include <algorithm>

#include "engine/backends/cuda/kernels/conv.h"
#include "tests/engine/conv_cases.h"
#include "tests/engine/cuda/host_kernels_backend.h"
#include "tests/engine/parity.h"
#include "tests/fixtures/numbers.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

using parity::check_close;
using parity::ConvCase;

// Random values in f64, every eleventh of them NaN.
Tensor with_nans(const Shape& shape, uint32_t stream) {
  std::vector<double> values = random_tensor(shape, stream).to_vector<double>();
  for (size_t i = 0; i < values.size(); i += 11) values[i] = kNan;
  return Tensor::from(values, shape, kHost);
}

// Cases that take no time in groups of one thread.
std::vector<ConvCase> small_cases() {
  std::vector<ConvCase> cases = parity::conv_cases();
  std::erase_if(cases, [](const ConvCase& c) { return c.x().numel() * c.out * c.kh * c.kw > 1'000'000; });
  return cases;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("cuda plain convolution: NaN goes where its value would have gone") {
    const HostLaunch launch;
    for (const ConvCase& c : small_cases()) {
      const Tensor x = with_nans(c.x(), 1), w = random_tensor(c.weights(), 2), grad = with_nans(c.y(), 3);
      const Tensor y = Tensor::empty(c.y(), DType::f64, kHost), dx = Tensor::empty(c.x(), DType::f64, kHost);
      const Tensor dw = Tensor::empty(c.weights(), DType::f64, kHost);
      const Tensor expected_y = y.clone(), expected_dx = dx.clone(), expected_dw = dw.clone();
      Backend& reference = x.backend();
      reference.conv2d(x, w, {}, c.params, expected_y);
      reference.conv2d_vjp_input(grad, w, c.params, expected_dx);
      reference.conv2d_vjp_weights(x, grad, c.params, expected_dw, {});
      cuda::direct_conv2d(launch, x, w, c.params, y);
      cuda::direct_conv2d_input(launch, grad, w, c.params, dx);
      cuda::direct_conv2d_weights(launch, x, grad, c.params, dw);
      check_close(c.text() + ", y", y.to_vector<double>(), expected_y.to_vector<double>(), {1e-12, 1e-12});
      check_close(c.text() + ", dx", dx.to_vector<double>(), expected_dx.to_vector<double>(), {1e-12, 1e-12});
      check_close(c.text() + ", dw", dw.to_vector<double>(), expected_dw.to_vector<double>(), {1e-12, 1e-12});
    }
  }

  TEST_CASE("cuda plain convolution: the input's gradient is added where that is asked for") {
    for (const ConvCase& c : small_cases()) {
      const Tensor grad = random_tensor(c.y(), 1), w = random_tensor(c.weights(), 2), before = random_tensor(c.x(), 3);
      const Tensor alone = before.clone(), added = before.clone();
      cuda::direct_conv2d_input(HostLaunch(), grad, w, c.params, alone);
      cuda::direct_conv2d_input(HostLaunch(), grad, w, c.params, added, true);
      std::vector<double> expected = alone.to_vector<double>();
      const std::vector<double> base = before.to_vector<double>();
      for (size_t i = 0; i < expected.size(); ++i) expected[i] += base[i];
      CHECK_MESSAGE(added.to_vector<double>() == expected, c.text());
    }
  }

  TEST_CASE("cuda plain convolution: the weight gradient of bf16 is rounded once where it is not wide") {
    const ConvCase c{2, 6, 5, 3, 4, 3, 3, {.pad_h = 1, .pad_w = 1}};
    const auto narrow = [](const Tensor& x) {
      const Tensor y = Tensor::empty(x.shape(), DType::bf16, kHost);
      x.backend().cast(x, y);
      return y;
    };
    const Tensor x = narrow(random_tensor(c.x(), 1)), grad = narrow(random_tensor(c.y(), 2));
    const Tensor wide = Tensor::empty(c.weights(), DType::f32, kHost);
    const Tensor rounded = Tensor::empty(c.weights(), DType::bf16, kHost);
    cuda::direct_conv2d_weights(HostLaunch(), x, grad, c.params, wide);
    cuda::direct_conv2d_weights(HostLaunch(), x, grad, c.params, rounded);
    const std::vector<bf16> values = rounded.to_vector<bf16>();
    const std::vector<float> expected = wide.to_vector<float>();
    for (size_t i = 0; i < values.size(); ++i) CHECK(values[i].bits == bf16(expected[i]).bits);
  }
}

}  // namespace cofactor::testing
