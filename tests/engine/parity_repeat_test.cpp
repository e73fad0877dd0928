// What every device does twice gives the same bits: what a library sums on several threads, too.
#include "tests/engine/parity.h"

namespace cofactor::parity {
namespace {

// Runs `body` three times with the same inputs; `keep` of its Run collects what is compared.
void check_repeatable(const std::string& what, DType dtype, const std::function<void(Run&)>& body) {
  for (Device device : available_devices()) {
    std::vector<Run> runs;
    for (int repeat = 0; repeat < 3; ++repeat) body(runs.emplace_back(device, dtype, dtype, repeat));
    INFO(device, ", ", what);
    REQUIRE(!runs[0].kept().empty());
    CHECK(runs[1].kept() == runs[0].kept());
    CHECK(runs[2].kept() == runs[0].kept());
  }
}

constexpr std::array kStored{DType::f32, DType::bf16};

}  // namespace

TEST_SUITE("parity") {
  TEST_CASE("conv2d and its gradients give the same bits every time") {
    struct Case {
      Shape x, w;
      Conv2dParams params;
    };
    for (const Case& c : {Case{{4, 28, 27, 1}, {16, 3, 3, 1}, {.pad_h = 1, .pad_w = 1}},
                          Case{{5, 21, 19, 16}, {24, 3, 3, 16}, {.stride_h = 2, .stride_w = 2}},
                          Case{{2, 12, 13, 16}, {32, 3, 3, 16}, {.pad_h = 1, .pad_w = 1}},  // by tiles, on the cpu
                          Case{{64, 3, 3, 48}, {32, 1, 1, 48}, {}}})
      for (DType dtype : kStored)
        check_repeatable(fmt::format("x {} w {} in {}", c.x, c.w, dtype), dtype, [&](Run& run) {
          const Shape y_shape = conv2d_output(c.x, c.w, c.params);
          const Tensor x = run.random(c.x), w = run.random(c.w), grad = run.random(y_shape);
          const Tensor y = run.output(y_shape), dx = run.output(c.x);
          const Tensor dw = run.output_wide(c.w), db = run.output_wide({c.w[0]});
          run.backend().conv2d(x, w, {}, c.params, y);
          run.backend().conv2d_vjp_input(grad, w, c.params, dx);
          run.backend().conv2d_vjp_weights(x, grad, c.params, dw, db);
          run.keep("y", y);
          run.keep("dx", dx);
          run.keep("dw", dw);
          run.keep("db", db);
        });
  }

  TEST_CASE("batch_norm and its gradient give the same bits every time") {
    for (const Shape& shape : {Shape{5000, 64}, {1200, 512}, {3000, 5}})
      for (DType dtype : kStored)
        check_repeatable(fmt::format("{} in {}", shape, dtype), dtype, [&](Run& run) {
          const Shape channels{shape[-1]};
          const BatchNormParams params{.activation = Activation::relu};
          const Tensor x = run.random(shape), residual = run.random(shape), grad = run.random(shape);
          const Tensor scale = run.random_wide(channels), shift = run.random_wide(channels);
          const Tensor running_mean = run.random_wide(channels), running_variance = run.random_wide(channels, 0.5, 2.0);
          const Tensor y = run.output(shape), dx = run.output(shape), dresidual = run.output(shape);
          const Tensor mean = run.output_wide(channels), variance = run.output_wide(channels);
          const Tensor dscale = run.output_wide(channels), dshift = run.output_wide(channels);
          run.backend().batch_norm(x, scale, shift, running_mean, running_variance, residual, params, y, mean,
                                   variance);
          run.backend().batch_norm_vjp(grad, x, y, scale, mean, variance, params, dx, dscale, dshift, dresidual);
          for (const auto& [name, tensor] : {std::pair{"y", y},
                                             {"variance", variance},
                                             {"running variance", running_variance},
                                             {"dx", dx},
                                             {"dresidual", dresidual},
                                             {"dscale", dscale},
                                             {"dshift", dshift}})
            run.keep(name, tensor);
        });
  }

  // Few outputs and long sums tempt a library to split the sums among threads.
  TEST_CASE("matmul gives the same bits every time") {
    struct Case {
      int64_t m, n, k;
    };
    for (const Case c : {Case{3, 5, 20011}, {64, 96, 4096}, {1000, 10, 257}})
      for (DType dtype : kStored)
        check_repeatable(fmt::format("m {} n {} k {} in {}", c.m, c.n, c.k, dtype), dtype, [&](Run& run) {
          const Tensor y = run.output({c.m, c.n}), transposed = run.output({c.m, c.n});
          run.backend().matmul(run.random({c.m, c.k}), false, run.random({c.k, c.n}), false, {}, y);
          run.backend().matmul(run.random({c.k, c.m}), true, run.random({c.k, c.n}), false, {}, transposed);
          run.keep("y", y);
          run.keep("transposed", transposed);
        });
  }
}

}  // namespace cofactor::parity
