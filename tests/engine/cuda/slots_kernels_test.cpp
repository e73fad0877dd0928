// The cuda backend's kernels over many tensors in one launch, and those that sum in a fixed order what many threads
// read: gradients of embeddings and of a convolution's maximum.
#include <cmath>

#include "engine/backend.h"
#include "engine/backends/cuda/kernels/conv_global_max.h"
#include "engine/backends/cuda/kernels/elementwise.h"
#include "engine/backends/cuda/kernels/layout.h"
#include "engine/backends/cuda/kernels/optimizers.h"
#include "tests/engine/cuda/elements.h"
#include "tests/engine/cuda/host_launch.h"
#include "tests/engine/parity.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

using parity::check_close;

}  // namespace

TEST_SUITE("unit") {
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
