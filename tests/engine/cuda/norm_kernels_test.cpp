// The cuda backend's kernels over rows and tiles: batch norm, softmax, reductions. Every cut of a matrix gives the
// reference's values, and batch norm the same bits for any number of threads.
#include <cmath>

#include "engine/backends/cuda/kernels/batch_norm.h"
#include "engine/backends/cuda/kernels/batch_norm_vjp.h"
#include "engine/backends/cuda/kernels/reduce.h"
#include "engine/backends/cuda/kernels/softmax.h"
#include "tests/engine/cuda/host_launch.h"
#include "tests/engine/parity.h"
#include "tests/fixtures/numbers.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

using parity::check_close;
using parity::tensor_of;
using parity::Tolerance;
using parity::values_of;
using Doubles = std::vector<double>;

constexpr std::array kFloating{DType::f32, DType::f64, DType::bf16};

// Doubles that every floating dtype holds exactly.
Doubles coarse_values(int64_t count, uint32_t index, double low = -1.0, double high = 1.0) {
  Doubles values = values_of(random_tensor({count}, index, low, high));
  for (double& value : values) value = static_cast<float>(bf16(static_cast<float>(value)));
  return values;
}

struct Norm {
  Shape shape;
  BatchNormParams params;
  bool residual = false;
};

// All results of batch norm and of its gradient, by name, from values that do not depend on the dtype.
using Results = std::vector<std::pair<std::string, Doubles>>;
template <class Forward, class Backward>
Results norm_results(const Norm& norm, DType dtype, const Doubles& x_values, const Forward& forward,
                     const Backward& backward) {
  const DType wide = compute_dtype(dtype);
  const Shape& shape = norm.shape;
  const Shape channels{shape[-1]};
  const auto image = [&](uint32_t index) {
    return tensor_of(coarse_values(shape.numel(), index), shape, dtype, kHost);
  };
  const auto channel = [&](uint32_t index, double low, double high) {
    return tensor_of(coarse_values(channels.numel(), index, low, high), channels, wide, kHost);
  };
  const auto empty = [&](const Shape& of, DType in) { return Tensor::full(of, 77.0, in, kHost); };
  const Tensor x = tensor_of(x_values, shape, dtype, kHost), grad = image(2);
  const Tensor residual = norm.residual ? image(3) : Tensor();
  const Tensor scale = channel(4, 0.5, 1.5), shift = channel(5, -1.0, 1.0);
  const Tensor running_mean = channel(6, -1.0, 1.0), running_variance = channel(7, 0.5, 2.0);
  const Tensor mean = norm.params.training ? empty(channels, wide) : Tensor();
  const Tensor variance = norm.params.training ? empty(channels, wide) : Tensor();
  const Tensor y = empty(shape, dtype), dx = empty(shape, dtype);
  const Tensor dresidual = norm.residual ? empty(shape, dtype) : Tensor();
  const Tensor dscale = empty(channels, wide), dshift = empty(channels, wide);
  forward(x, scale, shift, running_mean, running_variance, residual, norm.params, y, mean, variance);
  // The gradient of both sides starts from the same mask, since a rounding decides where y is 0.
  const Tensor kept = image(8);
  backward(grad, x, norm.params.activation == Activation::relu ? kept : Tensor(), scale,
           norm.params.training ? mean : running_mean, norm.params.training ? variance : running_variance, norm.params,
           dx, dscale, dshift, dresidual);
  Results results{{"y", values_of(y)},
                  {"running mean", values_of(running_mean)},
                  {"running variance", values_of(running_variance)},
                  {"dx", values_of(dx)},
                  {"dscale", values_of(dscale)},
                  {"dshift", values_of(dshift)}};
  if (mean.defined()) results.emplace_back("mean", values_of(mean));
  if (mean.defined()) results.emplace_back("variance", values_of(variance));
  if (norm.residual) results.emplace_back("dresidual", values_of(dresidual));
  return results;
}

