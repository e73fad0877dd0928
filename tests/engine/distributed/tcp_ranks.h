// Ranks that talk over TCP: as threads of this process, and as processes.
#pragma once

#include <fmt/format.h>

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/distributed/tcp/socket.h"
#include "engine/distributed/tcp/transport.h"
#include "tests/fixtures/process.h"

namespace cofactor::testing {

// A port that nobody listens at.
inline int free_port() {
  auto [socket, error] = tcp::Socket::listen(tcp::Address::numeric("127.0.0.1", 0));
  check(error == 0, "test: no port: {}", tcp::system_text(error));
  return socket.local().port();
}

inline Launch tcp_launch(int rank, int size, int port, double start_timeout = 20.0) {
  Launch launch;
  launch.launcher = "WORLD_SIZE";
  launch.rank = rank;
  launch.size = size;
  launch.meeting = MeetingPoint{"127.0.0.1", port};
  launch.start_timeout = std::chrono::duration<double>(start_timeout);
  return launch;
}

// Calls `act` on a thread for each launch. What each threw, by number; empty where it threw nothing.
inline std::vector<std::string> run_launches(const std::vector<Launch>& launches,
                                             const std::function<void(const Launch&)>& act) {
  std::vector<std::string> errors(launches.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < launches.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        act(launches[i]);
      } catch (const std::exception& error) {
        errors[i] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

// Calls `act` as each of the ranks, and closes their transports in order unless it throws or `act` has reset them.
inline std::vector<std::string> run_over_tcp(int size, const std::function<void(std::unique_ptr<Transport>&)>& act) {
  std::vector<Launch> launches;
  const int port = free_port();
  for (int rank = 0; rank < size; ++rank) launches.push_back(tcp_launch(rank, size, port));
  return run_launches(launches, [&](const Launch& launch) {
    std::unique_ptr<Transport> transport = make_tcp_transport(launch);
    act(transport);
    if (transport) transport->close();
  });
}

// The command that starts a rank of distributed_ranks, with `variables` beside torchrun's.
inline std::vector<std::string> rank_command(int rank, int size, int port, const std::string& task,
                                             const std::filesystem::path& folder,
                                             const std::vector<std::string>& variables = {}) {
  std::vector<std::string> command = {"env",
                                      fmt::format("RANK={}", rank),
                                      fmt::format("WORLD_SIZE={}", size),
                                      "MASTER_ADDR=127.0.0.1",
                                      fmt::format("MASTER_PORT={}", port),
                                      "OMP_NUM_THREADS=1"};
  command.insert(command.end(), variables.begin(), variables.end());
  command.insert(command.end(), {program("distributed_ranks"), task, folder.string()});
  return command;
}

}  // namespace cofactor::testing
