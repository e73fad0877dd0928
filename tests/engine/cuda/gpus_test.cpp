// The names of GPUs, and their backends: on a machine with two, which are the kernels of the cuda backend on the host.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "engine/backends/gpus.h"
#include "tests/engine/cuda/host_kernels_backend.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

TEST_SUITE("unit") {
  TEST_CASE("several GPUs: names and numbers") {
    CHECK(parse_device("cuda") == Device::cuda);
    CHECK(parse_device("cuda:0") == Device::cuda);
    CHECK(parse_device("cuda:1") == Device::cuda_at(1));
    CHECK(parse_device("auto") == Device::cuda);
    CHECK(name_of(Device::cuda) == "cuda");
    CHECK(name_of(Device::cuda_at(1)) == "cuda:1");
    CHECK(fmt::format("{:>7}", Device::cuda_at(1)) == " cuda:1");
    CHECK(Device::cuda_at(1).kind() == DeviceKind::cuda);
    CHECK(Device::cuda_at(1).index() == 1);
    CHECK(Device::cuda_at(1) != Device::cuda);
    for (const char* wrong : {"cuda:", "cuda:x", "cuda:-1", "cuda:+1", "cuda:01", "cuda:1x", "cuda: 1", "cuda:1.0",
                              "cuda:99999999999", "cuda1", "cpu:0", "reference:0", ""}) {
      CAPTURE(wrong);
      CHECK(error_of([&] { (void)parse_device(wrong); }) ==
            fmt::format("device: '{}' is unknown, expected auto, cpu, reference, cuda, or cuda:N for the GPU number N, "
                        "from 0",
                        wrong));
    }
    CHECK(error_of([] { (void)parse_device("cuda:7"); }) ==
          "device cuda:7: this machine has 2 GPUs, cuda:0 and cuda:1");
    CHECK(error_of([] { (void)Device::cuda_at(-1); }) == "device cuda:-1: GPUs are counted from 0");
  }

  TEST_CASE("several GPUs: each has a backend of its own that is made once by any thread") {
    std::atomic<int> made = 0;
    Gpus gpus(3, [&](int index) {
      ++made;
      return new HostKernelsBackend(Device::cuda_at(index), 1);
    });
    CHECK(made == 0);
    std::vector<Backend*> seen(8);
    {
      std::vector<std::jthread> threads;
      for (size_t i = 0; i < seen.size(); ++i) threads.emplace_back([&, i] { seen[i] = &gpus.at(i % 2 ? 2 : 0); });
    }
    CHECK(made == 2);
    for (size_t i = 0; i < seen.size(); ++i) {
      CHECK(seen[i] == seen[i % 2]);
      CHECK(seen[i]->device() == Device::cuda_at(i % 2 ? 2 : 0));
    }
    CHECK(error_of([&] { gpus.at(3); }) == "device cuda:3: this machine has 3 GPUs, cuda:0 to cuda:2");
    delete seen[0];
    delete seen[1];

    int tries = 0;
    Gpus one(1, [&](int) -> Backend* {
      ++tries;
      fail("busy");
    });
    CHECK(error_of([&] { one.at(0); }) == "busy");
    CHECK(error_of([&] { one.at(0); }) == "busy");
    CHECK(tries == 2);
    CHECK(error_of([&] { one.at(1); }) == "device cuda:1: this machine has 1 GPU, cuda:0");
  }
}

}  // namespace cofactor::testing
