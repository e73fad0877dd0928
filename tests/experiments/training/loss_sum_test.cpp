#include "experiments/training/loss_sum.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::error_of;

TEST_SUITE("unit") {
  TEST_CASE("loss sum: the order of the losses decides it and not when they are read") {
    const auto sum_of = [](const std::vector<int>& read_after) {
      LossSum sum([](double, const StepPlace&) {});
      sum.restart(0.1);
      double value = 0.0;
      for (int i = 0; i < 200; ++i) {
        const float loss = 1.0f / static_cast<float>(i + 3);
        if (i % 7 == 0) {
          sum.add(loss);
        } else {
          sum.add_later(Tensor::full(Shape{}, loss, DType::f32, Device::reference), {.step = i});
        }
        if (std::ranges::find(read_after, i) != read_after.end()) value = sum.read();
      }
      (void)value;
      return sum.read();
    };
    const double wanted = sum_of({});
    for (const int at : {0, 1, 5, 63, 64, 100, 199}) CHECK(sum_of({at}) == wanted);
    std::vector<int64_t> seen;
    LossSum strict([&](double value, const StepPlace& at) {
      seen.push_back(at.step);
      check(std::isfinite(value), "step {}", at.step);
    });
    for (int i = 0; i < 3; ++i)
      strict.add_later(Tensor::full(Shape{}, i == 1 ? NAN : 1.0, DType::f32, Device::reference), {.step = i});
    CHECK(error_of([&] { strict.read(); }) == "step 1");
    CHECK(seen == std::vector<int64_t>{0, 1});
  }
}
