// Messages over TCP: every size, tag and order; what is bounded; and ranks that end. Ranks are threads here.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>

#include "engine/distributed/message_communicator.h"
#include "engine/distributed/tcp/frame.h"
#include "engine/distributed/tcp/link.h"
#include "tests/engine/distributed/rank_checks.h"
#include "tests/engine/distributed/tcp_ranks.h"

namespace cofactor {
namespace {

using namespace testing;
using namespace std::chrono_literals;

using Bytes = std::vector<std::byte>;

Bytes content(size_t bytes, int from, size_t number) {
  Bytes result(bytes);
  auto state = static_cast<uint32_t>(from) * 7919u + static_cast<uint32_t>(number) * 104729u + 1u;
  for (std::byte& value : result) value = static_cast<std::byte>((state = state * 1664525u + 1013904223u) >> 24);
  return result;
}

void wait_for(Message& message) {
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (!message.done()) {
    check(std::chrono::steady_clock::now() < until, "test: a message has not ended in 60 s");
    std::this_thread::yield();
  }
}

// Every rank sends all messages to all others before it receives one; message i has the tag tags[i].
void exchange(Transport& transport, const std::vector<size_t>& sizes, const std::vector<int>& tags, uint32_t seed) {
  std::vector<Bytes> memory;
  std::vector<std::unique_ptr<Message>> messages;
  memory.reserve(2 * sizes.size() * static_cast<size_t>(transport.size()));
  for (size_t i = 0; i < sizes.size(); ++i) {
    for (int other = 0; other < transport.size(); ++other) {
      if (other == transport.rank()) continue;
      memory.push_back(content(sizes[i], transport.rank(), i));
      messages.push_back(transport.send(memory.back(), other, tags[i]));
    }
  }
  // Tags in any order; messages of one tag in the order in which they were sent.
  std::vector<int> order = tags;
  std::ranges::sort(order);
  order.erase(std::unique(order.begin(), order.end()), order.end());
  std::shuffle(order.begin(), order.end(), std::mt19937(seed));
  for (const int tag : order) {
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (tags[i] != tag) continue;
      for (int other = 0; other < transport.size(); ++other) {
        if (other == transport.rank()) continue;
        Bytes received(sizes[i]);
        wait_for(*transport.receive(received, other, tag));
        check(received == content(sizes[i], other, i), "test: message {} of rank {} has other bytes", i, other);
      }
    }
  }
  for (const auto& message : messages) wait_for(*message);
}

void check_all_empty(const std::vector<std::string>& errors) {
  for (const std::string& error : errors) CHECK(error == "");
}

// A link whose other end is a plain socket.
struct RawPeer {
  tcp::Socket raw;
  std::unique_ptr<tcp::Link> link;

