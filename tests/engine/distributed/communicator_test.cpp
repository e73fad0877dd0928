// The communicator and what is made of it, over ranks that are threads; and the environment that chooses one.
#include "engine/distributed/communicator.h"

#include <doctest/doctest.h>

#include <chrono>
#include <map>

#include "engine/distributed/device_sums.h"
#include "engine/distributed/launch.h"
#include "engine/distributed/rank_device.h"
#include "tests/engine/distributed/rank_checks.h"
#include "tests/engine/distributed/thread_ranks.h"

namespace cofactor {
namespace {

using namespace testing;
using namespace std::chrono_literals;

Launch launch_of(const std::map<std::string, std::string>& variables) {
  return read_launch([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

std::string launch_error(const std::map<std::string, std::string>& variables) {
  try {
    launch_of(variables);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("one to five ranks: sums copies buckets and dmi are those of the whole") {
    for (int size = 1; size <= 5; ++size) {
      CAPTURE(size);
      for (const std::string& error : run_ranks(size, {.deadline = 60s}, check_everything)) CHECK(error == "");
    }
  }

  TEST_CASE("the communicator of one process does the same") {
    const auto ranks = single_communicator();
    CHECK(ranks->name() == "single");
    CHECK_NOTHROW(check_everything(*ranks));
    CHECK(sum_on_devices(*ranks, kHost) == "the host's memory: there is one rank");
    CHECK(device_of_rank(*ranks, kHost) == kHost);
  }

  TEST_CASE("waiting for something else has the communicator's deadline and breaks it") {
    const auto errors = run_ranks(2, {.deadline = 300ms}, [](Communicator& ranks) {
      int asked = 0;
      ranks.wait_for([&] { return ++asked == 100; }, "a hundred questions");
      check(asked == 100, "{} questions", asked);
      if (ranks.rank() == 1) ranks.wait_for([]() -> bool { fail("on purpose"); }, "a failure");
      try {
        ranks.wait_for([] { return false; }, "nothing");
      } catch (const Error& error) {
        check(std::string_view(error.what()).starts_with("nothing (rank 0 of 2): a rank has not answered for 0.3 s"),
              "'{}'", error.what());
      }
      ranks.barrier();
    });
    CHECK(errors[0].starts_with("barrier (rank 0 of 2): an earlier operation has failed: nothing"));
    CHECK(errors[1] == "on purpose");
  }

  TEST_CASE("an operation that a rank does not join ends at the deadline with its name and the ranks") {
    const auto start = std::chrono::steady_clock::now();
    const auto errors = run_ranks(3, {.deadline = 300ms}, [](Communicator& ranks) {
      if (ranks.rank() == 2) fail("on purpose");
      std::vector<float> values(1000, 1.0f);
      std::string first;
      try {
        ranks.all_reduce(std::span(values));
      } catch (const Error& error) {
        first = error.what();
      }
      check(first.find("all_reduce of 1000 f32") == 0, "the first error is '{}'", first);
      try {
        ranks.barrier();
      } catch (const Error& error) {  // broken, so at once
        check(std::string(error.what()).find("barrier") == 0, "the second error is '{}'", error.what());
        throw;
      }
    });
    CHECK(std::chrono::steady_clock::now() - start < 10s);
    CHECK(errors[2] == "on purpose");
    CHECK(
        errors[0].find("barrier (rank 0 of 3): an earlier operation has failed: all_reduce of 1000 f32 (rank 0 of 3): "
                       "rank 2 has not answered for 0.3 s") == 0);
    CHECK(errors[1].find("(rank 1 of 3): rank 2 has not answered") != std::string::npos);
  }

  TEST_CASE("a cancelled operation ends at once") {
    std::stop_source source;
    source.request_stop();
    const auto errors = run_ranks(2, {.deadline = 60s, .cancel = source.get_token()}, [](Communicator& ranks) {
      if (ranks.rank() == 1) fail("on purpose");
      ranks.barrier();
    });
    CHECK(errors[0].find("barrier (rank 0 of 2): cancelled after ") == 0);
  }

  TEST_CASE("a rank that ends does not count as one that takes part in a barrier") {
    const auto errors = run_ranks(2, {.deadline = 300ms}, [](Communicator& ranks) {
      if (ranks.rank() == 0) ranks.barrier();
    });
    CHECK(errors[0].find("barrier (rank 0 of 2): rank 1 has not answered") == 0);
  }

  TEST_CASE("ranks with different sizes are told so") {
    const auto errors = run_ranks(2, {.deadline = 300ms}, [](Communicator& ranks) {
      std::vector<double> values(ranks.rank() == 0 ? 10 : 20);
      ranks.all_reduce(std::span(values));
    });
    CHECK(errors[0].find("has sent 80 bytes where 40 were expected") != std::string::npos);
    CHECK(errors[1].find("has sent 40 bytes where 80 were expected") != std::string::npos);
  }

  TEST_CASE("a sum that nobody waits for breaks the communicator") {
    const auto errors = run_ranks(2, {.deadline = 5s}, [](Communicator& ranks) {
      std::vector<float> values(4);
      ranks.start_all_reduce(SumBuffer::of(std::span(values))).reset();
      ranks.barrier();
    });
    for (const std::string& error : errors)
      CHECK(error.find("all_reduce of 4 f32: it was not waited for") != std::string::npos);
  }

  TEST_CASE("bad arguments are errors before any message") {
    const auto ranks = single_communicator();
    CHECK_THROWS_WITH_AS(ranks->set_deadline(0s), "ranks: the deadline is 0 s, expected a finite number above 0",
                         Error);
    CHECK_THROWS_AS(ranks->set_deadline(std::chrono::duration<double>(NAN)), Error);
    CHECK_THROWS_AS(ranks->broadcast(std::span<std::byte>(), 1), Error);
    CHECK_THROWS_AS(ranks->all_reduce(Tensor()), Error);
    CHECK_THROWS_WITH_AS(ranks->all_reduce(Tensor::zeros({2}, DType::i32, kHost)),
                         "all_reduce: a tensor of shape (2) is i32, expected a floating dtype", Error);
    CHECK_THROWS_AS(GradientBuckets({}, *ranks), Error);
    const Tensor plain = Tensor::zeros({2}, DType::f32, kHost);
    CHECK_THROWS_WITH_AS(GradientBuckets({{"w", plain}}, *ranks),
                         "gradient buckets: 'w' is not a leaf in f32 or f64 that requires a gradient", Error);
    DmiInParts empty({});
    CHECK_THROWS_AS(empty.sum_over(*ranks), Error);
  }

  TEST_CASE("buckets start while backward runs") {
    const auto ranks = single_communicator();
    Initializer init(kHost, 5);
    Mlp model(init, {.features = 8, .hidden = {16, 16}, .classes = 3});
    GradientBuckets buckets(model.parameters(), *ranks, {.bytes = 1});
    CHECK(buckets.count() == 6);
    const Tensor x = Tensor::randn({9, 8}, {.seed = 1}, DType::f32, kHost);
    size_t before_last_leaf = 0;
    int leaves = 0;
    const GradientDone start = buckets.on_gradient();
    backward(sum(model(x)), {}, [&](const Tensor& leaf) {
      start(leaf);
      if (++leaves == 5) before_last_leaf = buckets.started_in_backward();
    });
    CHECK(leaves == 6);
    CHECK(before_last_leaf >= 4);  // of the output's layer and of those above the first
    CHECK(buckets.started_in_backward() == 6);
    buckets.finish();
  }

  TEST_CASE("the environment of a launcher says the rank and the ranks") {
    CHECK(launch_of({}).size == 1);
    CHECK(launch_of({}).launcher == "");
    const Launch mpirun = launch_of({{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "3"}});
    CHECK(mpirun.size == 4);
    CHECK(mpirun.rank == 3);
    CHECK(launch_of({{"PMI_SIZE", "2"}, {"PMI_RANK", "1"}}).rank == 1);
    CHECK(launch_of({{"SLURM_STEP_NUM_TASKS", "8"}, {"SLURM_PROCID", "5"}}).size == 8);
    // A batch job outside of srun is one process, whatever the job's number of tasks.
    CHECK(launch_of({{"SLURM_NTASKS", "8"}, {"SLURM_PROCID", "0"}}).size == 1);

    CHECK(
        launch_error({{"OMPI_COMM_WORLD_SIZE", "4"}}) ==
        "ranks: the environment variable OMPI_COMM_WORLD_SIZE is set and OMPI_COMM_WORLD_RANK is not: a launcher such "
        "as mpirun sets both");
    CHECK(launch_error({{"PMI_RANK", "0"}}).find("PMI_RANK is set and PMI_SIZE is not") != std::string::npos);
    CHECK(launch_error({{"SLURM_STEP_NUM_TASKS", "2"}}).find("SLURM_PROCID is not") != std::string::npos);
    CHECK(launch_error({{"PMI_SIZE", "two"}, {"PMI_RANK", "0"}}) ==
          "ranks: the environment variable PMI_SIZE is 'two', expected a whole number");
    CHECK(launch_error({{"PMI_SIZE", ""}, {"PMI_RANK", "0"}}).find("''") != std::string::npos);
    CHECK(launch_error({{"PMI_SIZE", "0"}, {"PMI_RANK", "0"}}).find("at least 1") != std::string::npos);
    CHECK(launch_error({{"PMI_SIZE", "2"}, {"PMI_RANK", "2"}}) ==
          "ranks: the environment variable PMI_RANK is 2, expected 0 to 1 (PMI_SIZE is 2)");
    CHECK(launch_error({{"PMI_SIZE", "2"}, {"PMI_RANK", "-1"}}).find("expected 0 to 1") != std::string::npos);
    CHECK(launch_error({{"PMI_SIZE", "99999999999"}, {"PMI_RANK", "0"}}).find("whole number") != std::string::npos);
  }
}

}  // namespace cofactor
