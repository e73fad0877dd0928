// Real processes: the program distributed_ranks under mpirun. Without mpirun, or MPI in this build, ctest reports each
// test as skipped.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <fstream>

#include "tests/engine/distributed/rank_checks.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/mpirun.h"
#include "tests/fixtures/process.h"

namespace cofactor {
namespace {

using namespace testing;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

std::vector<std::string> ranks_command(int ranks, const std::string& task, const fs::path& folder,
                                       const std::vector<std::string>& flags = {}) {
  return mpirun(ranks, {program("distributed_ranks"), task, folder.string()}, flags);
}

std::string report_of(const fs::path& folder, int rank) {
  const fs::path file = folder / fmt::format("rank{}.txt", rank);
  return fs::exists(file) ? read_file(file) : "";
}

// Two ranks of which the last fails.
struct FailedRun {
  Outcome outcome;
  std::chrono::duration<double> seconds{};
  std::string first_rank;
};

FailedRun run_failing(const std::string& task, const std::vector<std::string>& flags = {}) {
  const TemporaryFolder folder;
  const auto start = std::chrono::steady_clock::now();
  FailedRun run;
  run.outcome = Process(ranks_command(2, task, folder.path(), flags), folder.path()).wait();
  run.seconds = std::chrono::steady_clock::now() - start;
  run.first_rank = report_of(folder.path(), 0);
  CAPTURE(run.outcome.err);
  CAPTURE(run.first_rank);
  CHECK(run.seconds < 20s);
  return run;
}

void check_done(const std::string& task, int ranks) {
  CAPTURE(task);
  const TemporaryFolder folder;
  const Outcome outcome = Process(ranks_command(ranks, task, folder.path()), folder.path()).wait();
  CAPTURE(outcome.err);
  CHECK(outcome.code == 0);
  for (int rank = 0; rank < ranks; ++rank)
    CHECK(report_of(folder.path(), rank) == fmt::format("done: mpi {} of {}\n", rank, ranks));
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("mpirun: ranks compute sums copies buckets and dmi as one process does") {
    if (!have_mpirun()) return;
    for (const int ranks : {2, 4}) check_done("everything", ranks);
  }

  TEST_CASE("mpirun: sums on devices beside the messages of processes do the same") {
    if (!have_mpirun()) return;
    for (const int ranks : {2, 3}) check_done("nccl", ranks);
  }

  TEST_CASE("mpirun: sums have the same bits in every run and on every rank") {
    if (!have_mpirun()) return;
    for (const int ranks : {2, 4}) {
      std::string first;
      for (int run = 0; run < 3; ++run) {
        const TemporaryFolder folder;
        REQUIRE(Process(ranks_command(ranks, "sums", folder.path()), folder.path()).wait().code == 0);
        for (int rank = 0; rank < ranks; ++rank) {
          const std::string sums = read_file(folder.path() / fmt::format("sums{}.bin", rank));
          CHECK(sums.size() == 4 * (1 + 10 + 1001 + 300007));
          if (first.empty()) first = sums;
          CHECK(sums == first);
        }
      }
      const std::vector<float> expected = sum_by_rank<float>(300007, ranks);
      CHECK(first.substr(first.size() - expected.size() * 4) ==
            std::string(reinterpret_cast<const char*>(expected.data()), expected.size() * 4));
    }
  }

  TEST_CASE("mpirun: where a rank ends mpirun ends the others") {
    if (!have_mpirun()) return;
    const FailedRun killed = run_failing("killed"), exits = run_failing("exits"), throws = run_failing("throws");
    CHECK(killed.outcome.code != 0);
    CHECK(contains(killed.outcome.err, "signal 9"));
    CHECK(exits.outcome.code != 0);
    CHECK(throws.outcome.code != 0);
    CHECK(contains(throws.outcome.err, "error: rank failed on purpose"));
  }

  TEST_CASE("mpirun: a rank that hangs ends the others at the deadline with their message") {
    if (!have_mpirun()) return;
    const FailedRun run = run_failing("hangs");
    CHECK(run.outcome.code != 0);
    CHECK(run.first_rank.starts_with("error: all_reduce of 1000000 f32 (rank 0 of 2): rank 1 has not answered for 3."));
  }

  TEST_CASE("mpirun: where a killed rank is left to the others they end with their message") {
    if (!have_mpirun()) return;
    // With this flag mpirun ends nobody, and its own exit code is 0.
    const FailedRun run = run_failing("killed", {"--enable-recovery"});
    if (run.first_rank.empty() && contains(run.outcome.err, "enable-recovery")) {
      std::printf("skipped: mpirun has no --enable-recovery\n");
      return;
    }
    CHECK(run.first_rank.starts_with("error: all_reduce of 1000000 f32 (rank 0 of 2): "));
  }

  TEST_CASE("mpirun: ranks with different sizes are told so") {
    if (!have_mpirun()) return;
    const FailedRun run = run_failing("sizes");
    CHECK(run.outcome.code != 0);
    CHECK(contains(run.outcome.err, " bytes where "));
  }

  TEST_CASE("mpirun: a deadline may be longer for a time in which one rank works alone") {
    if (!have_mpirun()) return;
    const TemporaryFolder folder;
    CHECK(Process(ranks_command(2, "slow", folder.path()), folder.path()).wait().code == 0);
  }

  TEST_CASE("a program is alone without a launcher and says what a launcher lacks") {
    const TemporaryFolder folder;
    const auto run = [&](const std::vector<std::string>& variables) {
      std::vector<std::string> arguments = {"env"};
      arguments.insert(arguments.end(), variables.begin(), variables.end());
      arguments.insert(arguments.end(), {program("distributed_ranks"), "everything", folder.path().string()});
      return Process(arguments, folder.path()).wait();
    };
    CHECK(run({}).code == 0);
    CHECK(report_of(folder.path(), 0).empty());
    CHECK(read_file(folder.path() / "rank.txt") == "done: single 0 of 1\n");
    const Outcome half = run({"OMPI_COMM_WORLD_SIZE=2"});
    CHECK(half.code == 1);
    CHECK(contains(half.err, "OMPI_COMM_WORLD_SIZE is set and OMPI_COMM_WORLD_RANK is not"));
    // The variables of another launcher: MPI itself would let each process run as the only rank.
    const Outcome other = run({"PMI_SIZE=2", "PMI_RANK=1"});
    CHECK(other.code == 1);
    CHECK((contains(other.err, "the launcher belongs to another MPI") || contains(other.err, "this build has no MPI")));
  }
}

}  // namespace cofactor
