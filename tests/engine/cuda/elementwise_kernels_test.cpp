// The cuda backend's kernels over packs of elements: every length and alignment gives the bits of the formula, whatever
// the width of the accesses. Division of indices, tables of many tensors, units that only move.
#include <cmath>
#include <cstring>

#include "engine/backends/cuda/kernels/conv_global_max.h"
#include "engine/backends/cuda/kernels/elementwise.h"
#include "engine/backends/cuda/kernels/layout.h"
#include "engine/backends/cuda/kernels/optimizers.h"
#include "engine/backends/cuda/kernels/pool.h"
#include "tests/engine/cuda/host_launch.h"
#include "tests/engine/parity.h"
#include "tests/fixtures/errors.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

using parity::check_close;

// Random values of T in [low, high), decided by `index` alone.
template <class T>
std::vector<T> random_elements(int64_t count, uint32_t index, double low = -1.0, double high = 1.0) {
  std::vector<T> values;
  for (const double value : random_values(count, index, low, high)) values.push_back(convert<T>(value));
  return values;
}
template <class T>
Tensor random_in(const Shape& shape, uint32_t index, double low = -1.0, double high = 1.0) {
  return Tensor::from(random_elements<T>(shape.numel(), index, low, high), shape, Device::reference);
}

// The same bytes: NaN equals NaN, and 0 differs from -0.
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// Calls body.template operator()<T>() for each floating type.
template <class Body>
void for_each_floating(const Body& body) {
  body.template operator()<float>();
  body.template operator()<double>();
  body.template operator()<bf16>();
}

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
                                     int64_t{1} << 50};
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

  TEST_CASE("cuda dropout: the mask of the draws for every length and alignment") {
    for_each_floating([]<class T>() {
      for_each_length([](int64_t count, int64_t offset) {
        constexpr int kSize = cuda::Dropout<T>::kSize;
        const RandomKey key{.seed = 5, .purpose = Purpose::dropout, .index = 1, .step = 3};
        for (const double p : {0.0, 0.25, 0.3, 0.999999}) {
          const std::vector<T> x = random_elements<T>(count + offset, 6, 0.5, 1.0);
          std::vector<T> y = x, expected = x;
          for (int64_t i = 0; i < count; ++i) {
            const auto at = static_cast<size_t>(offset + i);
            const bool keeps = unit_float(random_word(key, static_cast<uint64_t>(i))) >= p;
            expected[at] = keeps ? T(widen(x[at]) / static_cast<Compute<T>>(1.0 - p)) : T(Compute<T>(0));
          }
          const cuda::Dropout<T> kernel{x.data() + offset,
                                        static_cast<uint32_t>(std::ceil(p * 0x1p24)),
                                        static_cast<Compute<T>>(1.0 - p),
                                        key,
                                        nullptr,
                                        y.data() + offset};
          cuda::each_pack<kSize>(HostLaunch(), count, cuda::aligned_for_packs(kernel.x, kernel.y), kernel);
          REQUIRE(same_bits(y, expected));
        }
      });
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

  TEST_CASE("cuda embedding_vjp: runs of every length are summed in the order of the indices") {
    std::vector<int32_t> indices;
    for (int32_t word = 0; word < 40; ++word) indices.insert(indices.end(), static_cast<size_t>(word), word % 37);
    for (const int64_t dims : {1, 4, 6, 12, 16}) {
      const auto count = static_cast<int64_t>(indices.size());
      std::vector<int32_t> shuffled;
      for (const int64_t k : random_permutation({.seed = 2}, count))
        shuffled.push_back(indices[static_cast<size_t>(k)]);
      const Tensor words = Tensor::from(shuffled, {count}, Device::reference);
      for_each_floating([&]<class T>() {
        const std::vector<T> grad = random_elements<T>(count * dims, 1);
        const Tensor table = random_in<Compute<T>>({41, dims}, 2);
        cuda::embedding_vjp(HostLaunch(), Tensor::from(grad, {count, dims}, Device::reference), words, table);
        std::vector<Compute<T>> expected(static_cast<size_t>(41 * dims));
        const auto width = static_cast<size_t>(dims);
        for (size_t k = 0; k < shuffled.size(); ++k)
          for (size_t d = 0; d < width; ++d)
            expected[static_cast<size_t>(shuffled[k]) * width + d] += widen(grad[k * width + d]);
        CHECK(same_bits(table.template to_vector<Compute<T>>(), expected));
      });
    }
  }

  TEST_CASE("cuda cast_many: more tensors than a table holds of every length and kind") {
    std::vector<CastSlot> slots;
    std::vector<Tensor> expected;
    const auto add = [&](DType from, DType to, const Shape& shape) {
      const auto index = static_cast<uint32_t>(slots.size());
      const Tensor x = Tensor::zeros(shape, from, Device::reference);
      const Tensor y = Tensor::full(shape, 9.0, to, Device::reference);
      x.backend().cast(random_in<float>(shape, index, -100, 100), x);
      slots.push_back({x, y});
      expected.push_back(y.clone());
      x.backend().cast(x, expected.back());
    };
    for (int64_t k = 0; k < cuda::kSlotsPerLaunch + 40; ++k) add(DType::f32, DType::bf16, {k % 23});
    for (const int64_t count : {int64_t{1}, cuda::kSlotChunk - 1, cuda::kSlotChunk, 2 * cuda::kSlotChunk + 5}) {
      add(DType::f32, DType::bf16, {count});
      add(DType::bf16, DType::f32, {count});
      add(DType::f32, DType::f64, {count});
    }
    for (const int threads : {1, 3}) {
      for (const CastSlot& slot : slots) slot.y.backend().fill(slot.y, 9.0);
      cuda::cast_many(HostLaunch(threads), slots);
      for (size_t k = 0; k < slots.size(); ++k)
        REQUIRE(parity::values_of(slots[k].y) == parity::values_of(expected[k]));
    }
    int launches = 0;
    const auto few = std::span(slots).first(cuda::kSlotsPerLaunch);
    cuda::for_each_table<cuda::SlotTable<2>>(
        std::span<const CastSlot>(few),
        [](cuda::SlotTable<2>& table, const CastSlot& slot) {
          table.add(slot.x.numel(), true, 0, 0, {slot.x.raw_data(), slot.y.raw_data()});
        },
        [&](const cuda::SlotTable<2>&) { ++launches; });
    CHECK(launches == 1);
  }

  TEST_CASE("cuda optimizers: gradients in bf16 beside others and tensors of several chunks") {
    const AdamParams adam{.lr = 0.01, .weight_decay = 0.1, .step = 3};
    const SgdParams sgd{.lr = 0.1, .momentum = 0.9, .dampening = 0.1, .weight_decay = 0.01, .nesterov = true};
    std::vector<AdamSlot> slots, expected;
    std::vector<SgdSlot> sgd_slots, sgd_expected;
    uint32_t index = 0;
    for (const int64_t count : {int64_t{1}, int64_t{3}, int64_t{0}, int64_t{64}, 2 * cuda::kSlotChunk + 7})
      for (const bool narrow : {false, true}) {
        const Shape shape{count};
        const Tensor grad = narrow ? random_in<bf16>(shape, index) : random_in<float>(shape, index);
        const Tensor p = random_in<float>(shape, index + 1), m = random_in<float>(shape, index + 2);
        const Tensor v = random_in<float>(shape, index + 3, 0.0, 1.0);
        index += 4;
        slots.push_back({p.clone(), grad, m.clone(), v.clone()});
        expected.push_back({p.clone(), grad, m.clone(), v.clone()});
        sgd_slots.push_back({p.clone(), grad, m.clone()});
        sgd_expected.push_back({p.clone(), grad, m.clone()});
      }
    Backend& reference = backend_of(Device::reference);
    reference.adam_step(expected, adam);
    reference.sgd_step(sgd_expected, sgd);
    cuda::adam_step(HostLaunch(3), std::span<const AdamSlot>(slots), adam, nullptr);
    cuda::sgd_step(HostLaunch(3), std::span<const SgdSlot>(sgd_slots), sgd, nullptr);
    const parity::Tolerance f32{1e-6, 1e-6};
    for (size_t k = 0; k < slots.size(); ++k) {
      check_close("adam", parity::values_of(slots[k].param), parity::values_of(expected[k].param), f32);
      check_close("m", parity::values_of(slots[k].exp_avg), parity::values_of(expected[k].exp_avg), f32);
      check_close("v", parity::values_of(slots[k].exp_avg_sq), parity::values_of(expected[k].exp_avg_sq), f32);
      check_close("sgd", parity::values_of(sgd_slots[k].param), parity::values_of(sgd_expected[k].param), f32);
      check_close("momentum", parity::values_of(sgd_slots[k].momentum), parity::values_of(sgd_expected[k].momentum),
                  f32);
    }
  }

  TEST_CASE("cuda optimizers: a gradient of another dtype is refused with both dtypes") {
    const Tensor p = random_in<float>({3}, 1);
    const std::array slots{SgdSlot{p, random_in<double>({3}, 2), {}}};
    CHECK(throws_saying("gradient f64",
                        [&] { cuda::sgd_step(HostLaunch(), std::span<const SgdSlot>(slots), {.lr = 0.1}, nullptr); }));
    const std::array narrow{SgdSlot{random_in<bf16>({3}, 1), random_in<bf16>({3}, 2), {}}};
    CHECK(throws_saying("master weights",
                        [&] { cuda::sgd_step(HostLaunch(), std::span<const SgdSlot>(narrow), {.lr = 0.1}, nullptr); }));
  }

  TEST_CASE("cuda optimizers: a power by repeated squaring") {
    for (const double base : {0.0, 0.5, 0.9, 0.999, 0.9999})
      for (const int64_t exponent : {0, 1, 2, 3, 7, 100, 4096, 100001})
        CHECK(cuda::power(base, exponent) ==
              doctest::Approx(std::pow(base, static_cast<double>(exponent))).epsilon(1e-12));
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

  TEST_CASE("cuda conv2d_global_max_vjp: more filters and images than the shared memory holds and groups of several") {
    for_each_floating([]<class T>() {
      for (const auto& [x_shape, w_shape] : {std::pair{Shape{2, 1, 6, 12}, Shape{530, 1, 3, 12}},
                                             {Shape{521, 2, 5, 8}, Shape{3, 2, 2, 8}},
                                             {Shape{4, 3, 7, 5}, Shape{6, 2, 3, 5}}}) {
        const Conv2dParams params{.pad_w = 1, .dilation_w = 2};
        const Shape windows = conv2d_output(x_shape, w_shape, params);
        const Shape filters{x_shape[0], w_shape[0]};
        const Tensor grad = random_in<T>(filters, 1), x = random_in<T>(x_shape, 2), w = random_in<T>(w_shape, 3);
        std::vector<int32_t> spots;
        for (const double u : random_values(filters.numel(), 4, -0.2, 1.0))
          spots.push_back(u < 0 ? -1 : static_cast<int32_t>(u * static_cast<double>(windows[1] * windows[2])));
        const Tensor places = Tensor::from(spots, filters, Device::reference);
        const DType wide = compute_dtype(dtype_of<T>);
        const auto gradients = [&](const auto& vjp) {
          const Tensor dx = Tensor::full(x_shape, 7.0, dtype_of<T>, Device::reference);
          const Tensor dw = Tensor::full(w_shape, 7.0, wide, Device::reference);
          const Tensor db = Tensor::full({w_shape[0]}, 7.0, wide, Device::reference);
          vjp(dx, dw, db);
          return std::array{parity::values_of(dx), parity::values_of(dw), parity::values_of(db)};
        };
        const auto expected = gradients([&](const Tensor& dx, const Tensor& dw, const Tensor& db) {
          grad.backend().conv2d_global_max_vjp(grad, places, x, w, params, dx, dw, db);
        });
        const auto alone = gradients([&](const Tensor& dx, const Tensor& dw, const Tensor& db) {
          cuda::global_max_vjp(HostLaunch(1), grad, places, x, w, params, dx, dw, db);
        });
        const auto together = gradients([&](const Tensor& dx, const Tensor& dw, const Tensor& db) {
          cuda::global_max_vjp(HostLaunch(3), grad, places, x, w, params, dx, {}, {});
          cuda::global_max_vjp(HostLaunch(3), grad, places, x, w, params, {}, dw, {});
          cuda::global_max_vjp(HostLaunch(3), grad, places, x, w, params, {}, {}, db);
        });
        CHECK(alone == together);
        const double rounding = dtype_of<T> == DType::bf16 ? parity::kBf16Rounding : 1e-5;
        for (size_t k = 0; k < expected.size(); ++k)
          check_close("gradient", alone[k], expected[k], {5e-4, k == 0 ? rounding : 1e-5});
      }
    });
  }
}

}  // namespace cofactor::testing
