// How ranks find each other over TCP: what they refuse, and what they say of it.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>

#include "engine/distributed/tcp/control.h"
#include "tests/engine/distributed/tcp_ranks.h"
#include "tests/fixtures/errors.h"

namespace cofactor {
namespace {

using namespace testing;
using namespace std::chrono_literals;

std::vector<Launch> launches_of(int size, double start_timeout = 20.0) {
  const int port = free_port();
  std::vector<Launch> launches;
  for (int rank = 0; rank < size; ++rank) launches.push_back(tcp_launch(rank, size, port, start_timeout));
  return launches;
}

std::vector<std::string> meet_all(const std::vector<Launch>& launches) {
  return run_launches(launches, [](const Launch& launch) { make_tcp_transport(launch)->close(); });
}

tcp::Socket connected(int port) {
  while (true) {
    auto [socket, error] = tcp::Socket::connect(tcp::Address::numeric("127.0.0.1", port), tcp::Clock::now() + 1s);
    if (error == 0) return std::move(socket);
    std::this_thread::sleep_for(5ms);
  }
}

void put_text(const tcp::Socket& socket, std::string_view bytes) {
  check(::send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()),
        "test: cannot send");
}

// What scanners and programs of other kinds do to a port.
std::vector<tcp::Socket> disturb(int port) {
  std::vector<tcp::Socket> open;
  connected(port);                  // closes at once
  open.push_back(connected(port));  // says nothing
  for (const std::string& text :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("\x00\xff\x13 random", 10), std::string("c"),
        std::string("cofactor\x01\0\0\0\xff\xff\xff\xff", 16), std::string("cofactor\x09\0\0\0\x02\0\0\0{}", 18),
        std::string("cofactor\x01\0\0\0\x02\0\0\0{}", 18), std::string("cofactor\x01\0\0\0\x02\0\0\0[[", 18)}) {
    open.push_back(connected(port));
    put_text(open.back(), text);
  }
  for (const nlohmann::json& message :
       {nlohmann::json{{"rank", 1}}, nlohmann::json{{"rank", "1"}, {"size", 2}}, nlohmann::json::array()}) {
    open.push_back(connected(port));
    tcp::send_control(open.back(), message, tcp::Clock::now() + 1s);
  }
  return open;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("tcp: ranks meet at an address of either family and at a name") {
    std::vector<std::string> places = {"127.0.0.1", "localhost"};
    if (tcp::Socket::listen(tcp::Address::numeric("::1", 0)).second == 0) {
      places.emplace_back("::1");
    } else {
      std::printf("no IPv6 on this machine: only IPv4 is tested\n");
    }
    std::string name(256, '\0');
    bool again = false;
    if (::gethostname(name.data(), name.size() - 1) == 0) {
      name.resize(std::strlen(name.c_str()));
      try {
        if (!tcp::resolve(name, 1, again).empty()) places.push_back(name);
      } catch (const Error&) {  // it stands in no file and no name server
      }
    }
    for (const std::string& place : places) {
      CAPTURE(place);
      auto launches = launches_of(4);
      for (Launch& launch : launches) launch.meeting->address = place;
      for (const std::string& error : meet_all(launches)) CHECK(error == "");
    }
  }

  TEST_CASE("tcp: strangers at the port do not keep ranks from meeting") {
    const auto launches = launches_of(3);
    std::vector<tcp::Socket> strangers;
    const auto errors = run_launches(launches, [&](const Launch& launch) {
      if (launch.rank == 1) strangers = disturb(launch.meeting->port);
      make_tcp_transport(launch)->close();
    });
    for (const std::string& error : errors) CHECK(error == "");
  }

  TEST_CASE("tcp: missing ranks are named with who else has connected") {
    auto launches = launches_of(4, 1.0);
    launches.erase(launches.begin() + 2);
    std::vector<tcp::Socket> strangers;
    const auto errors = run_launches(launches, [&](const Launch& launch) {
      if (launch.rank == 1) strangers = disturb(launch.meeting->port);
      make_tcp_transport(launch);
    });
    for (const std::string& error : errors) {
      CAPTURE(error);
      CHECK(contains(error, fmt::format("3 of 4 ranks have met at 127.0.0.1:{} within 1 s, missing: 2 (",
                                        launches[0].meeting->port)));
      CHECK(contains(error, "a connection from 127.0.0.1 was another program's"));
      CHECK(contains(error, "has version 9 of the ranks' protocol, this one 1"));
    }
  }

