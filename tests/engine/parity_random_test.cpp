// Random draws: dropout and drawn classes.
#include "engine/autograd.h"
#include "engine/ops/dropout.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/multinomial.h"
#include "tests/engine/parity.h"
#include "tests/fixtures/numbers.h"

namespace cofactor::parity {
namespace {

using testing::kInfinity;
using testing::kNan;

TEST_SUITE("parity") {
  TEST_CASE("dropout draws the same mask on every device") {
    const Parity parity("dropout");
    for (int64_t count : {1, 5, 64, 1023, 10007})
      for (double p : {0.1, 0.5, 0.7, 0.999})
        for (const RandomKey& key :
             {RandomKey{.seed = 3, .purpose = Purpose::dropout},
              RandomKey{.seed = 1ull << 40, .purpose = Purpose::dropout, .index = 5, .step = 77}}) {
          const std::string what = fmt::format("{} elements, p {}, step {}", count, p, key.step);
          parity.check(what, {0.0, 1e-6}, [&](Run& run) {
            const Tensor y = run.output({count});
            run.backend().dropout(run.random({count}, 1.0, 2.0), p, key, y);
            run.keep("y", y);
          });
          parity.check(what + ", mask", kExact, [&](Run& run) {
            const Tensor y = run.output({count});
            run.backend().dropout(run.random({count}, 1.0, 2.0), p, key, y);
            std::vector<double> mask = values_of(y);
            for (double& value : mask) value = value == 0.0 ? 0.0 : 1.0;
            run.keep("mask", run.values(mask, {count}));
          });
        }
  }

  TEST_CASE("dropout from a draw inside of a block draws the rest of the mask on every device") {
    const RandomKey key{.seed = 5, .purpose = Purpose::dropout, .index = 1, .step = 8};
    for (const int64_t first : {1, 2, 3, 4, 63, 64, 66, 1021, 1 << 20})
      for (const int64_t count : {1, 2, 3, 5, 64, 130, 1023})
        Parity("dropout").check(fmt::format("{} elements from draw {} on", count, first), {0.0, 1e-6}, [&](Run& run) {
          const Tensor y = run.output({count});
          run.backend().dropout(run.random({count}, 1.0, 2.0), 0.5, {key, static_cast<uint64_t>(first)}, y);
          run.keep("y", y);
        });
    // Beyond 2^32 blocks too.
    for (const uint64_t first : {(uint64_t{1} << 34) - 3, (uint64_t{1} << 40) + 1})
      Parity("dropout").check(fmt::format("from draw {} on", first), {0.0, 1e-6}, [&](Run& run) {
        const Tensor y = run.output({100});
        run.backend().dropout(run.random({100}, 1.0, 2.0), 0.5, {key, first}, y);
        run.keep("y", y);
      });
  }

  TEST_CASE("multinomial draws the same classes on every device") {
    const Parity parity("multinomial");
    for (const Shape& shape : {Shape{1, 1}, {5, 1}, {1, 7}, {129, 2}, {1023, 10}, {64, 101}, {0, 3}})
      for (const RandomKey& key : {RandomKey{.seed = 3, .purpose = Purpose::latent},
                                   RandomKey{.seed = 1ull << 40, .purpose = Purpose::latent, .index = 5, .step = 77}})
        parity.check(fmt::format("{}, step {}", shape, key.step), kExact, [&](Run& run) {
          const Tensor y = run.output({shape[0]}, DType::i32);
          run.backend().multinomial(run.random(shape, 0.0, 3.0), key, y);
          run.keep("y", y);
          run.backend().multinomial(run.ties(shape, 2), key, y);  // many weights that are 0, and whole rows
          run.keep("with zeros", y);
          run.backend().multinomial(run.random(shape, 0.0, 3.0), {key, 7}, y);
          run.keep("from draw 7 on", y);
        });
    parity.check("rows that are no weights", kExact, [](Run& run) {
      const Tensor y = run.output({5}, DType::i32);
      const Tensor weights =
          run.values({0, 0, 0, kNan, kNan, kNan, -1, 2, -3, kNan, 0, 1, kInfinity, kInfinity, 1}, {5, 3});
      run.backend().multinomial(weights, RandomKey{.seed = 1, .purpose = Purpose::latent}, y);
      run.keep("y", y);
    });
  }
}

using Values = std::vector<double>;

TEST_SUITE("unit") {
  TEST_CASE("reference dropout keeps what its draw says and about 1 - p of all") {
    Backend& backend = backend_of(Device::reference);
    const RandomKey key{.seed = 11, .purpose = Purpose::dropout, .index = 2, .step = 9};
    const Tensor y = oracle_output({20000});
    backend.dropout(oracle(Values(20000, 3.0), {20000}), 0.25, key, y);
    const Values values = values_of(y);
    int64_t kept = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const bool keep = unit_float(random_word(key, i)) >= 0.25;
      REQUIRE(values[i] == (keep ? 4.0 : 0.0));
      kept += keep;
    }
    CHECK(std::abs(static_cast<double>(kept) / 20000 - 0.75) < 0.015);  // five standard deviations
  }

