// Sums on devices by NCCL, over ranks that are threads and an NCCL that is theirs.
#include "engine/distributed/nccl_sums.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

#include "tests/engine/distributed/fake_nccl.h"
#include "tests/engine/distributed/rank_checks.h"
#include "tests/fixtures/errors.h"

namespace cofactor {
namespace {

using namespace testing;
using namespace std::chrono_literals;

// The sum by NCCL against that of MessageCommunicator, which takes spans.
template <class T>
void check_like_host(Communicator& ranks, std::vector<T> values, std::string_view what) {
  const Tensor tensor = Tensor::from(values, {std::ssize(values)}, kHost);
  ranks.all_reduce(tensor);
  ranks.all_reduce(std::span(values));
  check_same_bits(tensor.to_vector<T>(), values, what);
}

void sum_once(Communicator& ranks) {
  ranks.all_reduce(Tensor::full({100}, 1.0, DType::f32, kHost));
}

// The calls of a log but for those that begin and end NCCL's communicator.
std::vector<std::string> calls_of(const FakeRank& rank) {
  std::vector<std::string> calls;
  for (const std::string& call : rank.log) {
    if (!contains(call, "ncclComm") && call != "ncclGetUniqueId") calls.push_back(call);
  }
  return calls;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("nccl: sums have the bits of those on the host") {
    for (int size = 1; size <= 5; ++size) {
      CAPTURE(size);
      FakeRun fake(size);
      fake.run({.deadline = 60s}, [](Communicator& ranks) {
        for (const int64_t count : {0, 1, 2, 3, 5, 64, 1001, 30011, 40960}) {
          const std::vector<float> values = rank_values<float>(count, ranks.rank());
          check_like_host(ranks, values, fmt::format("{} f32", count));
          check_like_host(ranks, rank_values<double>(count, ranks.rank()), fmt::format("{} f64", count));
          check_like_host(ranks, in_bf16(values), fmt::format("{} bf16", count));
        }
      });
      for (const std::string& error : fake.errors) CHECK(error == "");
      for (const FakeRank& rank : fake.ranks) {
        CHECK(rank.destroyed);
        CHECK_FALSE(rank.aborted);
        CHECK(rank.log.back() == "ncclCommDestroy");
      }
    }
  }

  TEST_CASE("nccl: buckets and dmi are those of the whole batch") {
    for (const int size : {1, 2, 3, 5}) {
      CAPTURE(size);
      FakeRun fake(size);
      fake.run({.deadline = 60s}, check_everything);
      for (const std::string& error : fake.errors) CHECK(error == "");
    }
  }

  TEST_CASE("nccl: sums under way at once beside the host's end in any order") {
    FakeRun fake(3);
    fake.run({.deadline = 60s}, [](Communicator& ranks) {
      std::vector<Tensor> all;
      std::vector<std::unique_ptr<PendingSum>> sums;
      std::vector<float> on_host = rank_values<float>(777, ranks.rank());
      const auto host = ranks.start_all_reduce(SumBuffer::of(std::span(on_host)));
      for (int64_t i = 0; i < 4; ++i) {
        const int64_t count = 500 * i + 1;
        all.push_back(Tensor::from(rank_values<float>(count, ranks.rank()), {count}, kHost));
        sums.push_back(ranks.start_all_reduce(all.back()));
      }
      ranks.barrier();
      for (const size_t i : {3, 0, 2, 1}) {
        sums[i]->wait();
        sums[i]->wait();
        check_same_bits(all[i].to_vector<float>(), sum_by_rank<float>(all[i].numel(), 3), "a sum among others");
      }
      host->wait();
      check_same_bits(on_host, sum_by_rank<float>(777, 3), "the host's sum");
    });
    for (const std::string& error : fake.errors) CHECK(error == "");
  }

  TEST_CASE("nccl: a sum is two groups of calls and all ranks call the same") {
    // Parts are a multiple of 64 bytes, and the last rank owns the rest.
    FakeRun fake(2);
    fake.run({.deadline = 60s},
             [](Communicator& ranks) { ranks.all_reduce(Tensor::full({21}, 1.0, DType::f64, kHost)); });
    const std::vector<std::string> expected = {"after kernels",  "ncclGroupStart",      "ncclSend",
                                               "ncclRecv",       "ncclGroupEnd",        "add",
                                               "ncclGroupStart", "ncclAllGather of 64", "ncclBroadcast of 40 from 1",
                                               "ncclGroupEnd"};
    for (const FakeRank& rank : fake.ranks) CHECK(calls_of(rank) == expected);

    FakeRun buckets(4);
    buckets.run({.deadline = 60s}, [](Communicator& ranks) { check_buckets(ranks, {.bytes = 600}, 1e-6); });
    // Where there are few elements only the last rank receives terms and adds.
    const auto of_all = [](const FakeRank& rank) {
      std::vector<std::string> calls = calls_of(rank);
      std::erase_if(calls,
                    [](const std::string& call) { return call == "ncclSend" || call == "ncclRecv" || call == "add"; });
      return calls;
    };
    for (const FakeRank& rank : buckets.ranks) CHECK(of_all(rank) == of_all(buckets.ranks.front()));
    CHECK(of_all(buckets.ranks.front()).size() > 60);
  }

  TEST_CASE("nccl: a call that fails is told with NCCL's text and ends all ranks") {
    for (const std::string call : {"ncclCommInitRankConfig", "ncclGroupStart", "ncclSend", "ncclRecv", "ncclGroupEnd",
                                   "ncclAllGather", "ncclBroadcast"}) {
      CAPTURE(call);
      FakeRun fake(3);
      fake.ranks[1].failing = call;
      const auto start = std::chrono::steady_clock::now();
      fake.run({.deadline = 300ms}, sum_once);
      CHECK(std::chrono::steady_clock::now() - start < 5s);
      const bool at_start = call == "ncclCommInitRankConfig";
      CHECK(fake.errors[1] == fmt::format("{} (rank 1 of 3): {} has failed: unhandled cuda error: on purpose",
                                          at_start ? "NCCL on reference" : "all_reduce of 100 f32 on reference", call));
      for (const size_t other : {0, 2}) {
        CAPTURE(other);
        CHECK(contains(fake.errors[other], "a rank has not answered for 0.3 s"));
        CHECK(fake.ranks[other].aborted);
      }
      CHECK(fake.ranks[1].aborted);
      for (const FakeRank& rank : fake.ranks) CHECK_FALSE(rank.destroyed);
    }
  }

  TEST_CASE("nccl: where rank 0 makes no id all ranks say why") {
    FakeRun fake(3);
    fake.ranks[0].failing = "ncclGetUniqueId";
    fake.run({.deadline = 60s}, sum_once);
    for (size_t rank = 0; rank < 3; ++rank) {
      CHECK(fake.errors[rank] == fmt::format("NCCL on reference (rank {} of 3): ncclGetUniqueId of rank 0 has failed: "
                                             "unhandled cuda error: on purpose",
                                             rank));
    }
  }

  TEST_CASE("nccl: an error that comes later ends the wait and breaks the communicator") {
    FakeRun fake(2);
    fake.ranks[0].breaks_later = true;
    fake.run({.deadline = 300ms}, [](Communicator& ranks) {
      std::string first;
      try {
        sum_once(ranks);
      } catch (const Error& error) {
        first = error.what();
      }
      check(!first.empty(), "the sum has not failed");
      const auto start = std::chrono::steady_clock::now();
      try {
        ranks.barrier();
      } catch (const Error& error) {
        check(std::string_view(error.what()).find(first) != std::string_view::npos, "'{}'", error.what());
      }
      check(std::chrono::steady_clock::now() - start < 200ms, "a broken communicator has waited");
      sum_once(ranks);
    });
    CHECK(contains(fake.errors[0],
                   "an earlier operation has failed: all_reduce of 100 f32 on reference (rank 0 of 2): "
                   "NCCL has failed: remote process exited"));
    CHECK(contains(fake.errors[1], "a rank has not answered"));
    for (const FakeRank& rank : fake.ranks) CHECK(rank.aborted);
  }

  TEST_CASE("nccl: a rank that never comes ends the others at the deadline") {
    // To the start of NCCL.
    ThreadWires wires;
    std::vector<FakeRank> ranks_of(3);
    const auto errors = run_ranks(3, {.deadline = 300ms}, [&](Communicator& ranks) {
      if (ranks.rank() == 2) {  // takes part in what leads to it
        ranks.all_gather_texts("");
        NcclCalls::Id id;
        ranks.broadcast(id, 0);
        fail("on purpose");
      }
      use_fake_nccl(ranks, wires, ranks_of[static_cast<size_t>(ranks.rank())]);
    });
    for (const size_t rank : {0, 1}) {
      CHECK(errors[rank] == fmt::format("NCCL on reference (rank {} of 3): a rank has not answered for 0.3 s: it has "
                                        "ended, hangs, or does something else",
                                        rank));
      CHECK(ranks_of[rank].aborted);
    }

    // To a sum, before and after it has sent its terms.
    for (const bool starts : {false, true}) {
      CAPTURE(starts);
      FakeRun fake(2);
      fake.run({.deadline = 300ms}, [&](Communicator& communicator) {
        const Tensor values = Tensor::full({10}, 1.0, DType::f32, kHost);
        if (communicator.rank() == 1 && !starts) fail("on purpose");
        const auto sum = communicator.start_all_reduce(values);
        if (communicator.rank() == 1) fail("on purpose");
        sum->wait();
      });
      CHECK(contains(fake.errors[0], "all_reduce of 10 f32 on reference (rank 0 of 2): a rank has not answered"));
      CHECK(fake.errors[1] == "on purpose");
      for (const FakeRank& rank : fake.ranks) CHECK(rank.aborted);
    }

    // To the end: a rank that throws does not end in order, and the one that does is not kept for ever.
    FakeRun fake(2);
    fake.run({.deadline = 300ms}, [](Communicator& communicator) {
      sum_once(communicator);
      if (communicator.rank() == 1) fail("on purpose");
    });
    CHECK(fake.errors[0] == "");
    for (const FakeRank& rank : fake.ranks) {
      CHECK(rank.aborted);
      CHECK_FALSE(rank.destroyed);
    }
  }

  TEST_CASE("nccl: a wait can be cancelled") {
    std::stop_source source;
    FakeRun fake(2);
    fake.run({.deadline = 60s, .cancel = source.get_token()}, [&](Communicator& ranks) {
      const auto sum = ranks.start_all_reduce(Tensor::full({10}, 1.0, DType::f32, kHost));
      if (ranks.rank() == 1) {
        source.request_stop();
        fail("on purpose");
      }
      sum->wait();
    });
    CHECK(contains(fake.errors[0], "(rank 0 of 2): cancelled after"));
    CHECK(fake.ranks[0].aborted);
  }

  TEST_CASE("nccl: a sum that nobody waits for breaks the communicator") {
    FakeRun fake(2);
    fake.run({.deadline = 5s}, [](Communicator& ranks) {
      ranks.start_all_reduce(Tensor::full({10}, 1.0, DType::f32, kHost)).reset();
      ranks.barrier();
    });
    for (const std::string& error : fake.errors) {
      CHECK(contains(error, "all_reduce of 10 f32 on reference: it was not waited for"));
    }
    for (const FakeRank& rank : fake.ranks) CHECK(rank.aborted);
  }

  TEST_CASE("nccl: ranks with different sizes end with an error") {
    FakeRun fake(2);
    fake.run({.deadline = 300ms}, [](Communicator& ranks) {
      ranks.all_reduce(Tensor::full({ranks.rank() == 0 ? 10 : 20}, 1.0, DType::f32, kHost));
    });
    for (const std::string& error : fake.errors) CHECK(error != "");
  }

  TEST_CASE("nccl: a sum that the device refuses breaks nothing") {
    FakeRun fake(2);
    fake.run({.deadline = 5s}, [&](Communicator& ranks) {
      FakeRank& rank = fake.of(ranks);
      rank.failing = "after kernels";
      std::string refused;
      try {
        sum_once(ranks);
      } catch (const Error& error) {
        refused = error.what();
      }
      check(refused == "the device refuses", "'{}'", refused);
      rank.failing.clear();
      sum_once(ranks);
    });
    for (const std::string& error : fake.errors) CHECK(error == "");
    for (const FakeRank& rank : fake.ranks) CHECK(rank.destroyed);
  }

  TEST_CASE("nccl: only floating tensors of its device") {
    FakeRun fake(2);
    fake.run({.deadline = 5s}, [](Communicator& ranks) {
      for (const Tensor& wrong : {Tensor(), Tensor::zeros({2}, DType::i32, kHost)}) {
        std::string error;
        try {
          ranks.all_reduce(wrong);
        } catch (const Error& caught) {
          error = caught.what();
        }
        check(error.starts_with("all_reduce: "), "'{}'", error);
      }
      sum_once(ranks);  // nothing is broken
    });
    for (const std::string& error : fake.errors) CHECK(error == "");
  }
}

}  // namespace cofactor
