// Sums over ranks of tensors on two GPUs, which are the kernels of the cuda backend on the host, and which GPU a rank
// uses.
#include "tests/engine/cuda/rank_sums.h"

#include <doctest/doctest.h>

#include <chrono>

#include "engine/distributed/device_sums.h"
#include "engine/distributed/rank_device.h"
#include "tests/engine/distributed/fake_nccl.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

using namespace std::chrono_literals;

// Ranks of which each is on a machine of its own.
class AloneTransport : public ThreadTransport {
 public:
  using ThreadTransport::ThreadTransport;
  int local_rank() const override { return 0; }
  int local_size() const override { return 1; }
};

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("sums over ranks on devices go through the host with the same bits") {
    for (const std::string& error : run_ranks(2, {.deadline = 60s}, [](Communicator& ranks) {
           const Device device = device_of_rank(ranks, Device::cuda);
           check(device.index() == ranks.rank(), "rank {} uses {}", ranks.rank(), device);
           const std::string how = sum_on_devices(ranks, device);
           check(how == fmt::format("the host's memory: on rank 0, the device {} has no queue of its own for sums",
                                    Device::cuda),
                 "'{}'", how);
           check_sums_on(ranks, device);
         }))
      CHECK(error == "");
  }

  TEST_CASE("sums over ranks on devices by nccl have the bits of the host") {
    std::vector<FakeRank> ranks_of(2);
    ThreadWires wires;
    for (const std::string& error : run_ranks(2, {.deadline = 60s}, [&](Communicator& ranks) {
           const Device device = device_of_rank(ranks, Device::cuda);
           use_fake_nccl(ranks, wires, ranks_of[static_cast<size_t>(ranks.rank())], device);
           check_sums_on(ranks, device);
         }))
      CHECK(error == "");
    for (const FakeRank& rank : ranks_of) CHECK(rank.log.size() > 100);
  }

  TEST_CASE("the terms of a sum are added in the order of the ranks by any pack") {
    for (const int ranks : {1, 2, 3, 5}) {
      for (int rank = 0; rank < ranks; ++rank) {
        for (const int64_t count : {1, 4, 8, 13, 1024}) {
          for (const int64_t gap : {0, 1, 3}) {
            const Tensor own = Tensor::from(rank_values<float>(count, rank), {count}, kHost);
            const Tensor others = terms_of_others(count, gap, rank, ranks, kHost);
            cuda::add_rank_terms(HostLaunch(),
                                 {own.raw_data(), others.raw_data(), count, count + gap, DType::f32, rank, ranks});
            check_same_bits(own.to_vector<float>(), sum_by_rank<float>(count, ranks), "terms of a sum");
          }
        }
      }
    }
  }

  TEST_CASE("each rank of a machine has a GPU of its own or all are told why not") {
    const std::vector<Device> gpus = {Device::cuda, Device::cuda_at(1), Device::cuda_at(2)};
    CHECK(choose_device(gpus, 0, 3) == Device::cuda);
    CHECK(choose_device(gpus, 2, 3) == Device::cuda_at(2));
    CHECK(choose_device(gpus, 1, 2) == Device::cuda_at(1));
    // One that is visible may be the rank's own.
    CHECK(choose_device({Device::cuda}, 3, 4) == Device::cuda);
    CHECK(error_of([&] { choose_device(gpus, 0, 4); }) ==
          "ranks: this machine has 4 ranks and 3 cuda devices: start at most as many ranks as devices, one for each");

    const auto start = std::chrono::steady_clock::now();
    for (const std::string& error :
         run_ranks(3, {.deadline = 60s}, [](Communicator& ranks) { device_of_rank(ranks, Device::cuda); }))
      CHECK(error ==
            "rank 0: ranks: this machine has 3 ranks and 2 cuda devices: start at most as many ranks as devices, one "
            "for each");
    // All would take the first.
    Mailboxes boxes;
    std::vector<std::string> errors(2);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < 2; ++rank) {
      threads.emplace_back([&, rank] {
        MessageCommunicator ranks(std::make_unique<AloneTransport>(boxes, rank, 2), {.deadline = 60s});
        errors[static_cast<size_t>(rank)] = error_of([&] { device_of_rank(ranks, Device::cuda); });
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& error : errors) {
      CHECK(error ==
            "ranks: rank 0 and rank 1 would both use GPU-0: start one rank for each device, and let each see its own "
            "or all of its machine");
    }
    CHECK(std::chrono::steady_clock::now() - start < 30s);
    // The host's kinds are shared.
    for (const std::string& error : run_ranks(3, {.deadline = 60s}, [](Communicator& ranks) {
           check(device_of_rank(ranks, kHost) == kHost, "another device than the host");
         }))
      CHECK(error == "");
  }
}

}  // namespace cofactor::testing
