// The cuda backend's kernels over packs of elements: every length and alignment gives the bits of the formula, whatever
// the width of the accesses. Division of indices, units that only move.
#include <cmath>

#include "engine/backend.h"
#include "engine/backends/cuda/kernels/conv.h"
#include "engine/backends/cuda/kernels/elementwise.h"
#include "engine/backends/cuda/kernels/layout.h"
#include "engine/backends/cuda/kernels/pool.h"
#include "tests/engine/cuda/elements.h"
#include "tests/engine/cuda/host_launch.h"

namespace cofactor::testing {

namespace {

// Calls body(count, offset) for lengths around the widths of packs, at addresses that are aligned and at others.
template <class Body>
void for_each_length(const Body& body) {
  for (const int64_t count : {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 64, 1031})
    for (const int64_t offset : {0, 1, 2, 4}) body(count, offset);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("cuda divider: quotients and remainders of every size") {
    std::vector<int64_t> divisors{1, 2, 3, 5, 6, 7, 10, 641, 1000003};
    for (int bit = 2; bit < 62; ++bit)
      for (const int64_t near : {-1, 0, 1}) divisors.push_back((int64_t{1} << bit) + near);
    for (const int64_t divisor : divisors) {
      const cuda::Divider divider(divisor);
      std::vector<int64_t> dividends{0,
                                     1,
                                     2,
                                     12345,
                                     99999999,
                                     INT32_MAX - 1,
                                     INT32_MAX,
                                     int64_t{1} << 31,
                                     (int64_t{1} << 32) + 7,
                                     int64_t{1} << 50,
                                     INT64_MAX};
      for (const int64_t times : {int64_t{1}, INT32_MAX / divisor, INT64_MAX / divisor - 1})
        for (const int64_t near : {-1, 0, 1})
          if (times * divisor + near >= 0) dividends.push_back(times * divisor + near);
      for (const int64_t dividend : dividends) {
        CAPTURE(divisor);
        CAPTURE(dividend);
        REQUIRE(divider.quotient(dividend) == dividend / divisor);
        REQUIRE(divider.remainder(dividend) == dividend % divisor);
      }
    }
    CHECK(cuda::Divider(0).quotient(5) == 5);  // of a tensor without elements: divides nothing
  }

  TEST_CASE("cuda places: those of the loops over an image") {
    const int64_t height = 3, width = 5, channels = 7;
    const cuda::Places places{cuda::Divider(height), cuda::Divider(width), cuda::Divider(channels)};
    int64_t at = 0;
    for (int64_t n = 0; n < 2; ++n)
      for (int64_t h = 0; h < height; ++h)
        for (int64_t w = 0; w < width; ++w)
          for (int64_t c = 0; c < channels; ++c) {
            const cuda::Place place = places.of(at++);
            REQUIRE((place.n == n && place.h == h && place.w == w && place.c == c));
          }
  }

  TEST_CASE("cuda packs: 16 bytes of the smallest type and an address that fits") {
    CHECK(cuda::kPackSize<bf16> == 8);
    CHECK(cuda::kPackSize<float> == 4);
    CHECK(cuda::kPackSize<double> == 2);
    CHECK(cuda::kPackSize<float, bf16> == 8);
    alignas(16) const float values[8] = {};
    CHECK(cuda::aligned_for_packs(values));
    CHECK(cuda::aligned_for_packs(values, static_cast<const float*>(nullptr)));
    CHECK_FALSE(cuda::aligned_for_packs(values + 1));
    CHECK_FALSE(cuda::aligned_for_packs(values, values + 2));
    CHECK(cuda::aligned_for_packs(values + 4));
  }

  TEST_CASE("cuda unary: the bits of the formula for every length and alignment") {
    for_each_floating([]<class T>() {
      for_each_op(UnaryOps{}, [&]<class Op>() {
        const auto a = static_cast<Compute<T>>(Op::kArguments[0]);
        for_each_length([&](int64_t count, int64_t offset) {
          constexpr int kSize = cuda::kPackSize<T>;
          const std::vector<T> x = random_elements<T>(count + offset, 1, Op::kDomain.low, Op::kDomain.high);
          const std::vector<T> grad = random_elements<T>(count + offset, 2, -1.0, 1.0);
          std::vector<T> expected = grad, y = grad, expected_dx = grad, dx = grad;
          const auto first = static_cast<size_t>(offset);
          for (size_t i = first; i < x.size(); ++i) {
            expected[i] = T(Op::forward(widen(x[i]), a));
            expected_dx[i] = T(Op::vjp(Op::kVjpReadsX ? widen(x[i]) : Compute<T>(0),
                                       Op::kVjpReadsY ? widen(expected[i]) : Compute<T>(0), widen(grad[i]), a));
          }
          const T *from = x.data() + offset, *g = grad.data() + offset;
          T *to = y.data() + offset, *d = dx.data() + offset;
          cuda::each_pack<kSize>(HostLaunch(), count, cuda::aligned_for_packs(from, to),
                                 cuda::Unary<Op, T>{from, a, to});
          cuda::each_pack<kSize>(HostLaunch(), count, cuda::aligned_for_packs(from, to, g, d),
                                 cuda::UnaryVjp<Op, T>{from, to, g, a, d});
          CAPTURE(Op::kName);
          CAPTURE(count);
          CAPTURE(offset);
          REQUIRE(same_bits(y, expected));
          REQUIRE(same_bits(dx, expected_dx));
        });
      });
    });
  }

  TEST_CASE("cuda casts and fills: the bits of convert for every length and alignment") {
    for_each_floating([]<class From>() {
      for_each_floating([]<class To>() {
        for_each_length([](int64_t count, int64_t offset) {
          constexpr int kSize = cuda::kPackSize<From, To>;
          std::vector<From> x = random_elements<From>(count + offset, 3, -1e4, 1e4);
          if (count > 2) x.back() = convert<From>(std::nanf(""));
          std::vector<To> y(x.size(), To(Compute<To>(7))), expected = y;
          for (size_t i = static_cast<size_t>(offset); i < x.size(); ++i) expected[i] = convert<To>(x[i]);
          cuda::each_pack<kSize>(HostLaunch(), count, cuda::aligned_for_packs(x.data() + offset, y.data() + offset),
                                 cuda::Cast<From, To>{x.data() + offset, y.data() + offset});
          REQUIRE(same_bits(y, expected));
          for (size_t i = static_cast<size_t>(offset); i < x.size(); ++i) expected[i] = To(Compute<To>(3));
          cuda::each_pack<kSize>(HostLaunch(), count, cuda::aligned_for_packs(y.data() + offset),
                                 cuda::Fill<To>{Compute<To>(3), y.data() + offset});
          REQUIRE(same_bits(y, expected));
        });
      });
    });
  }

  TEST_CASE("cuda dropout: the mask of the draws for every length and alignment and first draw") {
    const auto check_masks = []<class T, bool kWhole>(uint64_t first) {
      for_each_length([=](int64_t count, int64_t offset) {
        using Kernel = cuda::Dropout<T, kWhole>;
        const RandomDraws draws({.seed = 5, .purpose = Purpose::dropout, .index = 1, .step = 3}, first);
        for (const double p : {0.0, 0.25, 0.3, 0.999999}) {
          const std::vector<T> x = random_elements<T>(count + offset, 6, 0.5, 1.0);
          std::vector<T> y = x, expected = x;
          for (int64_t i = 0; i < count; ++i) {
            const auto at = static_cast<size_t>(offset + i);
            const bool keeps = unit_float(random_word(draws.key, first + static_cast<uint64_t>(i))) >= p;
            expected[at] = keeps ? T(widen(x[at]) / static_cast<Compute<T>>(1.0 - p)) : T(Compute<T>(0));
          }
          const Kernel kernel{x.data() + offset,
                              static_cast<uint32_t>(std::ceil(p * 0x1p24)),
                              static_cast<Compute<T>>(1.0 - p),
                              draws,
                              nullptr,
                              y.data() + offset};
          cuda::each_pack<Kernel::kSize>(HostLaunch(), count, cuda::aligned_for_packs(kernel.x, kernel.y), kernel);
          REQUIRE(same_bits(y, expected));
        }
      });
    };
    for_each_floating([&]<class T>() {
      for (const uint64_t first : {0, 4, 1028}) check_masks.template operator()<T, true>(first);
      for (const uint64_t first : {0, 1, 2, 3, 1029}) check_masks.template operator()<T, false>(first);
    });
  }

  TEST_CASE("cuda rows view: which pairs of shapes are rows and columns") {
    const auto view = [](const Shape& a, const Shape& b) {
      return cuda::rows_view(a, b, broadcast_shape(a, b, "test"));
    };
    CHECK(view({4, 3, 8}, {4, 3, 8}).columns == 96);
    CHECK(view({4, 3, 8}, {4, 3, 8}).rows == 1);
    CHECK(view({4, 3, 8}, {}).columns == 96);
    CHECK_FALSE(view({4, 3, 8}, {}).b.has_columns);
    CHECK(view({4, 3, 8}, {8}).columns == 8);
    CHECK(view({4, 3, 8}, {8}).b.row_stride == 0);
    CHECK(view({4, 3, 8}, {8}).a.row_stride == 8);
    CHECK(view({4, 3, 8}, {4, 3, 1}).b.row_stride == 1);
    CHECK(view({4, 1}, {1, 8}).rows == 4);  // every row with every column
    CHECK(view({4, 1, 8}, {1, 3, 8}).found == false);
    CHECK(view({4, 3, 8}, {3, 1}).found == false);
  }

  TEST_CASE("cuda binary: the reference's bits for rows columns and numbers of every width") {
    const std::vector<std::pair<Shape, Shape>> pairs{{{1031}, {1031}},      {{8}, {}},         {{}, {37}},
                                                     {{5, 16}, {16}},       {{16}, {5, 16}},   {{5, 17}, {17}},
                                                     {{5, 16}, {5, 1}},     {{6, 1}, {1, 24}}, {{2, 3, 8}, {2, 3, 8}},
                                                     {{2, 3, 8}, {3, 1}},   {{4, 12}, {12}},   {{3, 4, 8}, {4, 8}},
                                                     {{2, 1, 16}, {3, 16}}, {{0, 8}, {8}},     {{7, 4, 2}, {1, 4, 2}}};
    for_each_floating([&]<class T>() {
      for_each_op(BinaryOps{}, [&]<class Op>() {
        for (const auto& [left, right] : pairs) {
          const Shape shape = broadcast_shape(left, right, "test");
          const Tensor a = random_in<T>(left, 7, -2, 2), b = random_in<T>(right, 8, 0.5, 2);
          const Tensor y = random_in<T>(shape, 9), expected = y.clone();
          cuda::binary(HostLaunch(), op_of<Op>, a, b, y);
          expected.backend().binary(op_of<Op>, a, b, expected);
          REQUIRE(same_bits(y.to_vector<T>(), expected.to_vector<T>()));
        }
      });
    });
  }

  TEST_CASE("cuda broadcast permute and slices: the widest unit that all runs are multiples of") {
    const auto unit_of = [](DType dtype, std::initializer_list<int64_t> elements) {
      const Tensor x = Tensor::zeros({64}, dtype, Device::reference);
      size_t bytes = 0;
      cuda::dispatch_unit(dtype, x, x, elements, [&]<class U>(int64_t n) {
        bytes = sizeof(U);
        REQUIRE(static_cast<size_t>(n) * size_of(dtype) == sizeof(U));
      });
      return bytes;
    };
    CHECK(unit_of(DType::bf16, {8, 0, 16}) == 16);
    CHECK(unit_of(DType::bf16, {12, 24}) == 8);
    CHECK(unit_of(DType::bf16, {12, 6}) == 4);
    CHECK(unit_of(DType::bf16, {3}) == 2);
    CHECK(unit_of(DType::f64, {1}) == 8);
    CHECK(unit_of(DType::u8, {1, 16}) == 1);
    for_each_floating([]<class T>() {
      const auto expect = [](const Shape& shape, const auto& kernel) {
        const Tensor y = random_in<T>(shape, 2), expected = y.clone();
        kernel(static_cast<const Tensor&>(y), true);
        kernel(static_cast<const Tensor&>(expected), false);
        REQUIRE(same_bits(y.to_vector<T>(), expected.to_vector<T>()));
      };
      Backend& reference = backend_of(Device::reference);
      for (const int64_t inner : {1, 2, 3, 4, 6, 8, 16, 20, 24}) {
        const Tensor x = random_in<T>({3, 5, inner}, 1);
        expect({5, 3, inner}, [&](const Tensor& y, bool cuda) {
          const std::array axes{1, 0, 2};
          cuda ? cuda::permute(HostLaunch(), x, axes, y) : reference.permute(x, axes, y);
        });
        expect({inner, 5, 3}, [&](const Tensor& y, bool cuda) {
          const std::array axes{2, 1, 0};
          cuda ? cuda::permute(HostLaunch(), x, axes, y) : reference.permute(x, axes, y);
        });
        expect({4, 3, 5, inner}, [&](const Tensor& y, bool cuda) {
          cuda ? cuda::broadcast(HostLaunch(), x, y) : reference.broadcast(x, y);
        });
        for (const int64_t start : {0, 1, 2})
          expect({3, 7, inner}, [&](const Tensor& y, bool cuda) {
            cuda ? cuda::copy_slice(HostLaunch(), x, start, y, 4, 3, 1) : reference.copy_slice(x, start, y, 4, 3, 1);
          });
      }
    });
  }

  TEST_CASE("cuda pooling: means over many values in packs and one by one are the same bits") {
    const auto means = []<class T>(const Shape& x_shape, const Shape& y_shape) {
      const Pool2dParams params{.kind = PoolKind::average, .adaptive = true};
      const Tensor x = random_in<T>(x_shape, 1), y = random_in<T>(y_shape, 2), one_by_one = random_in<T>(y_shape, 3);
      cuda::pool2d(HostLaunch(), x, params, y, {});
      const cuda::PoolGeometry geometry(x_shape, y_shape, params);
      cuda::each_pack<1>(HostLaunch(), y.numel(), true,
                         cuda::AveragePool<T>{x.data<T>(), geometry, one_by_one.data<T>()});
      CHECK(same_bits(y.to_vector<T>(), one_by_one.to_vector<T>()));
    };
    means.operator()<float>({2, 9, 9, 1024}, {2, 8, 8, 1024});
    means.operator()<bf16>({2, 9, 9, 1024}, {2, 8, 8, 1024});
    means.operator()<bf16>({2, 9, 9, 1028}, {2, 8, 8, 1028});  // packs of four
  }

  TEST_CASE("cuda bias and activation: the bits of one element at a time for every number of channels") {
    for_each_floating([]<class T>() {
      for (const int64_t channels : {1, 3, 4, 8, 12, 16, 20})
        for (const bool relu : {false, true}) {
          const Tensor y = random_in<T>({5, channels}, 1), b = random_in<Compute<T>>({channels}, 2);
          std::vector<T> expected = y.to_vector<T>(), expected_alone = expected;
          const std::vector<Compute<T>> bias = b.to_vector<Compute<T>>();
          for (size_t i = 0; i < expected.size(); ++i) {
            const Compute<T> value = widen(expected[i]) + bias[i % bias.size()];
            expected[i] = T(relu && value < Compute<T>(0) ? Compute<T>(0) : value);
            if (relu && widen(expected_alone[i]) < Compute<T>(0)) expected_alone[i] = T(Compute<T>(0));
          }
          const Tensor alone = y.clone();
          const Activation activation = relu ? Activation::relu : Activation::none;
          cuda::bias_activation(HostLaunch(), b, activation, y);
          cuda::bias_activation(HostLaunch(), {}, activation, alone);
          CHECK(same_bits(y.to_vector<T>(), expected));
          CHECK(same_bits(alone.to_vector<T>(), expected_alone));
        }
    });
  }
}

}  // namespace cofactor::testing
