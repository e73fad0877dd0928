// The interface of launches, as the host's stand-in implements it: stages, and the record of a step.
#include "engine/backends/cuda/kernels/launch.h"

#include <doctest/doctest.h>

#include <numeric>

#include "tests/engine/cuda/host_kernels_backend.h"

namespace cofactor::testing {

namespace {

// Group i writes the sum of its lanes' numbers to sums[i], by way of shared memory.
struct SumLanes {
  struct Shared {
    double values[cuda::kBlockThreads];
  };
  double* sums;
  template <class Group>
  void operator()(const Group& group, int64_t i, Shared& shared) const {
    CHECK(std::isnan(shared.values[0]));  // what another group left is not there
    group.sync();
    group.lanes([&](int lane) { shared.values[lane] = static_cast<double>(lane + i); });
    group.sync();
    if (group.rank() == 0) sums[i] = std::accumulate(shared.values, shared.values + cuda::kBlockThreads, 0.0);
  }
};

// Reads what all groups of the stage before wrote.
struct Total {
  const double* sums;
  int64_t count;
  double* total;
  template <class Group>
  void operator()(const Group& group, int64_t) const {
    double own = 0.0;
    for (int64_t i = group.rank(); i < count; i += group.size()) own += sums[i];
    own = group.sum(own);
    if (group.rank() == 0) *total = own;
  }
};

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("cuda launches: a stage sees what all groups of the stages before it wrote") {
    for (const int threads : {1, 4}) {
      std::vector<double> sums(10, 0.0);
      double total = 0.0;
      HostLaunch(threads).stages(cuda::Stage{10, SumLanes{sums.data()}},
                                 cuda::Stage{1, Total{sums.data(), 10, &total}});
      // 10 groups of lanes 0 .. 255, and 256 times 0 .. 9
      CHECK(total == 10 * 255 * 128 + 256 * 45);
    }
  }

  TEST_CASE("cuda launches: recorded ones do not run and say what they move") {
    Recording recording;
    Recording* target = &recording;
    const HostLaunch launch(1, &target, "op");
    double value = 0.0;
    launch.moves(24).each(1, [&](int64_t) { value += 1.0; });
    launch.library([&](const HostLaunch& calls) {
      calls.each(1, [&](int64_t) { value += 10.0; });
      calls.each(1, [&](int64_t) { value += 100.0; });
    });
    launch.each(0, [&](int64_t) { value += 1000.0; });  // nothing to launch
    CHECK(value == 0.0);
    REQUIRE(recording.size() == 2);
    CHECK(recording[0].cost.op == "op");
    CHECK(recording[0].cost.bytes == 24);
    for (const RecordedLaunch& launched : recording) launched.run();
    CHECK(value == 111.0);
    target = nullptr;
    launch.each(1, [&](int64_t) { value = 5.0; });
    CHECK(value == 5.0);
  }

  TEST_CASE("cuda launches: bytes of tensors where some are undefined") {
    const Tensor a = Tensor::empty({3, 5}, DType::bf16, kHost), b = Tensor::empty({7}, DType::f64, kHost);
    CHECK(cuda::bytes_of(a, Tensor(), b) == 30 + 56);
    CHECK(cuda::bytes_of() == 0);
  }

  TEST_CASE("cuda launches: a recorded step lists each kernel and each call of a library") {
    auto& backend = dynamic_cast<HostKernelsBackend&>(backend_of(Device::cuda));
    const auto zeros = [](const Shape& shape, DType dtype) { return Tensor::zeros(shape, dtype, Device::cuda); };
    const Tensor x = zeros({2, 6, 6, 8}, DType::bf16), w = zeros({16, 3, 3, 8}, DType::bf16);
    const Tensor y = zeros({2, 4, 4, 16}, DType::bf16), normal = zeros({2, 4, 4, 16}, DType::bf16);
    const auto channel = [&] { return zeros({16}, DType::f32); };
    const Tensor b = channel(), scale = channel(), shift = channel(), mean = channel(), variance = channel();
    const Tensor saved_mean = channel(), saved_variance = channel(), dw = zeros({16, 3, 3, 8}, DType::f32);
    const Tensor logits = zeros({32, 16}, DType::bf16);
    backend.capture([&] {
      backend.conv2d(x, w, b, {}, y);
      backend.batch_norm(y, scale, shift, mean, variance, {}, {}, normal, saved_mean, saved_variance);
      backend.batch_norm(y, scale, shift, mean, variance, {}, {.training = false}, normal, {}, {});
      backend.conv2d_vjp_weights(x, y, {}, dw, {});
      backend.copy(x.raw_data(), x.raw_data(), 10);
    });
    const std::vector<LaunchCost>& recorded = backend.recorded();
    std::vector<std::string> ops;
    for (const LaunchCost& launched : recorded) ops.push_back(launched.op);
    CHECK(ops == std::vector<std::string>{"conv2d", "bias_activation", "batch_norm", "batch_norm", "conv2d_vjp_weights",
                                          "copy"});
    CHECK(recorded[0].bytes == static_cast<int64_t>(x.nbytes() + w.nbytes() + y.nbytes()));
    CHECK(recorded[0].flops == 2.0 * 2 * 4 * 4 * 16 * 3 * 3 * 8);
    // x twice and y once, and a pair of f32 for each of the 16 channels' one chunk, written and read.
    CHECK(recorded[2].bytes == 3 * static_cast<int64_t>(y.nbytes()) + 2 * 16 * 8);
    CHECK(recorded[3].bytes == 2 * static_cast<int64_t>(y.nbytes()));
    CHECK(recorded[4].flops == recorded[0].flops);
    CHECK(recorded[5].bytes == 20);
  }
}

}  // namespace cofactor::testing
