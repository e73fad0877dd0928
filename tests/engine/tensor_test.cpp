#include "engine/tensor.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/ops/elementwise.h"
#include "engine/random.h"
#include "tests/fixtures/errors.h"
#include "tests/gradient_check.h"

namespace cofactor {

namespace {

using testing::contains;
using testing::error_of;

template <class T>
void check_round_trip(const std::vector<T>& values) {
  const Tensor x = Tensor::from(values, {static_cast<int64_t>(values.size()), 1}, kHost);
  CHECK(x.dtype() == dtype_of<T>);
  CHECK(x.device() == kHost);
  CHECK(x.nbytes() == values.size() * sizeof(T));
  CHECK(x.to_vector<T>() == values);
  CHECK(x.data<T>() == x.raw_data());
}

uint32_t bits_of(float value) {
  return bf16(value).bits;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("values travel to a tensor and back in every dtype") {
    check_round_trip<float>({1.5f, -0.0f, 3e38f});
    check_round_trip<double>({1e-300, 2.0});
    check_round_trip<int32_t>({-5, 0, std::numeric_limits<int32_t>::max()});
    check_round_trip<uint8_t>({0, 7, 255});
    const Tensor x = Tensor::from(std::vector<bf16>{bf16(1.5f), bf16(-2.0f)}, {2}, kHost);
    CHECK(x.dtype() == DType::bf16);
    CHECK(static_cast<float>(x.to_vector<bf16>()[1]) == -2.0f);
    CHECK(Tensor::from(std::vector<float>{}, {0, 3}, kHost).to_vector<float>().empty());
  }

  TEST_CASE("values may be listed in the call") {
    CHECK(Tensor::from({1.5f, -2.0f}, {2, 1}, kHost).to_vector<float>() == std::vector<float>{1.5f, -2.0f});
    CHECK(Tensor::from({1, 2, 3}, {3}, kHost).dtype() == DType::i32);
    CHECK(Tensor::from({0.5}, {}, kHost).item() == 0.5);
    CHECK(contains(error_of([] { Tensor::from({1.0, 2.0}, {3}, kHost); }), "2 values do not fill the shape (3)"));
  }

  TEST_CASE("random tensors are those of their key on every device and in every floating dtype") {
    const RandomKey key{.seed = 5, .purpose = Purpose::test, .index = 2};
    const Shape shape{40, 50};
    const std::vector<double> uniform = Tensor::rand(shape, key, DType::f64, kHost).to_vector<double>();
    const std::vector<double> normal = Tensor::randn(shape, key, DType::f64, kHost).to_vector<double>();
    for (size_t i = 0; i < uniform.size(); ++i) {
      REQUIRE(uniform[i] == random_uniform(key, i));
      REQUIRE(normal[i] == random_normal(key, i));
    }
    for (const Device device : available_devices()) {
      const std::vector<float> x = Tensor::rand(shape, key, DType::f32, device).to_vector<float>();
      const std::vector<bf16> y = Tensor::randn(shape, key, DType::bf16, device).to_vector<bf16>();
      for (size_t i = 0; i < x.size(); ++i) {
        REQUIRE(x[i] == static_cast<float>(uniform[i]));
        REQUIRE(y[i].bits == bf16(static_cast<float>(normal[i])).bits);
      }
    }
    CHECK(contains(error_of([&] { Tensor::randn(shape, key, DType::i32, kHost); }), "randn: computes in f32"));
  }

  TEST_CASE("leaves are the tensors that no recorded op made") {
    Tensor x = Tensor::from({2.0}, {1}, kHost);
    CHECK(x.is_leaf());
    x.set_requires_grad(true);
    CHECK(x.is_leaf());
    CHECK_FALSE((x * x).is_leaf());
    CHECK((x * x).detach().is_leaf());
    CHECK(contains(error_of([&] { (x * x).set_requires_grad(false); }), "the output of mul, not a leaf"));
  }

  TEST_CASE("full fills every dtype item reads it") {
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i32, DType::u8}) {
      CAPTURE(dtype);
      CHECK(Tensor::full({}, 3.0, dtype, kHost).item() == 3.0);
      CHECK(Tensor::full({1, 1}, 3.0, dtype, kHost).item() == 3.0);
      CHECK(Tensor::zeros({1}, dtype, kHost).item() == 0.0);
    }
    CHECK(Tensor::full({2, 3}, 0.5, DType::f32, kHost).to_vector<float>() == std::vector<float>(6, 0.5f));
  }

  TEST_CASE("handles share one tensor clones do not") {
    const Tensor x = Tensor::full({4}, 1.0, DType::f32, kHost);
    const Tensor handle = x, copy = x.clone(), view = x.view({2, 2}), plain = x.detach();
    x.data<float>()[0] = 9.0f;
    CHECK(handle.is_same(x));
    CHECK_FALSE(plain.is_same(x));
    CHECK(view.to_vector<float>() == std::vector<float>{9, 1, 1, 1});
    CHECK(plain.to_vector<float>() == std::vector<float>{9, 1, 1, 1});
    CHECK(copy.to_vector<float>() == std::vector<float>(4, 1.0f));
    copy.copy_from(x);
    CHECK(copy.to_vector<float>() == std::vector<float>{9, 1, 1, 1});
    CHECK(x.to(kHost).is_same(x));
  }