Results reference_norm(const Norm& norm, const Doubles& x) {
  Backend& reference = backend_of(Device::reference);
  return norm_results(
      norm, DType::f64, x, [&](const auto&... a) { reference.batch_norm(a...); },
      [&](const auto&... a) { reference.batch_norm_vjp(a...); });
}
Results kernel_norm(const Norm& norm, DType dtype, const Doubles& x, int threads) {
  const HostLaunch launch(threads);
  return norm_results(
      norm, dtype, x, [&](const auto&... a) { cuda::batch_norm(launch, a...); },
      [&](const auto&... a) { cuda::batch_norm_vjp(launch, a...); });
}

void check_results(const std::string& what, const Results& results, const Results& expected, DType dtype) {
  REQUIRE(results.size() == expected.size());
  for (size_t k = 0; k < results.size(); ++k) {
    const std::string& name = results[k].first;
    const bool rounded = dtype == DType::bf16 && (name == "y" || name == "dx" || name == "dresidual");
    const Tolerance tolerance = rounded               ? Tolerance{1e-4, parity::kBf16Rounding}
                                : dtype == DType::f64 ? Tolerance{1e-9, 1e-9}
                                                      : Tolerance{2e-4, 2e-5};
    check_close(fmt::format("{} in {}: {}", what, dtype, name), results[k].second, expected[k].second, tolerance);
  }
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("cuda tiles: each element of a matrix belongs to one lane of one tile") {
    const auto check_cover = []<int N>(int64_t rows, int64_t channels) {
      const cuda::Tiles<N> tiles(rows, channels);
      std::vector<int> seen(static_cast<size_t>(rows * channels), 0);
      for (int64_t i = 0; i < tiles.count(); ++i)
        for (int lane = 0; lane < cuda::kBlockThreads; ++lane) {
          const cuda::LaneRows own = tiles.lane_rows(i, lane);
          for (int k = 0; k < own.count; ++k)
            for (int64_t c = 0; c < N; ++c) ++seen[static_cast<size_t>(own.at + k * own.step + c)];
          if (own.count > 0) CHECK(own.at % channels == own.column);
        }
      CHECK(std::ranges::all_of(seen, [](int times) { return times == 1; }));
    };
    for (const int64_t rows : {1, 31, 128, 129, 1000, 60001})
      for (const int64_t packs : {1, 3, 9}) {
        check_cover.operator()<1>(rows, packs);
        check_cover.operator()<4>(rows, 4 * packs);
        check_cover.operator()<8>(rows, 8 * packs);
      }
    check_cover.operator()<1>(200, 67);
  }

  TEST_CASE("cuda tiles: the shapes of ResNet-34 give an H100 much to do at once and no second round") {
    for (const auto& [rows, channels] :
         {std::pair{131072, 64}, {32768, 128}, {8192, 256}, {2048, 512}, {524288, 64}, {802816, 64}}) {
      CAPTURE(rows);
      const cuda::Tiles<8> tiles(rows, channels);
      CHECK(tiles.count() <= 132 * cuda::kStageBlocks);
      CHECK(tiles.count() >= 128);
      // What the tiles leave is at most a sixteenth of the elements.
      CHECK(int64_t{channels} * tiles.chunks * 16 <= int64_t{rows} * channels * 2);
    }
  }

  TEST_CASE("cuda batch norm: the reference's values and the same bits for any number of threads and in every run") {
    const std::vector<Shape> shapes{{2, 3}, {7, 64}, {129, 24}, {300, 20}, {5, 31, 3}, {2000, 8}, {1000, 72}};
    for (const Shape& shape : shapes)
      for (const bool training : {true, false})
        for (const bool extras : {false, true}) {
          const Norm norm{
              shape, {.training = training, .activation = extras ? Activation::relu : Activation::none}, extras};
          const Doubles x = coarse_values(shape.numel(), 1, 0.0, 4.0);
          const Results expected = reference_norm(norm, x);
          for (const DType dtype : kFloating) {
            const std::string what = fmt::format("{} training {} extras {}", shape, training, extras);
            const Results alone = kernel_norm(norm, dtype, x, 1);
            check_results(what, alone, expected, dtype);
            INFO(what);
            for (const int threads : {1, 5}) CHECK(kernel_norm(norm, dtype, x, threads) == alone);
          }
        }
  }

  TEST_CASE("cuda batch norm: as many threads as a GPU's block has") {
    const Norm norm{{700, 16}, {.activation = Activation::relu}, true};
    const Doubles x = coarse_values(norm.shape.numel(), 1);
    CHECK(kernel_norm(norm, DType::bf16, x, cuda::kBlockThreads) == kernel_norm(norm, DType::bf16, x, 1));
  }

  TEST_CASE("cuda batch norm: many chunks with a mean far from zero keep the variance") {
    const Norm norm{{60001, 3}, {}, false};
    Doubles x = coarse_values(norm.shape.numel(), 1);
    for (double& value : x) value += 1000.0;
    CHECK(cuda::Tiles<1>(60001, 3).chunks > cuda::kJoiningLanes);
    const Results expected = reference_norm(norm, x), results = kernel_norm(norm, DType::f32, x, 1);
    for (size_t k = 0; k < results.size(); ++k)
      if (results[k].first == "variance" || results[k].first == "mean")
        check_close(results[k].first, results[k].second, expected[k].second, {0.0, 1e-5});
  }

  TEST_CASE("cuda batch norm: a NaN spoils its own channel alone") {
    const Norm norm{{400, 16}, {.activation = Activation::relu}, false};
    Doubles x = coarse_values(norm.shape.numel(), 1);
    x[16 * 333 + 5] = kNan;
    for (const DType dtype : kFloating)
      check_results("NaN", kernel_norm(norm, dtype, x, 3), reference_norm(norm, x), dtype);
  }

  TEST_CASE("cuda batch norm: one row has no unbiased variance and none has no moments") {
    for (const int64_t rows : {1, 0}) {
      const Norm norm{{rows, 8}, {}, false};
      const Doubles x = coarse_values(8 * rows, 1);
      for (const DType dtype : kFloating)
        check_results(fmt::format("{} rows", rows), kernel_norm(norm, dtype, x, 2), reference_norm(norm, x), dtype);
    }
  }

  TEST_CASE("cuda reductions: few and many results and rows in pieces for groups of several threads") {
    const auto expect = [](ReduceOp op, DType dtype, const Shape& from, const Shape& to) {
      const Doubles values = coarse_values(from.numel(), 3);
      const Tensor x = tensor_of(values, from, DType::f64, kHost), expected = Tensor::empty(to, DType::f64, kHost);
      x.backend().reduce(op, x, expected);
      const Tolerance tolerance = dtype == DType::f64   ? Tolerance{1e-10, 1e-10}
                                  : dtype == DType::f32 ? Tolerance{2e-3, 1e-5}
                                                        : Tolerance{2e-3, parity::kBf16Rounding};
      for (const int threads : {1, 3}) {
        const Tensor y = Tensor::full(to, 7.0, dtype, kHost);
        cuda::reduce(HostLaunch(threads), op, tensor_of(values, from, dtype, kHost), y);
        check_close(fmt::format("{} to {} in {}", from, to, dtype), values_of(y), values_of(expected), tolerance);
      }
    };
    const std::vector<std::pair<Shape, Shape>> cases{
        {{5, 40}, {5, 1}},                // a warp per row
        {{3, 1100}, {3, 1}},              // a group per row
        {{2, 1104}, {2, 1}},              // in packs
        {{1, 70000}, {1, 1}},             // in pieces
        {{2, 70001}, {2, 1}},             // in pieces without packs
        {{30, 9}, {1, 9}},                // a thread per result
        {{4, 20, 16}, {4, 1, 16}},        // in packs
        {{100, 24}, {1, 24}},             // a tile per result
        {{1000, 5}, {1, 5}},              // in chunks
        {{3, 700, 40}, {3, 1, 40}},       // of several matrices
        {{2, 33, 65536}, {2, 1, 65536}},  // so many results that a thread reduces one
        {{7, 3, 11}, {1, 3, 1}},          // no single middle axis
    };
    for (const auto& [from, to] : cases)
      for (const ReduceOp op : {ReduceOp::sum, ReduceOp::mean, ReduceOp::max})
        for (const DType dtype : kFloating) {
          if (from.numel() > 1000000 && op != ReduceOp::sum) continue;
          expect(op, dtype, from, to);
        }
    CHECK(cuda::pieces_of_rows(1, 70000, cuda::kBlockThreads) > 1);
    CHECK(cuda::pieces_of_rows(1000, 70000, cuda::kBlockThreads) == 1);
    CHECK(cuda::pieces_of_rows(1, 100, cuda::kBlockThreads) == 1);
  }

  TEST_CASE("cuda reductions: the maximum of a long column and of a long row keeps NaN") {
    Doubles x(70000, 1.0);
    x[69999] = kNan;
    const Tensor y = Tensor::zeros({1, 1}, DType::f32, kHost);
    for (const Shape& shape : {Shape{1, 70000}, {70000, 1}}) {
      cuda::reduce(HostLaunch(2), ReduceOp::max, tensor_of(x, shape, DType::f32, kHost), y);
      CHECK(std::isnan(y.item()));
    }
    const Tensor columns = Tensor::zeros({1, 7}, DType::f32, kHost);
    cuda::reduce(HostLaunch(2), ReduceOp::max, tensor_of(x, {10000, 7}, DType::f32, kHost), columns);
    CHECK(std::isnan(values_of(columns)[6]));
    CHECK(values_of(columns)[5] == 1.0);
  }

  TEST_CASE("cuda softmax: short rows by warps and long ones by groups in packs and one by one") {
    Backend& reference = backend_of(Device::reference);
    for (const Shape& shape : {Shape{9, 1}, {128, 10}, {3, 1024}, {2, 1025}, {2, 1028}, {2, 2048}})
      for (const DType dtype : kFloating)
        for (const bool log : {false, true}) {
          const Doubles values = coarse_values(shape.numel(), 4, -30.0, 30.0), g = coarse_values(shape.numel(), 5);
          const auto tensor = [&](const Doubles& of, DType in) { return tensor_of(of, shape, in, kHost); };
          const Tensor y = tensor(values, dtype), dx = tensor(values, dtype), exact = tensor(values, DType::f64);
          const Tensor exact_dx = tensor(values, DType::f64);
          cuda::softmax(HostLaunch(3), tensor(values, dtype), log, y);
          reference.softmax(tensor(values, DType::f64), log, exact);
          // Both gradients from the same y, which is rounded in bf16.
          cuda::softmax_vjp(HostLaunch(3), y, tensor(g, dtype), log, dx);
          reference.softmax_vjp(tensor(values_of(y), DType::f64), tensor(g, DType::f64), log, exact_dx);
          const double relative = dtype == DType::bf16 ? parity::kBf16Rounding : 2e-5;
          const std::string what = fmt::format("{} in {} log {}", shape, dtype, log);
          check_close("softmax " + what, values_of(y), values_of(exact), {1e-5, relative});
          check_close("softmax_vjp " + what, values_of(dx), values_of(exact_dx), {1e-4, relative});
        }
  }

  TEST_CASE("cuda argmax: the first of equal ones and NaN for groups of any size") {
    for (const int64_t classes : {1, 2, 10, 33, 300})
      for (const int threads : {1, 2, 7, 32}) {
        CAPTURE(classes);
        CAPTURE(threads);
        Doubles values(static_cast<size_t>(6 * classes));
        for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i * 7 % 5);  // many ties
        for (int64_t c = 0; c < classes; ++c) values[static_cast<size_t>(classes + c)] = -kInfinity;
        values[static_cast<size_t>(2 * classes + classes / 2)] = kNan;
        values[static_cast<size_t>(2 * classes + classes - 1)] = kNan;
        values[static_cast<size_t>(3 * classes + classes - 1)] = kInfinity;
        const Tensor x = tensor_of(values, {6, classes}, DType::f32, kHost);
        const Tensor y = Tensor::empty({6}, DType::i32, kHost), expected = Tensor::empty({6}, DType::i32, kHost);
        x.backend().argmax(x, expected);
        cuda::argmax(HostLaunch(threads), x, y);
        CHECK(y.to_vector<int32_t>() == expected.to_vector<int32_t>());
      }
  }
}

}  // namespace cofactor::testing
