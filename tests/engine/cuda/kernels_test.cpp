// What the parity tests do not reach in the cuda backend's kernels: threads that work together, tables that are
// split over launches, launch geometry, index arithmetic, captured values, bf16.
#include <cmath>

#include "engine/backends/cuda/kernels/linear_algebra.h"
#include "engine/backends/cuda/kernels/lu.h"
#include "engine/backends/cuda/kernels/optimizers.h"
#include "engine/backends/cuda/kernels/pool.h"
#include "tests/engine/cuda/host_kernels_backend.h"
#include "tests/engine/parity.h"
#include "tests/fixtures/numbers.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

using parity::check_close;

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("cuda launch geometry: a thread for each index up to the most blocks and never a launch of none") {
    CHECK(cuda::blocks_for(0) == 1);
    CHECK(cuda::blocks_for(1) == 1);
    CHECK(cuda::blocks_for(cuda::kBlockThreads) == 1);
    CHECK(cuda::blocks_for(cuda::kBlockThreads + 1) == 2);
    CHECK(cuda::blocks_for(int64_t{1} << 50) == cuda::kMaxBlocks);
  }

  TEST_CASE("cuda views: neighbouring axes merge and offsets are those of the strides") {
    const Shape y{4, 3, 5, 2};
    CHECK(cuda::broadcast_view(y, y).rank == 1);
    CHECK(cuda::broadcast_view({5, 2}, y).rank == 2);
    CHECK(cuda::broadcast_view({}, y).rank == 1);  // all strides 0
    for (const Shape& x : {Shape{4, 1, 5, 1}, {3, 1, 2}, {1}, {4, 3, 1, 1}, {1, 1, 1, 2}}) {
      const cuda::View view = cuda::broadcast_view(x, y);
      std::vector<double> place(static_cast<size_t>(x.numel()));
      for (size_t i = 0; i < place.size(); ++i) place[i] = static_cast<double>(i);
      const Tensor full = Tensor::empty(y, DType::f64, kHost);
      full.backend().broadcast(Tensor::from(place, x, kHost), full);
      const std::vector<double> expected = full.to_vector<double>();
      for (int64_t i = 0; i < y.numel(); ++i)
        REQUIRE(view.offset(i) == static_cast<int64_t>(expected[static_cast<size_t>(i)]));
    }
  }

  TEST_CASE("cuda pooling: a cell's range of windows holds every window that covers it") {
    for (const bool adaptive : {false, true})
      for (int in = 1; in <= 9; ++in)
        for (int kernel = 1; kernel <= 4; ++kernel)
          for (int stride = 1; stride <= 3; ++stride)
            for (int pad = 0; pad <= kernel / 2; ++pad) {
              const int out = adaptive ? kernel : (in + 2 * pad - kernel) / stride + 1;
              if (out < 1 || (!adaptive && in + 2 * pad < kernel)) continue;
              const cuda::PoolAxis axis{in, out, kernel, stride, pad, adaptive};
              for (int i = 0; i < in; ++i)
                for (int o = 0; o < out; ++o) {
                  const bool covers = i >= axis.begin(o) && i < axis.end(o);
                  const bool in_range = o >= axis.first_window(i) && o < axis.last_window(i);
                  REQUIRE((!covers || in_range));
                }
            }
  }

  TEST_CASE("cuda lu: a group of any size gives the reference's determinant and inverse") {
    for (const int64_t n : {1, 2, 3, 10, 17, 64}) {
      const Tensor u = random_tensor({n, n}, static_cast<uint32_t>(n));
      const auto number = [] { return Tensor::empty({}, DType::f64, kHost); };
      const Tensor sign = number(), log_abs = number(), inverse = Tensor::zeros({n, n}, DType::f64, kHost);
      u.backend().lu_log_abs_det(u, sign, log_abs, inverse);
      for (const int threads : {1, 2, 7, 32}) {
        CAPTURE(threads);
        const Tensor sign2 = number(), log_abs2 = number();
        const Tensor inverse2 = Tensor::zeros({n, n}, DType::f64, kHost);
        HostLaunch(threads).groups(1, cuda::LuLogAbsDet{u.data<double>(), static_cast<int>(n), sign2.data<double>(),
                                                        log_abs2.data<double>(), inverse2.data<double>()});
        CHECK(sign2.item() == sign.item());
        CHECK(log_abs2.item() == doctest::Approx(log_abs.item()).epsilon(1e-10));
        check_close("inverse", inverse2.to_vector<double>(), inverse.to_vector<double>(), {1e-8, 1e-8});
      }
    }
  }

  TEST_CASE("cuda lu: a singular matrix has sign 0 log -infinity and an inverse of NaN") {
    const Tensor u = Tensor::from(std::vector<double>{1, 2, 3, 2, 4, 6, 1, 0, 1}, {3, 3}, kHost);
    const Tensor result = Tensor::zeros({2}, DType::f64, kHost);
    const Tensor inverse = Tensor::zeros({3, 3}, DType::f64, kHost);
    HostLaunch(4).groups(1, cuda::LuLogAbsDet{u.data<double>(), 3, result.data<double>(), result.data<double>() + 1,
                                              inverse.data<double>()});
    CHECK(result.to_vector<double>()[0] == 0.0);
    CHECK(result.to_vector<double>()[1] == -kInfinity);
    for (const double value : inverse.to_vector<double>()) CHECK(std::isnan(value));
  }

  TEST_CASE("cuda svd: cofactors from the factors are those of the reference for a singular matrix too") {
    // u = W S V^T with W a rotation, V a reflection: det W = 1, det V = -1.
    const std::vector<double> w{0.6, -0.8, 0.8, 0.6}, vt{0.0, 1.0, 1.0, 0.0};
    for (const double smallest : {0.5, 0.0}) {
      const std::vector<double> s{2.0, smallest};
      std::vector<double> u(4, 0.0);
      for (size_t r = 0; r < 2; ++r)
        for (size_t c = 0; c < 2; ++c)
          for (size_t k = 0; k < 2; ++k) u[2 * r + c] += w[2 * r + k] * s[k] * vt[2 * k + c];
      const double one = 1.0, minus = -1.0;
      double det = 0.0;
      std::vector<double> cofactors(4);
      HostLaunch().each(4,
                        cuda::CofactorsFromSvd{w.data(), s.data(), vt.data(), &one, &minus, 2, &det, cofactors.data()});
      CHECK(det == doctest::Approx(u[0] * u[3] - u[1] * u[2]));
      check_close("cofactors", cofactors, {u[3], -u[2], -u[1], u[0]}, {1e-12, 1e-12});
    }
  }

  TEST_CASE("cuda getrf: sign and logarithm from the factors and the exchanges") {
    // Column-major factors of a 2 x 2 matrix whose rows were exchanged: diagonal 4 and -0.5, so det = 2.
    const std::vector<double> factors{4.0, 0.25, 3.0, -0.5};
    const std::vector<int64_t> pivots{2, 2};
    double sign = 7.0, log_abs = 7.0;
    int info = 0;
    HostLaunch().each(1, cuda::FactorsDeterminant{factors.data(), pivots.data(), &info, 2, &sign, &log_abs});
    CHECK(sign == 1.0);
    CHECK(log_abs == doctest::Approx(std::log(2.0)));
    info = 2;
    HostLaunch().each(1, cuda::FactorsDeterminant{factors.data(), pivots.data(), &info, 2, &sign, &log_abs});
    CHECK(sign == 0.0);
    CHECK(log_abs == -kInfinity);
  }

  TEST_CASE("cuda optimizers: more parameters than one launch holds and empty ones among them") {
    std::vector<AdamSlot> slots, expected;
    const auto copy = [](const Tensor& x) { return x.clone(); };
    for (uint32_t k = 0; k < 2 * cuda::kSlotsPerLaunch + 3; ++k) {
      const Shape shape{static_cast<int64_t>(k % 5), 3};
      slots.push_back({random_tensor(shape, 4 * k), random_tensor(shape, 4 * k + 1), random_tensor(shape, 4 * k + 2),
                       random_tensor(shape, 4 * k + 3, 0.0, 1.0)});
      const AdamSlot& s = slots.back();
      expected.push_back({copy(s.param), s.grad, copy(s.exp_avg), copy(s.exp_avg_sq)});
    }
    const AdamParams params{.lr = 0.01, .weight_decay = 0.1, .step = 3};
    backend_of(Device::reference).adam_step(expected, params);
    cuda::adam_step(HostLaunch(), std::span<const AdamSlot>(slots), params, nullptr);
    for (size_t k = 0; k < slots.size(); ++k) {
      check_close("parameter", slots[k].param.to_vector<double>(), expected[k].param.to_vector<double>(),
                  {1e-12, 1e-12});
      check_close("second moment", slots[k].exp_avg_sq.to_vector<double>(), expected[k].exp_avg_sq.to_vector<double>(),
                  {1e-12, 1e-12});
    }
  }

  TEST_CASE("cuda captured values replace those of the call") {
    const StepValues now{.random_step = 9, .lr = 0.5, .optimizer_step = 4};
    const Tensor x = random_tensor({50}, 1), y = x.clone(), expected = x.clone();
    const RandomKey key{.seed = 3, .purpose = Purpose::dropout, .index = 2, .step = 0};
    RandomKey later = key;
    later.step = 9;
    cuda::dropout(HostLaunch(), x, 0.5, key, &now, y);
    x.backend().dropout(x, 0.5, later, expected);
    CHECK(y.to_vector<double>() == expected.to_vector<double>());

    const Tensor weights = random_tensor({50, 4}, 5, 0.0, 1.0);
    const Tensor drawn = Tensor::empty({50}, DType::i32, x.device()), drawn_later = drawn.clone();
    cuda::multinomial(HostLaunch(), weights, key, &now, drawn);
    x.backend().multinomial(weights, later, drawn_later);
    CHECK(drawn.to_vector<int32_t>() == drawn_later.to_vector<int32_t>());

    const Tensor p = random_tensor({7}, 2), q = p.clone(), grad = random_tensor({7}, 3);
    const SgdSlot slot{p, grad, {}}, same{q, grad, {}};
    cuda::sgd_step(HostLaunch(), std::span(&slot, 1), {.lr = 100.0}, &now);
    q.backend().sgd_step(std::span(&same, 1), {.lr = 0.5});
    check_close("sgd", p.to_vector<double>(), q.to_vector<double>(), {1e-12, 1e-12});
  }

  TEST_CASE("cuda bf16: elements are widened computed and rounded once") {
    const std::vector<float> values{0.1f, -2.5f, 3.14159f, 100.7f, -0.001f};
    std::vector<bf16> narrow;
    for (const float value : values) narrow.emplace_back(value);
    const Tensor x = Tensor::from(narrow, {5}, kHost), y = x.clone();
    cuda::unary(HostLaunch(), op_of<MulScalarOp>, x, 3.0, y);
    const std::vector<bf16> result = y.to_vector<bf16>();
    for (size_t i = 0; i < values.size(); ++i) CHECK(result[i].bits == bf16(static_cast<float>(narrow[i]) * 3.0f).bits);

    const Tensor rows = Tensor::from(std::vector<bf16>(600, bf16(0.01f)), {600, 1}, kHost);
    const Tensor sum = Tensor::from(std::vector<bf16>{bf16(0.0f)}, {1, 1}, kHost);
    cuda::reduce(HostLaunch(3), ReduceOp::sum, rows, sum);
    // In bf16 alone the sum would stop growing at about 2.5; it is kept in f32.
    CHECK(static_cast<float>(sum.to_vector<bf16>()[0]) == doctest::Approx(6.0).epsilon(0.01));
  }
}

}  // namespace cofactor::testing