  TEST_CASE("clone detach and view drop gradient tracking a handle keeps it") {
    Tensor x = Tensor::zeros({4}, DType::f64, kHost);
    const Tensor handle = x;
    CHECK_FALSE(x.requires_grad());
    x.set_requires_grad(true);
    CHECK(handle.requires_grad());
    CHECK_FALSE(x.clone().requires_grad());
    CHECK_FALSE(x.detach().requires_grad());
    CHECK_FALSE(x.view({2, 2}).requires_grad());
    x.set_grad(Tensor::full({4}, 2.0, DType::f64, kHost));
    CHECK(handle.grad().to_vector<double>() == std::vector<double>(4, 2.0));
    x.set_requires_grad(false);
    CHECK_FALSE(handle.requires_grad());
  }

  TEST_CASE("memory goes back with the last handle") {
    const Backend& backend = backend_of(Device::reference);
    const size_t before = backend.memory_stats().in_use;
    Tensor kept;
    {
      const Tensor x = Tensor::zeros({1000}, DType::f64, kHost);
      CHECK(backend.memory_stats().in_use >= before + 8000);
      kept = x.view({10, 100});
    }
    CHECK(backend.memory_stats().in_use >= before + 8000);
    kept = Tensor();
    CHECK(backend.memory_stats().in_use == before);
  }

  TEST_CASE("what a tensor refuses") {
    CHECK_FALSE(Tensor().defined());
    CHECK_FALSE(Tensor().requires_grad());
    CHECK(contains(error_of([] { (void)Tensor().shape(); }), "undefined"));
    const Tensor x = Tensor::zeros({2, 3}, DType::f32, kHost);
    CHECK(contains(error_of([&] { x.data<double>(); }), "f32"));
    CHECK(contains(error_of([&] { x.to_vector<int32_t>(); }), "i32"));
    CHECK(contains(error_of([&] { (void)x.item(); }), "(2, 3)"));
    CHECK(contains(error_of([&] { (void)x.view({4, 2}); }), "(4, 2)"));
    CHECK(contains(error_of([&] { (void)x.dim(2); }), "axis 2"));
    CHECK(contains(error_of([&] { x.copy_from(Tensor::zeros({3, 2}, DType::f32, kHost)); }), "(3, 2)"));
    CHECK(contains(error_of([&] { x.copy_from(Tensor::zeros({2, 3}, DType::f64, kHost)); }), "f64"));
    CHECK(contains(error_of([] { (void)Tensor::from(std::vector<float>(5), {2, 3}, kHost); }), "5 values"));
  }

  TEST_CASE("dtypes: sizes and names") {
    CHECK(size_of(DType::f32) == 4);
    CHECK(size_of(DType::f64) == 8);
    CHECK(size_of(DType::bf16) == 2);
    CHECK(size_of(DType::i32) == 4);
    CHECK(size_of(DType::u8) == 1);
    CHECK(fmt::format("{} {} {:>5}", DType::bf16, DType::u8, DType::f32) == "bf16 u8   f32");
    CHECK(fmt::format("{} {} {:<5}|", Device::reference, Device::cuda, Device::cpu) == "reference cuda cpu  |");
    CHECK(fmt::format("{} {} {:_^9}", Shape{}, Shape{3}, Shape{2, 4}) == "() (3) _(2, 4)__");
    CHECK(is_floating(DType::bf16));
    CHECK_FALSE(is_floating(DType::u8));
  }

  TEST_CASE("bf16 rounds to nearest ties to even and keeps infinities and NaN") {
    CHECK(bits_of(1.0f) == 0x3f80);
    CHECK(bits_of(1.0f + 0x1p-8f) == 0x3f80);             // halfway: to the even 1
    CHECK(bits_of(1.0f + 0x1p-8f + 0x1p-20f) == 0x3f81);  // just above halfway
    CHECK(bits_of(1.0f + 0x1p-7f + 0x1p-8f) == 0x3f82);   // halfway: to the even above
    CHECK(bits_of(-1.0f - 0x1p-8f - 0x1p-20f) == 0xbf81);
    CHECK(bits_of(std::numeric_limits<float>::max()) == 0x7f80);  // rounds to infinity, as IEEE 754 does
    CHECK(bits_of(-INFINITY) == 0xff80);
    CHECK(bits_of(-0.0f) == 0x8000);
    CHECK(std::isnan(static_cast<float>(bf16(std::bit_cast<float>(0x7f800001u)))));
    CHECK(std::isnan(static_cast<float>(bf16(std::bit_cast<float>(0xffffffffu)))));
  }

  TEST_CASE("devices are found by name and a missing one is an error") {
    const std::vector<Device> devices = available_devices();
    REQUIRE_FALSE(devices.empty());
    CHECK(devices.front() == Device::reference);
    CHECK(parse_device("reference") == Device::reference);
    const Device chosen = parse_device("auto");
    CHECK(std::find(devices.begin(), devices.end(), chosen) != devices.end());
    for (const Device device : {Device::reference, Device::cpu, Device::cuda}) {
      CAPTURE(device);
      if (std::find(devices.begin(), devices.end(), device) != devices.end()) {
        CHECK(backend_of(device).device() == device);
        CHECK(parse_device(name_of(device)) == device);
      } else {
        CHECK(contains(error_of([&] { backend_of(device); }), std::string(name_of(device))));
        CHECK(contains(error_of([&] { (void)parse_device(name_of(device)); }), std::string(name_of(device))));
      }
    }
    CHECK(contains(error_of([] { (void)parse_device("tpu"); }), "tpu"));
  }
}

}  // namespace cofactor