  TEST_CASE("parts of a batch get the masks and the classes of the whole on every device and in every dtype") {
    const RandomKey key{.seed = 21, .purpose = Purpose::dropout, .index = 3, .step = 6};
    const std::vector<std::pair<int64_t, int64_t>> parts{{0, 3}, {3, 1}, {4, 6}};  // the first row, rows
    for (const Device device : available_devices())
      for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
        for (const Shape& shape : {Shape{10, 7}, {10, 5, 5, 3}, {10, 64}, {10, 1}, {10}, {10, 999}}) {
          INFO(fmt::format("{} in {} on {}", shape, dtype, device));
          const Tensor whole = Tensor::full(shape, 1.0, dtype, device);
          const Values mask = values_of(dropout(whole, 0.5, key));
          Values joined;
          for (const auto& [first, rows] : parts) {
            const Values part = values_of(dropout(slice(whole, 0, first, rows), 0.5, key, first));
            joined.insert(joined.end(), part.begin(), part.end());
          }
          CHECK(joined == mask);
          // The gradient draws the same mask again.
          Tensor x = slice(whole, 0, 3, 7).clone();
          x.set_requires_grad(true);
          const Tensor y = dropout(x, 0.5, key, 3);
          backward(y, Tensor::full(y.shape(), 1.0, dtype, device));
          CHECK(values_of(x.grad()) == values_of(y));

          const Tensor weights = cast(Tensor::rand({10, 6}, {.seed = 2}, DType::f32, device), dtype);
          const Values classes = values_of(multinomial(weights, key));
          Values drawn;
          for (const auto& [first, rows] : parts) {
            const Values part = values_of(multinomial(slice(weights, 0, first, rows), key, first));
            drawn.insert(drawn.end(), part.begin(), part.end());
          }
          CHECK(drawn == classes);
        }
    CHECK(dropout(Tensor::zeros({0, 3}, DType::f32, kHost), 0.5, key, 5).numel() == 0);
  }

  TEST_CASE("reference multinomial by hand: the draw's place among the running sums") {
    const RandomKey key{.seed = 12, .purpose = Purpose::latent, .step = 4};
    Values weights;
    for (int i = 0; i < 20000; ++i) weights.insert(weights.end(), {3, 0, 5, 2});
    const Tensor y = Tensor::empty({20000}, DType::i32, Device::reference);
    backend_of(Device::reference).multinomial(oracle(weights, {20000, 4}), key, y);
    std::array<int64_t, 4> count{};
    const Values drawn = values_of(y);
    for (size_t i = 0; i < drawn.size(); ++i) {
      const double u = unit_float(random_word(key, i));
      REQUIRE(drawn[i] == (u < 0.3 ? 0 : u < 0.8 ? 2 : 3));
      ++count[static_cast<size_t>(drawn[i])];
    }
    CHECK(count[1] == 0);
    CHECK(std::abs(static_cast<double>(count[0]) / 20000 - 0.3) < 0.017);  // five standard deviations
    CHECK(std::abs(static_cast<double>(count[2]) / 20000 - 0.5) < 0.018);
  }

  TEST_CASE("draw_class: the ends of the draw and rows that are no weights") {
    const auto draw = [](const Values& weights, float u) {
      return draw_class(weights.data(), static_cast<int64_t>(weights.size()), u);
    };
    constexpr float kAlmostOne = 1.0f - 0x1p-24f;
    CHECK(draw({0, 1, 1, 0}, 0.0f) == 1);
    CHECK(draw({0, 1, 1, 0}, 0.5f) == 2);  // class 1 has [0, 0.5)
    CHECK(draw({0, 1, 1, 0}, kAlmostOne) == 2);
    CHECK(draw({5e-324, 0}, kAlmostOne) == 0);  // the product rounds up to the whole sum
    for (const float u : {0.0f, 0.4f, kAlmostOne}) {
      CHECK(draw({0, 0, 0}, u) == 0);
      CHECK(draw({kNan, kNan}, u) == 0);
      CHECK(draw({-1, kNan, 2, -3}, u) == 2);
      CHECK(draw({1, kInfinity, 0}, u) == 1);
    }
  }
}

}  // namespace
}  // namespace cofactor::parity
