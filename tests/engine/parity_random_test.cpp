// Random draws: dropout and drawn classes.
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
        });
    parity.check("rows that are no weights", kExact, [](Run& run) {
      const Tensor y = run.output({5}, DType::i32);
      const Tensor weights =
          run.values({0, 0, 0, kNan, kNan, kNan, -1, 2, -3, kNan, 0, 1, kInfinity, kInfinity, 1}, {5, 3});
      run.backend().multinomial(weights, {.seed = 1, .purpose = Purpose::latent}, y);
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
