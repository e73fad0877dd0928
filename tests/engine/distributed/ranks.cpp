// A rank of the tests of several processes. Usage: distributed_ranks TASK FOLDER
//
// Writes to FOLDER/rankR.txt what rank R has to say: the error that ended it, or "done".
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/engine/distributed/fake_nccl.h"
#include "tests/engine/distributed/norm_checks.h"
#include "tests/engine/distributed/rank_checks.h"

namespace cofactor {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// Sums until a rank fails. Whole batches of memory, so that the library sends them by all its ways.
void sum_on(Communicator& ranks) {
  std::vector<float> values(1'000'000, 1.0f);
  for (int i = 0; i < 10'000; ++i) {
    ranks.all_reduce(std::span(values));
    std::fill(values.begin(), values.end(), 1.0f);
  }
}

void sum_bytes(Communicator& ranks, const fs::path& folder) {
  std::ofstream file(folder / fmt::format("sums{}.bin", ranks.rank()), std::ios::binary);
  for (const int64_t count : {1, 10, 1001, 300007}) {
    auto values = testing::rank_values<float>(count, ranks.rank());
    ranks.all_reduce(std::span(values));
    file.write(reinterpret_cast<const char*>(values.data()), count * 4);
  }
}

// What is left of the fake outlives the communicator, which closes it.
struct NcclTask {
  testing::FolderWires wires;
  testing::FakeRank rank;
};

void run(const std::string& task, Communicator& ranks, const fs::path& folder) {
  const bool last = ranks.rank() == ranks.size() - 1;
  const auto fail_in_sums = [&](auto&& act) {
    ranks.set_deadline(3s);
    if (last) {
      std::vector<float> values(1'000'000, 1.0f);
      for (int i = 0; i < 3; ++i) ranks.all_reduce(std::span(values));
      act();
    }
    sum_on(ranks);
  };
  if (task == "everything") {
    testing::check_everything(ranks);
    return testing::check_batch_norm_over_ranks(ranks);
  }
  if (task == "nccl") {
    static NcclTask& fake = *new NcclTask{testing::FolderWires(folder), {}};
    testing::use_fake_nccl(ranks, fake.wires, fake.rank);
    return testing::check_everything(ranks);
  }
  if (task == "sums") return sum_bytes(ranks, folder);
  if (task == "killed") return fail_in_sums([] { ::kill(::getpid(), SIGKILL); });
  if (task == "exits") return fail_in_sums([] { std::_Exit(0); });
  if (task == "throws") return fail_in_sums([] { fail("rank failed on purpose"); });
  if (task == "hangs") return fail_in_sums([] { std::this_thread::sleep_for(60s); });
  if (task == "sizes") {
    std::vector<float> values(last ? 100'000 : 200'000);
    return ranks.all_reduce(std::span(values));
  }
  if (task == "slow") {  // longer than the deadline that follows, with one that allows it
    ranks.set_deadline(20s);
    if (last) std::this_thread::sleep_for(1s);
    ranks.barrier();
    ranks.set_deadline(500ms);
    return ranks.barrier();
  }
  if (task == "cut off") {  // by whoever started it: the deadline is not what ends it
    ranks.set_deadline(300s);
    ranks.barrier();
    std::ofstream(folder / fmt::format("running{}.txt", ranks.rank()))
        << ranks.local_rank() << " of " << ranks.local_size() << " on this machine\n";
    while (true) sum_on(ranks);
  }
  if (task == "signals") {  // ends with 3 by SIGUSR1, and by nothing else but SIGKILL
    static volatile std::sig_atomic_t stop = 0;
    std::signal(SIGTERM, SIG_IGN);
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGUSR1, [](int) { stop = 1; });
    ranks.barrier();
    std::printf("rank %d runs\n", ranks.rank());
    std::fflush(stdout);
    while (stop == 0) std::this_thread::sleep_for(10ms);
    std::_Exit(3);
  }
  fail("distributed_ranks: no task '{}'", task);
}

int main_of(const std::string& task, const fs::path& folder) {
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  if (!rank) rank = std::getenv("RANK");
  const fs::path report = folder / fmt::format("rank{}.txt", rank ? rank : "");
  try {
    const auto ranks = make_communicator({.deadline = 60s});
    run(task, *ranks, folder);
    std::ofstream(report) << "done: " << ranks->name() << " " << ranks->rank() << " of " << ranks->size() << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::ofstream(report) << "error: " << error.what() << "\n";
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}

}  // namespace
}  // namespace cofactor

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: distributed_ranks TASK FOLDER\n", stderr);
    return 2;
  }
  return cofactor::main_of(argv[1], argv[2]);
}
