// The tests on device "cuda" with the real backend: with captured_*_test.cpp, recording_test.cpp, two_gpus_test.cpp and
// uploads_test.cpp they make up test_cuda_device. Without a GPU all of them are skipped.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <memory>
#include <vector>

#include "engine/backend.h"
#include "engine/device_features.h"
#include "engine/ops/reduce.h"
#include "tests/engine/cuda/cuda_device.h"
#include "tests/fixtures/errors.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

// ctest takes this line for a skipped test (tests/list_tests.cmake).
[[maybe_unused]] const bool kNoted = [] {
  if (!has_cuda()) std::puts("skipped: no GPU");
  return true;
}();

size_t free_on_gpu() {
  return features_of(Device::cuda).free_memory().value();
}

// As every recording does.
void release_free_blocks() {
  features_of(Device::cuda).capture([] { Tensor::zeros({1}, DType::f32, Device::cuda); });
}

}  // namespace

int64_t busy_extent() {
  return 2048;
}

// Blocks that take the rest of the memory. Powers of two are sizes that the pool does not round up.
struct ScarceMemory::Impl {
  std::vector<Tensor> blocks;
};

ScarceMemory::ScarceMemory(size_t bytes) : impl_(std::make_unique<Impl>()) {
  constexpr size_t kLeast = size_t{16} << 20;
  release_free_blocks();
  size_t size = std::bit_floor(free_on_gpu());
  while (size >= kLeast) {
    const size_t free = free_on_gpu();
    if (free < bytes + size) {
      size /= 2;
      continue;
    }
    try {
      impl_->blocks.push_back(Tensor::empty({static_cast<int64_t>(size)}, DType::u8, Device::cuda));
    } catch (const OutOfMemory&) {  // in one piece
      size /= 2;
    }
  }
}

ScarceMemory::~ScarceMemory() {
  impl_->blocks.clear();
  release_free_blocks();
}

TEST_SUITE("unit" * doctest::skip(!has_cuda())) {
  TEST_CASE("gpu: a recording finds the memory of free blocks and an arena gives its own back") {
    release_free_blocks();
    const size_t before = free_on_gpu();
    constexpr int64_t kBytes = int64_t{1} << 30;
    REQUIRE(before > size_t{3} << 30);
    { const Tensor freed = Tensor::empty({kBytes}, DType::u8, Device::cuda); }
    CHECK(free_on_gpu() + kBytes <= before + (size_t{64} << 20));  // the pool keeps the block
    std::unique_ptr<CapturedStep> step;
    {
      Tensor made;
      step = features_of(Device::cuda).capture([&] {
        CHECK(free_on_gpu() + (size_t{64} << 20) >= before);
        made = Tensor::full({kBytes / 4}, 1.0, DType::f32, Device::cuda);
      });
      step->replay({});
      CHECK(sum(made).item() == static_cast<double>(kBytes / 4));
      CHECK(free_on_gpu() + kBytes <= before + (size_t{64} << 20));
    }
    step.reset();
    CHECK(free_on_gpu() + (size_t{64} << 20) >= before);
  }

  TEST_CASE("gpu: long products in bf16 are summed in f32 and rounded once") {
    // So long and narrow that partial sums are worth it; rounded to bf16, they would be off by up to 1 in 256 each.
    constexpr int64_t kTerms = 30000, kRows = 16, kColumns = 24;
    const auto in_bf16 = [](const Shape& shape, uint32_t index) {
      std::vector<bf16> values;
      for (const float value : random_values<float>(shape.numel(), index, 0.5, 1.5)) values.emplace_back(value);
      return values;
    };
    const std::vector<bf16> a = in_bf16({kRows, kTerms}, 1), b = in_bf16({kColumns, kTerms}, 2);
    const Tensor x = Tensor::from(a, {kRows, kTerms}, Device::cuda),
                 w = Tensor::from(b, {kColumns, kTerms}, Device::cuda);
    const Tensor y = Tensor::empty({kRows, kColumns}, DType::bf16, Device::cuda), again = y.clone();
    y.backend().matmul(x, false, w, true, {}, y);
    again.backend().matmul(x, false, w, true, {}, again);
    const std::vector<bf16> found = y.to_vector<bf16>(), repeated = again.to_vector<bf16>();
    for (size_t r = 0; r < kRows; ++r)
      for (size_t c = 0; c < kColumns; ++c) {
        double exact = 0.0;
        for (size_t k = 0; k < kTerms; ++k)
          exact += static_cast<double>(static_cast<float>(a[r * kTerms + k])) *
                   static_cast<double>(static_cast<float>(b[c * kTerms + k]));
        const double half_ulp = std::exp2(std::floor(std::log2(exact)) - 8);
        const double value = static_cast<float>(found[r * kColumns + c]);
        CHECK(std::abs(value - exact) <= half_ulp + 5e-4 * exact);
        CHECK(repeated[r * kColumns + c].bits == found[r * kColumns + c].bits);
      }
  }
}

}  // namespace cofactor::testing
