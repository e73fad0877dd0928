// The sum over ranks, over MPI and over TCP in turn, in the same processes. Started by mpirun with MASTER_ADDR and
// MASTER_PORT set (docs/distributed.md).
#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <vector>

#include "engine/distributed/communicator.h"

namespace cofactor {
namespace {

using Clock = std::chrono::steady_clock;

std::unique_ptr<Communicator> communicator_over(const char* transport) {
  check(::setenv("COFACTOR_TRANSPORT", transport, 1) == 0, "transport_bench: COFACTOR_TRANSPORT cannot be set");
  auto ranks = make_communicator({.deadline = std::chrono::seconds(60)});
  check(ranks->size() > 1, "transport_bench: there is one rank only: start it with mpirun -np 2");
  return ranks;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// The seconds of sums of `bytes` over each of the two, in turn.
std::array<double, 2> time_sums(const std::array<std::unique_ptr<Communicator>, 2>& both, int64_t bytes, int rounds) {
  std::vector<float> values(static_cast<size_t>(bytes) / sizeof(float), 1.0f);
  std::array<std::vector<double>, 2> seconds;
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < both.size(); ++i) {
      both[i]->barrier();
      const auto start = Clock::now();
      both[i]->all_reduce(std::span(values));
      seconds[i].push_back(std::chrono::duration<double>(Clock::now() - start).count());
      std::ranges::fill(values, 1.0f);
    }
  }
  return {median(seconds[0]), median(seconds[1])};
}

void run() {
  const std::array<std::unique_ptr<Communicator>, 2> both = {communicator_over("mpi"), communicator_over("tcp")};
  const bool prints = both[0]->rank() == 0;
  if (prints)
    fmt::print("sums over {} ranks, medians\n{:>10} {:>12} {:>12} {:>14} {:>14} {:>6}\n", both[0]->size(), "bytes",
               "mpi us", "tcp us", "mpi MB/s", "tcp MB/s", "ratio");
  for (const auto& [bytes, rounds] :
       {std::pair{int64_t{100}, 2001}, {int64_t{100'000}, 1001}, {int64_t{10'000'000}, 101}}) {
    const auto [mpi, tcp] = time_sums(both, bytes, rounds);
    const double megabytes = static_cast<double>(bytes) * 1e-6;
    if (prints)
      fmt::print("{:>10} {:>12.1f} {:>12.1f} {:>14.1f} {:>14.1f} {:>6.2f}\n", bytes, 1e6 * mpi, 1e6 * tcp,
                 megabytes / mpi, megabytes / tcp, tcp / mpi);
  }
}

}  // namespace
}  // namespace cofactor

int main() {
  try {
    cofactor::run();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
