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
    CHECK(errors[1] == "a failure (rank 1 of 2): on purpose");
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
    CHECK(std::chrono::steady_clock::now() - start < 20s);
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

  TEST_CASE("torchrun's variables come before those of what has started torchrun") {
    const std::map<std::string, std::string> torchrun = {
        {"RANK", "2"}, {"WORLD_SIZE", "4"}, {"MASTER_ADDR", "node1"}, {"MASTER_PORT", "29500"}};
    const Launch launch = launch_of(torchrun);
    CHECK(launch.rank == 2);
    CHECK(launch.size == 4);
    CHECK(launch.meeting->address == "node1");
    CHECK(launch.meeting->port == 29500);
    CHECK(!launch.local);
    CHECK(launch.start_timeout == 30s);
    CHECK(transport_of(launch, true) == TransportKind::tcp);
    CHECK(transport_of(launch, false) == TransportKind::tcp);

    auto both = torchrun;  // srun or mpirun with a task per machine
    both.insert({{"SLURM_STEP_NUM_TASKS", "2"},
                 {"SLURM_PROCID", "1"},
                 {"OMPI_COMM_WORLD_SIZE", "2"},
                 {"OMPI_COMM_WORLD_RANK", "1"},
                 {"LOCAL_RANK", "0"},
                 {"LOCAL_WORLD_SIZE", "2"},
                 {"TORCHELASTIC_RUN_ID", "none"},
                 {"COFACTOR_START_TIMEOUT", "2.5"}});
    CHECK(launch_of(both).launcher == "WORLD_SIZE");
    CHECK(launch_of(both).local->size == 2);
    CHECK(launch_of(both).run == "none");
    CHECK(launch_of(both).start_timeout == 2500ms);
    both["COFACTOR_RUN_TOKEN"] = "mine";
    CHECK(launch_of(both).run == "mine");
    both["COFACTOR_TRANSPORT"] = "mpi";
    CHECK(launch_of(both).launcher == "OMPI_COMM_WORLD_SIZE");
    CHECK(transport_of(launch_of(both), true) == TransportKind::mpi);

    auto agent = torchrun;
    agent["TORCHELASTIC_USE_AGENT_STORE"] = "True";
    CHECK(launch_of(agent).meeting->port == 29501);
    agent["TORCHELASTIC_USE_AGENT_STORE"] = "False";
    CHECK(launch_of(agent).meeting->port == 29500);
    // One rank needs nothing else, however wrong.
    CHECK(launch_of({{"RANK", "0"}, {"WORLD_SIZE", "1"}, {"MASTER_PORT", "x"}}).size == 1);
  }

  TEST_CASE("what carries messages follows from the launcher and the build") {
    const auto choose = [](const std::map<std::string, std::string>& variables, bool has_mpi) -> std::string {
      try {
        return transport_of(launch_of(variables), has_mpi) == TransportKind::mpi ? "mpi" : "tcp";
      } catch (const Error& error) {
        return error.what();
      }
    };
    std::map<std::string, std::string> mpirun = {{"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_RANK", "3"}};
    std::map<std::string, std::string> srun = {{"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "3"}};
    const std::string who = "ranks: this process was started as rank 3 of 4 (";
    CHECK(choose(mpirun, true) == "mpi");
    CHECK(choose(srun, true) == "mpi");
    CHECK(choose(mpirun, false).starts_with(who + "OMPI_COMM_WORLD_SIZE is set), but this build has no MPI: install"));
    for (auto* variables : {&mpirun, &srun}) variables->insert({{"MASTER_ADDR", "10.0.0.1"}, {"MASTER_PORT", "4000"}});
    CHECK(choose(mpirun, true) == "mpi");
    CHECK(choose(mpirun, false) == "tcp");
    CHECK(choose(srun, true) == "tcp");
    srun["COFACTOR_TRANSPORT"] = "mpi";
    CHECK(choose(srun, true) == "mpi");
    CHECK(choose(srun, false).find("has no MPI") != std::string::npos);
    mpirun["COFACTOR_TRANSPORT"] = "tcp";
    CHECK(choose(mpirun, true) == "tcp");
    mpirun.erase("MASTER_PORT");
    CHECK(
        choose(mpirun, true).starts_with(who + "OMPI_COMM_WORLD_SIZE is set), and so is MASTER_ADDR, but not MASTER"));
    mpirun.erase("MASTER_ADDR");
    CHECK(choose(mpirun, true).starts_with(who + "OMPI_COMM_WORLD_SIZE is set), but MASTER_ADDR is not: over TCP"));
    CHECK(choose({{"RANK", "3"}, {"WORLD_SIZE", "4"}}, true).starts_with(who + "WORLD_SIZE is set), but MASTER_ADDR"));
    CHECK(choose({{"RANK", "3"}, {"WORLD_SIZE", "4"}, {"COFACTOR_TRANSPORT", "mpi"}}, true) ==
          who + "WORLD_SIZE is set) by no launcher of MPI programs, but COFACTOR_TRANSPORT is mpi");
  }

  TEST_CASE("wrong variables of a run over tcp are errors with their values") {
    const auto error_with = [](const char* name, const char* value) {
      std::map<std::string, std::string> variables = {
          {"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}};
      variables[name] = value;
      return launch_error(variables);
    };
    CHECK(launch_error({{"WORLD_SIZE", "2"}}) ==
          "ranks: the environment variable WORLD_SIZE is set and RANK is not: a launcher such as torchrun sets both");
    CHECK(error_with("RANK", "2") == "ranks: the environment variable RANK is 2, expected 0 to 1 (WORLD_SIZE is 2)");
    CHECK(error_with("MASTER_ADDR", "").find("MASTER_ADDR is empty") != std::string::npos);
    CHECK(error_with("MASTER_PORT", "0") == "ranks: the environment variable MASTER_PORT is 0, expected 1 to 65535");
    CHECK(error_with("MASTER_PORT", "70000").find("is 70000") != std::string::npos);
    CHECK(error_with("MASTER_PORT", "http").find("'http', expected a whole number") != std::string::npos);
    CHECK(error_with("COFACTOR_TRANSPORT", "udp") ==
          "ranks: the environment variable COFACTOR_TRANSPORT is 'udp', expected mpi or tcp");
    for (const char* seconds : {"0", "-1", "nan", "inf", "soon", "", "1e9"})
      CHECK(error_with("COFACTOR_START_TIMEOUT", seconds).find("COFACTOR_START_TIMEOUT") != std::string::npos);
    CHECK(launch_error({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "1"}, {"LOCAL_WORLD_SIZE", "1"}})
              .find("LOCAL_RANK is 1, expected 0 to 0") != std::string::npos);
    CHECK(launch_error({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "1"}, {"LOCAL_WORLD_SIZE", "3"}})
              .find("LOCAL_WORLD_SIZE is 3, more than the 2 ranks of the run") != std::string::npos);
    CHECK(error_with("COFACTOR_RUN_TOKEN", std::string(257, 'x').c_str()).find("257 characters") != std::string::npos);
  }
}

}  // namespace cofactor