  TEST_CASE("tcp: ranks with another size and ranks started twice are errors on all with the numbers") {
    auto sizes = launches_of(3);
    sizes[2].size = 4;
    for (const std::string& error : meet_all(sizes)) {
      CAPTURE(error);
      CHECK(contains(error, "rank 2 on "));
      CHECK(contains(error, " was started as one of 4 ranks, rank 0 on "));
      CHECK(error.ends_with(" as one of 3"));
    }
    auto twice = launches_of(3);
    twice[2].rank = 1;
    for (const std::string& error : meet_all(twice))
      CHECK(contains(error, "two processes were started as rank 1: on "));
  }

  TEST_CASE("tcp: a rank of another run is turned away and told so") {
    auto launches = launches_of(2);
    Launch stray = launches[1];
    stray.run = "another";
    launches.insert(launches.begin() + 1, stray);
    std::atomic<bool> refused = false;
    const auto errors = run_launches(launches, [&](const Launch& launch) {
      // The rank of this run comes once the other has been refused.
      while (launch.rank == 1 && launch.run.empty() && !refused) std::this_thread::sleep_for(5ms);
      try {
        make_tcp_transport(launch)->close();
      } catch (const Error&) {
        refused = true;
        throw;
      }
    });
    CHECK(errors[0] == "");
    CHECK(contains(errors[1], "rank 1 of another run, on "));
    CHECK(errors[2] == "");
  }

  TEST_CASE("tcp: a rank that ends while the others wait ends them at once") {
    const auto start = std::chrono::steady_clock::now();
    const auto launches = launches_of(3);
    const auto errors = run_launches({launches[0], launches[1]}, [&](const Launch& launch) {
      if (launch.rank == 0) return make_tcp_transport(launch)->close();
      tcp::Socket socket = connected(launch.meeting->port);
      tcp::send_control(
          socket,
          {{"rank", 1}, {"size", 3}, {"run", ""}, {"host", "h\x1b"}, {"port", 1}, {"machine", ""}, {"address", ""}},
          tcp::Clock::now() + 1s);
      std::this_thread::sleep_for(100ms);
    });
    CHECK(errors[0] == "ranks: rank 1 on h? has ended while the ranks were starting");
    CHECK(std::chrono::steady_clock::now() - start < 5s);
  }

  TEST_CASE("tcp: what cannot be reached or used is an error with its address") {
    auto [occupied, error] = tcp::Socket::listen(tcp::Address::numeric("127.0.0.1", 0));
    REQUIRE(error == 0);
    const int port = occupied.local().port();
    CHECK(meet_all({tcp_launch(0, 2, port)})[0] ==
          fmt::format(
              "ranks: rank 0 cannot listen at 127.0.0.1:{}: the port is in use, by another run or program: choose "
              "another MASTER_PORT",
              port));
    const int free = free_port();
    CHECK(contains(
        meet_all({tcp_launch(1, 2, free, 0.3)})[0],
        fmt::format("ranks: rank 1 cannot connect to rank 0 at 127.0.0.1:{} within 0.3 s: Connection refused", free)));
    Launch unknown = tcp_launch(1, 2, free, 0.3);
    unknown.meeting->address = "no-such-host.invalid";
    CHECK(contains(meet_all({unknown})[0], "'no-such-host.invalid', "));
    unknown.rank = 0;
    CHECK(contains(meet_all({unknown})[0], "'no-such-host.invalid', "));

    // Another program's server.
    std::thread server([&] {
      tcp::wait_for_sockets({occupied.fd()}, tcp::Clock::now() + 5s);
      const tcp::Socket socket = occupied.accept();
      put_text(socket, "HTTP/1.1 400 Bad Request\r\n\r\n");
      tcp::wait_for_sockets({}, tcp::Clock::now() + 200ms);
    });
    CHECK(meet_all({tcp_launch(1, 2, port)})[0] ==
          fmt::format("ranks: rank 0 at 127.0.0.1:{} is another program: choose another MASTER_PORT", port));
    server.join();
  }
}

}  // namespace cofactor
