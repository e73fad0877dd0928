// NCCL itself: what it says without a GPU; on one GPU, a communicator of one rank; on two, two ranks that are threads.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "engine/device_features.h"
#include "engine/distributed/nccl_sums.h"
#include "engine/distributed/rank_device.h"
#include "engine/module_file.h"
#include "tests/engine/cuda/cuda_device.h"
#include "tests/engine/cuda/rank_sums.h"
#include "tests/engine/distributed/thread_ranks.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

using namespace std::chrono_literals;
using Status = NcclCalls::Status;

// ctest takes the line for a skipped test (tests/list_tests.cmake).
bool has_gpus(size_t count) {
  const auto devices = available_devices();
  const auto found = static_cast<size_t>(
      std::ranges::count_if(devices, [](Device device) { return device.kind() == DeviceKind::cuda; }));
  if (found < count) std::printf("skipped: %zu of %zu GPUs\n", found, count);
  return found >= count;
}

// Fails where libnccl is not found, as where no folder of it is in LD_LIBRARY_PATH.
std::unique_ptr<NcclCalls> open_nccl() {
  return static_cast<const NcclModule*>(open_module_object("cofactor_nccl", "cofactor_nccl_module", "NCCL"))->make();
}

std::shared_ptr<NcclSums> make_sums(Communicator& ranks) {
  return std::make_shared<NcclSums>(ranks, Device::cuda, features_of(Device::cuda).queue(), open_nccl());
}

template <class F>
void wait_until(F&& done) {
  const auto start = std::chrono::steady_clock::now();
  while (!done()) check(std::chrono::steady_clock::now() - start < 20s, "not done after 20 s");
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("nccl: the module makes ids and says its version") {
    const auto nccl = open_nccl();
    CHECK(nccl->version().starts_with("2."));
    NcclCalls::Id id{};
    const auto made = nccl->make_id(id);
    CAPTURE(made.text);
    CHECK(made.status == Status::done);
    CHECK(id != NcclCalls::Id{});
    std::printf("NCCL %s\n", nccl->version().c_str());
  }

  TEST_CASE("nccl: without a GPU its start says so with NCCL's text") {
    if (has_cuda()) {
      std::puts("skipped: there is a GPU");
      return;
    }
    const auto nccl = open_nccl();
    NcclCalls::Id id{};
    REQUIRE(nccl->make_id(id).status == Status::done);
    auto result = nccl->init(1, id, 0);
    wait_until([&] {
      if (result.status == Status::in_progress) result = nccl->poll();
      return result.status != Status::in_progress;
    });
    CHECK(result.status == Status::failed);
    CHECK(result.text != "");
    nccl->abort();
  }

  TEST_CASE("nccl: one rank sums on its GPU") {
    if (!has_gpus(1)) return;
    const auto ranks = single_communicator();
    ranks->set_device_sums(make_sums(*ranks));
    CHECK_NOTHROW(check_sums_on(*ranks, Device::cuda));
  }

  TEST_CASE("nccl: a group of calls from a rank to itself moves all bytes") {
    if (!has_gpus(1)) return;
    const auto nccl = open_nccl();
    const auto queue = features_of(Device::cuda).queue();
    void* const stream = queue->handle();
    NcclCalls::Id id{};
    REQUIRE(nccl->make_id(id).status == Status::done);
    const auto succeed = [&](const NcclCalls::Result& result) {
      CAPTURE(result.text);
      REQUIRE(result.status != Status::failed);
    };
    const auto idle = [&] {
      const auto result = nccl->poll();
      succeed(result);
      return result.status == Status::done;
    };
    succeed(nccl->init(1, id, 0));
    wait_until(idle);
    const std::vector<float> values = rank_values<float>(100003, 0);
    const Tensor from = Tensor::from(values, {100003}, Device::cuda);
    const Tensor to = Tensor::zeros({100003}, DType::f32, Device::cuda);
    queue->after_kernels();
    succeed(nccl->group_start());
    succeed(nccl->send(from.raw_data(), from.nbytes(), 0, stream));
    succeed(nccl->receive(to.raw_data(), to.nbytes(), 0, stream));
    succeed(nccl->group_end());
    wait_until(idle);
    const auto mark = queue->mark();
    wait_until([&] { return mark->reached(); });
    CHECK(to.to_vector<float>() == values);
    succeed(nccl->finalize());
    wait_until(idle);
    succeed(nccl->destroy());
  }

  TEST_CASE("nccl: the GPU adds terms in the order of the ranks") {
    if (!has_gpus(1)) return;
    const auto queue = features_of(Device::cuda).queue();
    constexpr int kRanks = 4;
    for (int rank = 0; rank < kRanks; ++rank) {
      for (const int64_t count : {1, 13, 1024, 100003}) {
        const Tensor own = Tensor::from(rank_values<float>(count, rank), {count}, Device::cuda);
        const int64_t gap = count % 4;
        const Tensor others = terms_of_others(count, gap, rank, kRanks, Device::cuda);
        queue->after_kernels();
        queue->add_rank_terms({own.raw_data(), others.raw_data(), count, count + gap, DType::f32, rank, kRanks});
        const auto mark = queue->mark();
        wait_until([&] { return mark->reached(); });
        CHECK_NOTHROW(check_same_bits(own.to_vector<float>(), sum_by_rank<float>(count, kRanks), "terms on the GPU"));
      }
    }
  }

  TEST_CASE("nccl: a recorded step refuses a sum over ranks") {
    if (!has_gpus(1)) return;
    const auto queue = features_of(Device::cuda).queue();
    CHECK(error_of([&] {
            (void)features_of(Device::cuda).capture([&] { queue->after_kernels(); });
          }).find("a sum over ranks cannot be part of a recorded step") != std::string::npos);
  }

  TEST_CASE("nccl: two ranks with a GPU each have the bits of the host") {
    if (!has_gpus(2)) return;
    for (const std::string& error : run_ranks(2, {.deadline = 60s}, [](Communicator& ranks) {
           const Device device = device_of_rank(ranks, Device::cuda);
           const std::string how = sum_on_devices(ranks, device);
           check(how.starts_with("NCCL "), "'{}'", how);
           check_sums_on(ranks, device);
         }))
      CHECK(error == "");
  }

  TEST_CASE("nccl: a rank that ends leaves the other with an error at its deadline") {
    if (!has_gpus(2)) return;
    const auto errors = run_ranks(2, {.deadline = 5s}, [](Communicator& ranks) {
      const Device device = device_of_rank(ranks, Device::cuda);
      sum_on_devices(ranks, device);
      ranks.all_reduce(Tensor::full({10}, 1.0, DType::f32, device));
      if (ranks.rank() == 1) fail("on purpose");
      ranks.all_reduce(Tensor::full({1000}, 1.0, DType::f32, device));
    });
    CHECK(errors[0].starts_with("all_reduce of 1000 f32 on cuda (rank 0 of 2): "));
    CHECK(errors[1] == "on purpose");
  }
}

}  // namespace cofactor::testing
