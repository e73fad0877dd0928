// Batch normalisation.
#include "tests/engine/parity.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::parity {
namespace {

std::string text_of(const Shape& shape, const BatchNormParams& params) {
  return fmt::format("{} {} epsilon {} momentum {} relu {}", shape, params.training ? "training" : "evaluation",
                     params.epsilon, params.momentum, params.activation == Activation::relu);
}

// Forward and backward on one device; the backward pass reads what this device's forward pass left.
void both_ways(Run& run, const Tensor& x, const BatchNormParams& params) {
  Backend& backend = run.backend();
  const Shape channels{x.dim(-1)};
  const Tensor scale = run.random(channels, 0.5, 1.5), shift = run.random(channels);
  const Tensor running_mean = run.random(channels), running_variance = run.random(channels, 0.5, 2.0);
  const Tensor saved_mean = params.training ? run.output(channels) : Tensor();
  const Tensor saved_variance = params.training ? run.output(channels) : Tensor();
  const Tensor y = run.output(x.shape());
  const Tensor workspace = run.workspace(backend.batch_norm_workspace(x.shape(), run.dtype(), params));
  backend.batch_norm(x, scale, shift, running_mean, running_variance, params, y, saved_mean, saved_variance, workspace);
  run.keep("y", y);
  run.keep("running mean", running_mean);
  run.keep("running variance", running_variance);
  if (params.training) {
    run.keep("saved mean", saved_mean);
    run.keep("saved variance", saved_variance);
  }
  const Tensor dx = run.output(x.shape()), dscale = run.output(channels), dshift = run.output(channels);
  backend.batch_norm_vjp(run.random(x.shape()), x, y, scale, params.training ? saved_mean : running_mean,
                         params.training ? saved_variance : running_variance, params, workspace, dx, dscale, dshift);
  run.keep("dx", dx);
  run.keep("dscale", dscale);
  run.keep("dshift", dshift);
}

const std::vector<BatchNormParams>& settings() {
  static const std::vector<BatchNormParams> all{
      {},
      {.activation = Activation::relu},
      {.momentum = 0.01, .epsilon = 1e-3},
      {.momentum = 1.0, .activation = Activation::relu},
      {.training = false},
      {.training = false, .epsilon = 1e-3, .activation = Activation::relu},
  };
  return all;
}

TEST_SUITE("parity") {
  TEST_CASE("batch_norm and batch_norm_vjp") {
    const Parity parity("batch_norm", false);
    for (const Shape& shape : {Shape{3, 5, 7, 1},
                               {1, 4, 3, 17},
                               {8, 16},
                               {3, 2, 2, 32},
                               {5, 3},
                               {1, 1, 2, 5},
                               {3, 11, 13, 16},
                               {129, 10},
                               {2, 3, 5}})
      for (const BatchNormParams& params : settings())
        parity.check(text_of(shape, params), {1e-4, 2e-5},
                     [&](Run& run) { both_ways(run, run.random(shape, 0.0, 4.0), params); });
  }

  TEST_CASE("batch_norm of a single value a channel in evaluation") {
    const Parity parity("batch_norm", false);
    for (const BatchNormParams& params : settings())
      if (!params.training)
        parity.check(text_of({1, 7}, params), {}, [&](Run& run) { both_ways(run, run.random({1, 7}), params); });
  }

  TEST_CASE("batch_norm: a mean far from zero does not drown the variance") {
    Parity("batch_norm", false).check("mean 100", {1e-4, 1e-4}, [](Run& run) {
      both_ways(run, run.random({3, 7, 5, 17}, 99.0, 101.0), {});
    });
  }

  TEST_CASE("batch_norm: a channel without variance gives its shift") {
    Parity("batch_norm", false).check("constant", {1e-5, 1e-5}, [](Run& run) {
      const Tensor x = run.values(std::vector<double>(30, 0.5), {2, 3, 5});
      const Tensor y = run.output({2, 3, 5}), mean = run.output({5}), variance = run.output({5});
      const Tensor running_mean = run.random({5}), running_variance = run.random({5});
      run.backend().batch_norm(x, run.random({5}), run.random({5}), running_mean, running_variance, {}, y, mean,
                               variance, {});
      run.keep("y", y);
      run.keep("variance", variance);
      run.keep("running variance", running_variance);
    });
  }

  TEST_CASE("batch_norm with ReLU keeps NaN") {
    const Parity parity("batch_norm", false);
    for (const BatchNormParams& params : settings()) {
      parity.check(text_of({4, 3}, params), {1e-4, 1e-4}, [&](Run& run) {
        std::vector<double> x{0.5, -1.0, 2.0, 1.5, testing::kNan, 0.25, -0.5, 1.0, -2.0, 1.0, 0.0, 1.0};
        const Tensor y = run.output({4, 3});
        const Tensor mean = params.training ? run.output({3}) : Tensor();
        const Tensor variance = params.training ? run.output({3}) : Tensor();
        run.backend().batch_norm(run.values(x, {4, 3}), run.random({3}), run.random({3}), run.random({3}),
                                 run.random({3}, 0.5, 2.0), params, y, mean, variance, {});
        run.keep("y", y);
      });
    }
  }

  TEST_CASE("batch_norm without a workspace gives the same y") {
    const Parity parity("batch_norm", false);
    for (const BatchNormParams& params : settings())
      parity.check(text_of({3, 5, 7, 17}, params), {1e-5, 1e-5}, [&](Run& run) {
        const Tensor y = run.output({3, 5, 7, 17});
        const Tensor mean = params.training ? run.output({17}) : Tensor();
        const Tensor variance = params.training ? run.output({17}) : Tensor();
        run.backend().batch_norm(run.random({3, 5, 7, 17}), run.random({17}), run.random({17}), run.random({17}),
                                 run.random({17}, 0.5, 2.0), params, y, mean, variance, {});
        run.keep("y", y);
      });
  }
}

using Values = std::vector<double>;

TEST_SUITE("unit") {
  // One channel with the values 1, 2, 3, 6: mean 3, biased variance (4 + 1 + 0 + 9) / 4 = 3.5, unbiased 14 / 3.
  TEST_CASE("reference batch_norm by hand") {
    const Tensor x = oracle({1, 2, 3, 6}, {4, 1}), y = oracle_output({4, 1});
    const Tensor scale = oracle({2}, {1}), shift = oracle({-1}, {1});
    const Tensor running_mean = oracle({10}, {1}), running_variance = oracle({20}, {1});
    const Tensor mean = oracle_output({1}), variance = oracle_output({1});
    Backend& backend = x.backend();
    BatchNormParams params{.momentum = 0.25, .epsilon = 0.5};  // deviation 2
    CHECK(backend.batch_norm_workspace(x.shape(), DType::f64, params) == 0);
    backend.batch_norm(x, scale, shift, running_mean, running_variance, params, y, mean, variance, {});
    CHECK(values_of(y) == Values{-3, -2, -1, 2});
    CHECK(mean.item() == 3);
    CHECK(variance.item() == 3.5);
    CHECK(running_mean.item() == doctest::Approx(0.75 * 10 + 0.25 * 3));
    CHECK(running_variance.item() == doctest::Approx(0.75 * 20 + 0.25 * 14 / 3.0));

    params.activation = Activation::relu;
    backend.batch_norm(x, scale, shift, running_mean, running_variance, params, y, mean, variance, {});
    CHECK(values_of(y) == Values{0, 0, 0, 2});
    const Tensor dx = oracle_output({4, 1}), dscale = oracle_output({1}), dshift = oracle_output({1});
    const Tensor grad = oracle({5, 5, 5, 4}, {4, 1});  // only the last one passes the ReLU
    backend.batch_norm_vjp(grad, x, y, scale, mean, variance, params, {}, dx, dscale, dshift);
    CHECK(dshift.item() == 4);
    CHECK(dscale.item() == 4 * 1.5);
    // dx = scale / deviation * (g - dshift / 4 - n dscale / 4), n = -1, -0.5, 0, 1.5
    CHECK(values_of(dx) == Values{-1 + 1.5, -1 + 0.75, -1, 4 - 1 - 2.25});
  }

  TEST_CASE("reference batch_norm in evaluation reads the running statistics and leaves them") {
    const Tensor x = oracle({1, 2, 3, 6}, {4, 1}), y = oracle_output({4, 1});
    const Tensor running_mean = oracle({2}, {1}), running_variance = oracle({3.75}, {1});
    const BatchNormParams params{.training = false, .epsilon = 0.25};  // deviation 2
    const Tensor scale = oracle({4}, {1});
    x.backend().batch_norm(x, scale, oracle({1}, {1}), running_mean, running_variance, params, y, {}, {}, {});
    CHECK(values_of(y) == Values{-1, 1, 3, 9});
    CHECK(running_mean.item() == 2);
    CHECK(running_variance.item() == 3.75);
    const Tensor dx = oracle_output({4, 1}), dscale = oracle_output({1}), dshift = oracle_output({1});
    x.backend().batch_norm_vjp(oracle({1, 2, 3, 4}, {4, 1}), x, y, scale, running_mean, running_variance, params, {},
                               dx, dscale, dshift);
    CHECK(values_of(dx) == Values{2, 4, 6, 8});
    CHECK(dscale.item() == -0.5 + 0 + 1.5 + 8);
    CHECK(dshift.item() == 10);
  }
}

}  // namespace
}  // namespace cofactor::parity
