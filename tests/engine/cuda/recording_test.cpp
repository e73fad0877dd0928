// What a recorded step may hold, what is refused in it, and what it does to memory.
#include <doctest/doctest.h>

#include <functional>
#include <utility>
#include <vector>

#include "engine/autograd.h"
#include "engine/backend.h"
#include "engine/device_features.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/log_abs_det.h"
#include "engine/ops/matmul.h"
#include "tests/engine/cuda/cuda_device.h"
#include "tests/fixtures/errors.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

Tensor well_conditioned(int64_t n, uint32_t index) {
  std::vector<double> values = random_values(n * n, index, -0.1, 0.1);
  for (int64_t i = 0; i < n; ++i) values[static_cast<size_t>(i * n + i)] += static_cast<double>(n);
  return Tensor::from(values, {n, n}, Device::cuda);
}

// Records a step, replays it on new inputs, and compares with the same kernels called one by one.
void check_records_and_replays() {
  const Tensor a = well_conditioned(5, 1), y = Tensor::zeros({}, DType::f64, Device::cuda);
  const auto step = [&] {
    const NoGrad no_grad;
    y.copy_from(log_abs_det(matmul(a, a)));
  };
  step();  // libraries choose their kernels and load them
  const auto captured = features_of(Device::cuda).capture(step);
  REQUIRE(captured != nullptr);
  for (uint32_t k = 2; k < 5; ++k) {
    a.copy_from(well_conditioned(5, k));
    captured->replay({});
    const double replayed = y.item();
    step();
    CHECK(replayed == y.item());
  }
}

}  // namespace

TEST_SUITE("unit" * doctest::skip(!has_cuda())) {
  TEST_CASE("recording: what waits or comes from outside is refused by name and leaves the device usable") {
    const NoGrad no_grad;
    Backend& backend = backend_of(Device::cuda);
    DeviceFeatures& features = features_of(Device::cuda);
    const Tensor u = well_conditioned(10, 1), large = well_conditioned(65, 2), x = u.clone();
    const std::vector<double> host(100);
    const auto recorded = features.capture([&] { mul(x, x); });
    mul(x, x);  // kernels are loaded
    const std::vector<std::pair<const char*, std::function<void()>>> refused = {
        {"capture: the SVD of a (10, 10) matrix, which cuSOLVER computes, cannot be part of a recorded step",
         [&] { log_abs_det(u, 0.001); }},
        {"capture: the LU of a (65, 65) matrix, which cuSOLVER computes, cannot be part of a recorded step",
         [&] { log_abs_det(large); }},
        {"capture: a copy of 8 bytes to the host cannot be part of a recorded step",
         [&] { Tensor::zeros({}, DType::f64, Device::cuda).item(); }},
        {"capture: a copy of 800 bytes to the host cannot be part of a recorded step", [&] { u.to_vector<double>(); }},
        {"capture: a copy of 800 bytes from the host cannot be part of a recorded step",
         [&] { Tensor::from(host, {100}, Device::cuda); }},
        {"capture: waiting for the device cannot be part of a recorded step", [&] { backend.synchronize(); }},
        {"capture: an upload of 64 bytes cannot be part of a recorded step", [&] { features.upload(64); }},
        {"capture: a replay cannot be part of a recorded step", [&] { recorded->replay({}); }},
        {"capture: another recording cannot be part of a recorded step", [&] { features.capture([] {}); }},
    };
    for (const auto& [message, call] : refused) {
      CAPTURE(message);
      const size_t in_use = backend.memory_stats().in_use;
      CHECK(error_of([&] {
              features.capture([&] {
                const Tensor before = mul(x, x);  // launches before the refusal are not run
                x.copy_from(before);
                call();
              });
            }) == message);
      CHECK(backend.memory_stats().in_use == in_use);
      CHECK(x.to_vector<double>() == u.to_vector<double>());
    }
    check_records_and_replays();
    // All of them work outside a recording.
    for (const auto& [message, call] : refused) CHECK(error_of(call).empty());
  }

  TEST_CASE("recording: an LU of 64 classes is recorded") {
    const NoGrad no_grad;
    const Tensor u = well_conditioned(64, 3), y = Tensor::zeros({}, DType::f64, Device::cuda);
    const double expected = log_abs_det(u).item();
    const auto captured = features_of(Device::cuda).capture([&] { y.copy_from(log_abs_det(u)); });
    CHECK(y.item() == 0.0);
    captured->replay({});
    CHECK(y.item() == expected);
  }

  TEST_CASE("recording: the pool's free blocks go back to the system before it") {
    Backend& backend = backend_of(Device::cuda);
    constexpr int64_t kBytes = int64_t{96} << 20;
    { const Tensor freed = Tensor::empty({kBytes}, DType::u8, Device::cuda); }
    const MemoryStats before = backend.memory_stats();
    CHECK(before.reserved >= before.in_use + kBytes);
    MemoryStats within;
    features_of(Device::cuda).capture([&] { within = backend.memory_stats(); });
    CHECK(within.reserved + kBytes <= before.reserved);
  }

  TEST_CASE("recording: without memory it says what it lacked and gives back what it took") {
    const NoGrad no_grad;
    Backend& backend = backend_of(Device::cuda);
    constexpr int64_t kMiB = int64_t{1} << 20;
    const size_t in_use = backend.memory_stats().in_use;
    std::string message;
    {
      const ScarceMemory scarce(size_t{400 * kMiB});
      try {
        std::vector<Tensor> blocks;
        features_of(Device::cuda).capture([&] {
          // Blocks that are free again have addresses in the graph: none may go back for a block of another size.
          for (int k = 0; k < 2; ++k) Tensor::full({40 * kMiB / 4}, 1.0, DType::f32, Device::cuda);
          for (int k = 0; k < 40; ++k)
            blocks.push_back(Tensor::full({(32 + k) * kMiB / 4}, 1.0, DType::f32, Device::cuda));
        });
      } catch (const OutOfMemory& error) {
        message = error.what();
      }
      CAPTURE(message);
      CHECK(contains(message, "memory: the GPU, for a recorded step, refused a block of "));
      CHECK(contains(message, " asked for); "));
      CHECK(contains(message, " bytes are in use, "));
      CHECK(contains(message, "bytes free"));
    }
    CHECK(backend.memory_stats().in_use == in_use);
    check_records_and_replays();
  }
}

}  // namespace cofactor::testing
