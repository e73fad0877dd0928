// Batch normalisation.
#include "tests/engine/parity.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::parity {
namespace {

// One way to call the kernels.
struct NormCase {
  BatchNormParams params;
  bool residual = false;
};

const std::vector<NormCase>& settings() {
  static const std::vector<NormCase> all = [] {
    std::vector<NormCase> cases;
    for (const bool residual : {false, true})
      for (const BatchNormParams& params : std::vector<BatchNormParams>{
               {},
               {.activation = Activation::relu},
               {.momentum = 0.01, .epsilon = 1e-3},
               {.momentum = 1.0, .activation = Activation::relu},
               {.training = false},
               {.training = false, .epsilon = 1e-3, .activation = Activation::relu},
           })
        cases.push_back({params, residual});
    return cases;
  }();
  return all;
}

std::string text_of(const Shape& shape, const NormCase& norm) {
  const BatchNormParams& params = norm.params;
  return fmt::format("{} {} epsilon {} momentum {} relu {} residual {}", shape,
                     params.training ? "training" : "evaluation", params.epsilon, params.momentum,
                     params.activation == Activation::relu, norm.residual);
}

// Draws the tensors of a call: images in the run's dtype, vectors by channel in the statistics'. Coarse ones hold
// values that bf16 has, so that a run in bf16 starts from the numbers of the run in f64.
class NormInputs {
 public:
  NormInputs(Run& run, const Shape& shape, bool coarse = false) : run_(run), shape_(shape), coarse_(coarse) {}

  DType statistics() const { return run_.dtype() == DType::bf16 ? DType::f32 : run_.dtype(); }
  Shape channels() const { return {shape_[-1]}; }
  Tensor image(double low = -1.0, double high = 1.0) { return draw(shape_, low, high, run_.dtype()); }
  Tensor channel(double low = -1.0, double high = 1.0) { return draw(channels(), low, high, statistics()); }
  Tensor image_output() const { return run_.output(shape_); }
  Tensor channel_output() const { return run_.output(channels(), statistics()); }
  Tensor channel_output_if(bool wanted) const { return wanted ? channel_output() : Tensor(); }

 private:
  Tensor draw(const Shape& shape, double low, double high, DType dtype) {
    std::vector<double> values = values_of(run_.random(shape, low, high));
    if (coarse_)
      for (double& value : values) value = static_cast<float>(bf16(static_cast<float>(value)));
    return run_.values(values, shape, dtype);
  }

  Run& run_;
  Shape shape_;
  bool coarse_;
};

// The tensors that both directions read.
struct NormTensors {
  Tensor x, scale, shift, running_mean, running_variance, residual;