  RawPeer() {
    int ends[2];
    check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0, "test: no sockets");
    raw = tcp::Socket(ends[0]);
    link = std::make_unique<tcp::Link>(tcp::Socket(ends[1]), "rank 1 on x");
  }
  void put(const void* data, size_t bytes) const {
    check(::send(raw.fd(), data, bytes, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes), "test: cannot send");
  }
  std::string failure_after(const tcp::Frame& frame) const {
    put(&frame, sizeof(frame));
    link->serve();
    return link->failure();
  }
};

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("tcp: two to five ranks compute sums copies buckets and dmi as one does") {
    for (int size = 2; size <= 5; ++size) {
      CAPTURE(size);
      check_all_empty(run_over_tcp(size, [&](std::unique_ptr<Transport>& transport) {
        CHECK(transport->name() == "tcp");
        CHECK(transport->local_size() == size);
        CHECK(transport->local_rank() == transport->rank());
        MessageCommunicator ranks(std::move(transport), {.deadline = 60s});
        check_everything(ranks);
      }));
    }
  }

  TEST_CASE("tcp: messages of every size arrive whole whatever the order of the tags") {
    const std::vector<size_t> sizes = {
        0, 1,       24, 100,     4096,    65536, (256 << 10) - 1, 256 << 10, 0, 1, (256 << 10) + 1, 1 << 20,
        3, 5 << 20, 77, 1 << 20, 300'000, 12345};
    std::vector<int> tags, one_tag(sizes.size(), 32767);
    for (size_t i = 0; i < sizes.size(); ++i) tags.push_back(static_cast<int>(i % 7) * 5000);
    check_all_empty(run_over_tcp(3, [&](std::unique_ptr<Transport>& transport) {
      for (uint32_t seed = 0; seed < 3; ++seed) exchange(*transport, sizes, tags, seed);
      exchange(*transport, sizes, one_tag, 0);
    }));
  }

  TEST_CASE("tcp: more small messages than there is room for wait at their sender and arrive in order") {
    // 51,300 of 100 bytes under one tag, and one under another that is asked for first.
    std::vector<size_t> sizes(51'301, 100);
    std::vector<int> tags(sizes.size(), 7);
    tags.back() = 8;
    static_assert(51'300 * (100 + tcp::kOverhead) > tcp::kRoom);
    for (const uint32_t seed : {0u, 3u}) {
      check_all_empty(
          run_over_tcp(2, [&](std::unique_ptr<Transport>& transport) { exchange(*transport, sizes, tags, seed); }));
    }
  }

  TEST_CASE("tcp: messages of 64 MiB in both directions at once") {
    check_all_empty(run_over_tcp(2, [](std::unique_ptr<Transport>& transport) {
      exchange(*transport, {size_t{64} << 20, size_t{64} << 20}, {1, 2}, 0);
    }));
  }

  TEST_CASE("tcp: a rank that computes for longer than its host may be silent is not taken for gone") {
    // The sender's message does not fit the system's buffers, and the receiver does not look at it.
    check_all_empty(run_over_tcp(2, [](std::unique_ptr<Transport>& transport) {
      Bytes memory(size_t{64} << 20);
      const auto message = transport->rank() == 0 ? transport->send(memory, 1, 1) : transport->receive(memory, 0, 1);
      if (transport->rank() == 1) std::this_thread::sleep_for(tcp::kUnreachable + 2s);
      wait_for(*message);
    }));
  }

  TEST_CASE("tcp: a message of another size than its memory is an error with both sizes") {
    for (const auto& [sent, expected] : std::vector<std::pair<size_t, size_t>>{
             {80, 40}, {40, 80}, {0, 1}, {1 << 20, 40}, {40, 1 << 20}, {1 << 20, 2 << 20}}) {
      for (const bool asked_first : {true, false}) {
        CAPTURE(sent);
        CAPTURE(expected);
        CAPTURE(asked_first);
        const auto errors = run_over_tcp(2, [&](std::unique_ptr<Transport>& transport) {
          Bytes memory(transport->rank() == 0 ? sent : expected);
          if ((transport->rank() == 0) == asked_first) std::this_thread::sleep_for(100ms);
          if (transport->rank() == 1) wait_for(*transport->receive(memory, 0, 3));
          if (transport->rank() == 0) transport->send(memory, 1, 3);
          if (transport->rank() == 0) std::this_thread::sleep_for(300ms);
          if (transport->rank() == 0) transport.reset();
        });
        CHECK(errors[1].starts_with("tcp: rank 0 on "));
        CHECK(errors[1].find(fmt::format("has sent {} bytes where {} were expected", sent, expected)) !=
              std::string::npos);
      }
    }
  }

  TEST_CASE("tcp: a rank that ends without closing is named at once even where another is waited for") {
    const auto start = std::chrono::steady_clock::now();
    const auto errors = run_over_tcp(3, [](std::unique_ptr<Transport>& transport) {
      if (transport->rank() == 2) return transport.reset();
      std::byte value{};
      wait_for(*transport->receive({&value, 1}, 1 - transport->rank(), 1));
    });
    CHECK(std::chrono::steady_clock::now() - start < 5s);
    CHECK(errors[2] == "");
    for (const size_t rank : {0, 1}) {
      CHECK(errors[rank].starts_with("tcp: rank "));
      CHECK(errors[rank].ends_with(" has closed its connection: it ended or was killed"));
    }
    CHECK((errors[0].starts_with("tcp: rank 2 on ") || errors[1].starts_with("tcp: rank 2 on ")));
  }

  TEST_CASE("tcp: what a rank has sent before its end arrives") {
    const auto errors = run_over_tcp(2, [](std::unique_ptr<Transport>& transport) {
      Bytes memory(100'000);
      if (transport->rank() == 0) {
        const auto message = transport->send(content(memory.size(), 0, 1), 1, 1);
        while (!message->done()) std::this_thread::yield();
        return transport.reset();
      }
      std::this_thread::sleep_for(200ms);
      wait_for(*transport->receive(memory, 0, 1));
      check(memory == content(memory.size(), 0, 1), "other bytes");
      wait_for(*transport->receive(memory, 0, 1));
    });
    CHECK(errors[0] == "");
    CHECK(errors[1].ends_with(" has closed its connection: it ended or was killed"));
  }

  TEST_CASE("tcp: bytes that are no message and messages beyond the room break the link") {
    using tcp::Frame;
    using tcp::FrameKind;
    CHECK(RawPeer().failure_after({static_cast<FrameKind>(7), 0, 0, 0}) ==
          "tcp: rank 1 on x has sent what is no message");
    CHECK(RawPeer().failure_after({FrameKind::message, 40000, 0, 4}) == "tcp: rank 1 on x has sent what is no message");
    CHECK(RawPeer().failure_after({FrameKind::message, 1, 0, uint64_t{1} << 62}) ==
          "tcp: rank 1 on x has sent 4611686018427387904 bytes that nobody has asked for");
    CHECK(RawPeer().failure_after({FrameKind::payload, 1, 0, 4}) ==
          "tcp: rank 1 on x has sent 4 bytes that nobody has asked for");
    CHECK(RawPeer().failure_after({FrameKind::credit, 0, 0, 1}) ==
          "tcp: rank 1 on x has taken more messages than were sent");
    CHECK(RawPeer().failure_after({FrameKind::message, 1, 0, 4}) == "");
    CHECK(RawPeer().failure_after({FrameKind::announce, 1, 0, uint64_t{1} << 62}) == "");

    const RawPeer twice;
    CHECK(twice.failure_after({FrameKind::announce, 1, 0, 1 << 20}) == "");
    CHECK(twice.failure_after({FrameKind::announce, 1, 0, 1 << 20}) != "");

    // Small messages that nobody takes: as many as there is room for.
    const RawPeer full;
    const Bytes small(tcp::kSmall);
    uint64_t sent = 0;
    for (; full.link->failure().empty() && sent < 1000; ++sent) {
      if (!full.failure_after({FrameKind::message, 1, sent, small.size()}).empty()) break;
      for (size_t first = 0; first < small.size(); first += 65536) {
        full.put(small.data(), 65536);
        full.link->serve();
      }
    }
    CHECK(sent == tcp::kRoom / tcp::cost_of(tcp::kSmall));
    CHECK(full.link->failure() == "tcp: rank 1 on x has sent 262144 bytes that nobody has asked for");
  }

  TEST_CASE("tcp: random bytes on a connection never crash") {
    std::mt19937 random(1);
    for (int run = 0; run < 500; ++run) {
      const RawPeer peer;
      std::byte small[16];
      Bytes large(1 << 20);
      peer.link->receive(1, std::make_shared<tcp::Transfer>(tcp::Transfer{.target = small, .bytes = 16}));
      peer.link->receive(2, std::make_shared<tcp::Transfer>(tcp::Transfer{.target = large.data(), .bytes = 1 << 20}));
      constexpr tcp::FrameKind kKinds[] = {tcp::FrameKind::message, tcp::FrameKind::announce, tcp::FrameKind::ready,
                                           tcp::FrameKind::payload, tcp::FrameKind::credit,   tcp::FrameKind::bye};
      for (int i = 0; i < 20 && peer.link->failure().empty(); ++i) {
        tcp::Frame frame{kKinds[random() % 6], static_cast<uint32_t>(random() % 4), random() % 3,
                         random() % 2 ? 16 : random() % 5000};
        if (random() % 20 == 0) frame.bytes = uint64_t{random()} << 32;
        peer.put(&frame, sizeof(frame));
        const Bytes junk(random() % 40 == 0 ? random() % 100 : frame.bytes % 5000);
        if (frame.kind == tcp::FrameKind::message || frame.kind == tcp::FrameKind::payload)
          peer.put(junk.data(), junk.size());
        peer.link->serve();
      }
      peer.link->say_bye();
    }
  }
}

}  // namespace cofactor