  NormTensors(NormInputs& inputs, const Tensor& image, bool with_residual)
      : x(image),
        scale(inputs.channel(0.5, 1.5)),
        shift(inputs.channel()),
        running_mean(inputs.channel()),
        running_variance(inputs.channel(0.5, 2.0)),
        residual(with_residual ? inputs.image() : Tensor()) {}
};

// grad, but 0 where the sum before the ReLU is within `margin` of 0: there a rounding decides whether it passes.
Tensor away_from_zero(const Run& run, const Tensor& grad, const NormTensors& in, BatchNormParams params,
                      double margin) {
  const auto exact = [](const Tensor& x) { return x.defined() ? oracle(values_of(x), x.shape()) : Tensor(); };
  params.activation = Activation::none;
  const Tensor x = exact(in.x), y = oracle_output(x.shape());
  const Tensor mean = oracle_output(in.scale.shape()), variance = oracle_output(in.scale.shape());
  y.backend().batch_norm(x, exact(in.scale), exact(in.shift), exact(in.running_mean), exact(in.running_variance),
                         exact(in.residual), params, y, mean, variance);
  const std::vector<double> before = values_of(y);
  std::vector<double> values = values_of(grad);
  for (size_t i = 0; i < values.size(); ++i)
    if (std::abs(before[i]) < margin) values[i] = 0.0;
  return run.values(values, grad.shape());
}

// Forward and backward on one device; the backward pass reads what this device's forward pass left.
void both_ways(Run& run, NormInputs& inputs, const Tensor& x, const NormCase& norm, double margin = 0.0) {
  const BatchNormParams& params = norm.params;
  Backend& backend = run.backend();
  const NormTensors in(inputs, x, norm.residual);
  const Tensor grad = away_from_zero(run, inputs.image(), in, params, margin);
  const Tensor saved_mean = inputs.channel_output_if(params.training);
  const Tensor saved_variance = inputs.channel_output_if(params.training);
  const Tensor y = inputs.image_output();
  backend.batch_norm(x, in.scale, in.shift, in.running_mean, in.running_variance, in.residual, params, y, saved_mean,
                     saved_variance);
  run.keep(norm.residual ? "y after a residual" : "y", y);
  run.keep("running mean", in.running_mean);
  run.keep("running variance", in.running_variance);
  if (params.training) {
    run.keep("saved mean", saved_mean);
    run.keep("saved variance", saved_variance);
  }
  const Tensor kept_y = params.activation == Activation::none ? Tensor() : y;
  for (const bool want_residual : {false, true}) {
    if (want_residual && !norm.residual) continue;
    const Tensor dx = inputs.image_output(), dscale = inputs.channel_output(), dshift = inputs.channel_output();
    const Tensor dresidual = want_residual ? inputs.image_output() : Tensor();
    backend.batch_norm_vjp(grad, x, kept_y, in.scale, params.training ? saved_mean : in.running_mean,
                           params.training ? saved_variance : in.running_variance, params, dx, dscale, dshift,
                           dresidual);
    run.keep("dx", dx);
    run.keep("dscale", dscale);
    run.keep("dshift", dshift);
    if (want_residual) run.keep("dresidual", dresidual);
  }
}

// Batch norm in training in the parts that processes call which share out a batch: moments, normalisation with given
// ones, sums of the gradient, and the gradient by x from sums over more rows than these.
void in_parts(Run& run, NormInputs& inputs, const Tensor& x, const NormCase& norm, double margin = 0.0) {
  BatchNormParams params = norm.params;
  Backend& backend = run.backend();
  const NormTensors in(inputs, x, norm.residual);
  const Tensor mean = inputs.channel_output(), variance = inputs.channel_output(), y = inputs.image_output();
  backend.batch_norm_moments(x, mean, variance);
  run.keep("mean", mean);
  run.keep("variance", variance);
  // The running statistics stand for those of the whole batch.
  params.training = false;
  backend.batch_norm(x, in.scale, in.shift, in.running_mean, in.running_variance, in.residual, params, y, {}, {});
  const Tensor grad = away_from_zero(run, inputs.image(), in, params, margin);
  const Tensor kept_y = params.activation == Activation::none ? Tensor() : y;
  const Tensor dscale = inputs.channel_output(), dshift = inputs.channel_output();
  backend.batch_norm_vjp_sums(grad, x, kept_y, in.running_mean, in.running_variance, params, dscale, dshift);
  run.keep("dscale", dscale);
  run.keep("dshift", dshift);
  const int64_t rows = x.numel() / x.dim(-1);
  const Tensor all_dscale = inputs.channel(), all_dshift = inputs.channel();
  for (const bool want_residual : {false, true}) {
    if (want_residual && !norm.residual) continue;
    const Tensor dx = inputs.image_output(), dresidual = want_residual ? inputs.image_output() : Tensor();
    backend.batch_norm_vjp_input(grad, x, kept_y, in.scale, in.running_mean, in.running_variance, all_dscale,
                                 all_dshift, 2 * rows + 5, params, dx, dresidual);
    run.keep("dx", dx);
    if (want_residual) run.keep("dresidual", dresidual);
  }
}

// Forward alone.
void forward_only(Run& run, NormInputs& inputs, const NormTensors& in, const BatchNormParams& params) {
  const Tensor y = inputs.image_output();
  run.backend().batch_norm(in.x, in.scale, in.shift, in.running_mean, in.running_variance, in.residual, params, y,
                           inputs.channel_output_if(params.training), inputs.channel_output_if(params.training));
  run.keep(in.residual.defined() ? "y after a residual" : "y", y);
}

// bf16 has 8 bits of mantissa: rounding to the nearest changes a value by at most 2^-8 of it.
constexpr double kHalfUlp = 0x1p-8;

// Runs a body whose inputs bf16 holds on every device in bf16. What is stored in bf16 is rounded once; y with a
// residual may be rounded before the addition too, where |batch_norm(x)| is at most 5 in these tests. Statistics and
// the gradients by channel are f32 throughout.
void check_bf16(const std::string& what, const std::function<void(Run&)>& body) {
  Run expected(Device::reference, DType::f64, DType::bf16, 101.0);
  body(expected);
  for (const Device device : available_devices()) {
    Run run(device, DType::bf16, DType::bf16, 67.0);
    body(run);
    REQUIRE(run.kept().size() == expected.kept().size());
    for (size_t k = 0; k < run.kept().size(); ++k) {
      const auto& [name, values] = run.kept()[k];
      const Tolerance tolerance = name == "y" || name == "dx"    ? Tolerance{2e-5, kHalfUlp}
                                  : name == "y after a residual" ? Tolerance{5 * kHalfUlp, kHalfUlp}
                                  : name == "dresidual"          ? kExact
                                                                 : Tolerance{1e-4, 2e-5};
      check_close(fmt::format("batch_norm on {} in bf16, {}: {}", device, what, name), values,
                  expected.kept()[k].second, tolerance);
    }
  }
}

const std::vector<Shape>& odd_shapes() {
  static const std::vector<Shape> all{{3, 5, 7, 1},    {1, 4, 3, 17}, {8, 16},   {3, 2, 2, 32}, {5, 3},    {1, 1, 2, 5},
                                      {3, 29, 13, 16}, {129, 10},     {2, 3, 5}, {2, 9, 9, 64}, {150, 20}, {1000, 8}};
  return all;
}

TEST_SUITE("parity") {
  TEST_CASE("batch_norm and batch_norm_vjp") {
    const Parity parity("batch_norm", false);
    for (const Shape& shape : odd_shapes())
      for (const NormCase& norm : settings())
        parity.check(text_of(shape, norm), {1e-4, 2e-5}, [&](Run& run) {
          NormInputs inputs(run, shape);
          both_ways(run, inputs, inputs.image(0.0, 4.0), norm);
        });
  }

  TEST_CASE("batch_norm and batch_norm_vjp in bf16 with statistics in f32") {
    for (const Shape& shape : odd_shapes())
      for (const NormCase& norm : settings())
        check_bf16(text_of(shape, norm), [&](Run& run) {
          NormInputs inputs(run, shape, true);
          both_ways(run, inputs, inputs.image(0.0, 4.0), norm, 0.05);
        });
  }

  TEST_CASE("batch_norm in the parts of several processes") {
    const Parity parity("batch_norm", false);
    std::vector<Shape> shapes = odd_shapes();
    shapes.push_back({1, 7});  // one row, as a process with little of the batch has
    for (const Shape& shape : shapes)
      for (const NormCase& norm : settings()) {
        if (!norm.params.training) continue;
        parity.check(text_of(shape, norm), {1e-4, 2e-5}, [&](Run& run) {
          NormInputs inputs(run, shape);
          in_parts(run, inputs, inputs.image(0.0, 4.0), norm, 1e-5);
        });
        check_bf16(text_of(shape, norm), [&](Run& run) {
          NormInputs inputs(run, shape, true);
          in_parts(run, inputs, inputs.image(0.0, 4.0), norm, 0.05);
        });
      }
  }

  TEST_CASE("batch_norm of a single value a channel in evaluation") {
    const Parity parity("batch_norm", false);
    for (const NormCase& norm : settings())
      if (!norm.params.training)
        parity.check(text_of({1, 7}, norm), {}, [&](Run& run) {
          NormInputs inputs(run, {1, 7});
          both_ways(run, inputs, inputs.image(), norm);
        });
  }

  TEST_CASE("batch_norm: a mean far from zero does not drown the variance") {
    Parity("batch_norm", false).check("mean 100", {1e-4, 1e-4}, [](Run& run) {
      NormInputs inputs(run, {3, 7, 5, 17});
      both_ways(run, inputs, inputs.image(99.0, 101.0), {});
    });
  }

  TEST_CASE("batch_norm: a channel without variance gives its shift") {
    Parity("batch_norm", false).check("constant", {1e-5, 1e-5}, [](Run& run) {
      const Tensor x = run.values(std::vector<double>(30, 0.5), {2, 3, 5});
      const Tensor y = run.output({2, 3, 5}), mean = run.output({5}), variance = run.output({5});
      const Tensor running_mean = run.random({5}), running_variance = run.random({5});
      run.backend().batch_norm(x, run.random({5}), run.random({5}), running_mean, running_variance, {}, {}, y, mean,
                               variance);
      run.keep("y", y);
      run.keep("variance", variance);
      run.keep("running variance", running_variance);
    });
  }

  TEST_CASE("batch_norm with ReLU and with a residual keeps NaN of x and of the residual and of the parameters") {
    const Parity parity("batch_norm", false);
    const std::vector<double> x{0.5, -1.0, 2.0, 1.5, -0.25, 0.25, -0.5, 1.0, -2.0, 1.0, 0.0, 1.0};
    std::vector<double> with_nan = x;
    with_nan[4] = testing::kNan;
    for (const NormCase& norm : settings())
      for (const std::string where : {"x", "residual", "scale", "shift"}) {
        if (where == "residual" && !norm.residual) continue;
        const auto body = [&](Run& run) {
          NormInputs inputs(run, {4, 3}, true);
          NormTensors in(inputs, run.values(where == "x" ? with_nan : x, {4, 3}), norm.residual);
          const Tensor nan = run.values({0.5, testing::kNan, 1.0}, {3}, inputs.statistics());
          if (where == "residual") in.residual = run.values(with_nan, {4, 3});
          if (where == "scale") in.scale = nan;
          if (where == "shift") in.shift = nan;
          forward_only(run, inputs, in, norm.params);
        };
        parity.check(text_of({4, 3}, norm) + ", NaN in " + where, {1e-4, 1e-4}, body);
        check_bf16(text_of({4, 3}, norm) + ", NaN in " + where, body);
      }
  }

  // Sums relative to some row, or by blocks, must not suffer from a row or a block unlike the others.
  TEST_CASE("batch_norm: a first row far off and means that drift from block to block") {
    const Shape shape{1000, 3};
    std::vector<double> first_far(3000), drifting(3000);
    for (size_t i = 0; i < first_far.size(); ++i) {
      const double noise = static_cast<double>(i * 37 % 101) / 101.0;
      first_far[i] = i < 3 ? 1024.0 : noise;
      drifting[i] = std::floor(static_cast<double>(i) / 600.0) * 64.0 + noise;
    }
    for (const auto& [what, values] : {std::pair{"first row 1024", first_far}, {"drifting", drifting}})
      Parity("batch_norm", false).check(what, {1e-4, 1e-5}, [&](Run& run) {
        NormInputs inputs(run, shape);
        both_ways(run, inputs, run.values(values, shape), {});
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
    backend.batch_norm(x, scale, shift, running_mean, running_variance, {}, params, y, mean, variance);
    CHECK(values_of(y) == Values{-3, -2, -1, 2});
    CHECK(mean.item() == 3);
    CHECK(variance.item() == 3.5);
    CHECK(running_mean.item() == doctest::Approx(0.75 * 10 + 0.25 * 3));
    CHECK(running_variance.item() == doctest::Approx(0.75 * 20 + 0.25 * 14 / 3.0));

    params.activation = Activation::relu;
    backend.batch_norm(x, scale, shift, running_mean, running_variance, {}, params, y, mean, variance);
    CHECK(values_of(y) == Values{0, 0, 0, 2});
    const Tensor dx = oracle_output({4, 1}), dscale = oracle_output({1}), dshift = oracle_output({1});
    const Tensor grad = oracle({5, 5, 5, 4}, {4, 1});  // only the last one passes the ReLU
    backend.batch_norm_vjp(grad, x, y, scale, mean, variance, params, dx, dscale, dshift, {});
    CHECK(dshift.item() == 4);
    CHECK(dscale.item() == 4 * 1.5);
    // dx = scale / deviation * (g - dshift / 4 - n dscale / 4), n = -1, -0.5, 0, 1.5
    CHECK(values_of(dx) == Values{-1 + 1.5, -1 + 0.75, -1, 4 - 1 - 2.25});
  }

  // As above, y = -3, -2, -1, 2 before the residual.
  TEST_CASE("reference batch_norm by hand with a residual") {
    const Tensor x = oracle({1, 2, 3, 6}, {4, 1}), y = oracle_output({4, 1});
    const Tensor scale = oracle({2}, {1}), shift = oracle({-1}, {1}), residual = oracle({5, 1, 1, -1}, {4, 1});
    const Tensor running_mean = oracle({10}, {1}), running_variance = oracle({20}, {1});
    const Tensor mean = oracle_output({1}), variance = oracle_output({1});
    Backend& backend = x.backend();
    BatchNormParams params{.epsilon = 0.5};
    backend.batch_norm(x, scale, shift, running_mean, running_variance, residual, params, y, mean, variance);
    CHECK(values_of(y) == Values{2, -1, 0, 1});
    const Tensor dx = oracle_output({4, 1}), dscale = oracle_output({1}), dshift = oracle_output({1});
    const Tensor dresidual = oracle_output({4, 1}), grad = oracle({2, 7, 7, 4}, {4, 1});
    backend.batch_norm_vjp(grad, x, {}, scale, mean, variance, params, dx, dscale, dshift, dresidual);
    CHECK(values_of(dresidual) == Values{2, 7, 7, 4});
    CHECK(dshift.item() == 20);

    params.activation = Activation::relu;
    backend.batch_norm(x, scale, shift, running_mean, running_variance, residual, params, y, mean, variance);
    CHECK(values_of(y) == Values{2, 0, 0, 1});
    backend.batch_norm_vjp(grad, x, y, scale, mean, variance, params, dx, dscale, dshift, dresidual);
    CHECK(values_of(dresidual) == Values{2, 0, 0, 4});
    CHECK(dshift.item() == 6);
    CHECK(dscale.item() == 2 * -1 + 4 * 1.5);  // n = -1, -0.5, 0, 1.5
    // dx = scale / deviation * (g - dshift / 4 - n dscale / 4)
    CHECK(values_of(dx) == Values{2 - 1.5 + 1, -1.5 + 0.5, -1.5, 4 - 1.5 - 1.5});
  }

  TEST_CASE("reference batch_norm in evaluation reads the running statistics and leaves them") {
    const Tensor x = oracle({1, 2, 3, 6}, {4, 1}), y = oracle_output({4, 1});
    const Tensor running_mean = oracle({2}, {1}), running_variance = oracle({3.75}, {1});
    const BatchNormParams params{.training = false, .epsilon = 0.25};  // deviation 2
    const Tensor scale = oracle({4}, {1});
    x.backend().batch_norm(x, scale, oracle({1}, {1}), running_mean, running_variance, {}, params, y, {}, {});
    CHECK(values_of(y) == Values{-1, 1, 3, 9});
    CHECK(running_mean.item() == 2);
    CHECK(running_variance.item() == 3.75);
    const Tensor dx = oracle_output({4, 1}), dscale = oracle_output({1}), dshift = oracle_output({1});
    x.backend().batch_norm_vjp(oracle({1, 2, 3, 4}, {4, 1}), x, y, scale, running_mean, running_variance, params, dx,
                               dscale, dshift, {});
    CHECK(values_of(dx) == Values{2, 4, 6, 8});
    CHECK(dscale.item() == -0.5 + 0 + 1.5 + 8);
    CHECK(dshift.item() == 10);
  }
}

}  // namespace
}  // namespace cofactor::parity
