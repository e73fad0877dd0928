// What travels over a connection between two ranks that have met.
//
// A message is small or large. A small one is sent at once, as long as the receiver has room for messages that nobody
// has asked for; a large one, or one beyond that room, is announced, and sent when the receiver has memory for it. So
// what is not asked for is bounded, and a message that waits never stands in the way of another.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cofactor::tcp {

enum class FrameKind : uint32_t {
  message = 0x6d65'7373,   // a small message, of which `bytes` follow
  announce = 0x616e'6e6f,  // a message that waits
  ready = 0x7265'6164,     // the receiver has memory for a message that waits, or will
  payload = 0x7061'796c,   // a message that the receiver is ready for, of which `bytes` follow
  credit = 0x6372'6564,    // `bytes` of small messages have been taken: there is room for others
  bye = 0x6279'6521,       // nothing follows: the rank ends in order
};

// Messages are told apart by their tag and the number of messages with this tag before them.
struct Frame {
  FrameKind kind{};
  uint32_t tag = 0;
  uint64_t ordinal = 0;
  uint64_t bytes = 0;
};
static_assert(sizeof(Frame) == 24);

constexpr uint32_t kTagLimit = 32768;
constexpr size_t kSmall = size_t{256} << 10;  // the largest message that is sent at once
constexpr size_t kRoom = size_t{8} << 20;     // for small messages that nobody has asked for, of each rank
constexpr size_t kOverhead = 64;              // what such a message takes beside its bytes
constexpr size_t kMostAnnounced = 1 << 20;    // messages of one rank that wait

constexpr size_t cost_of(size_t bytes) {
  return bytes + kOverhead;
}

}  // namespace cofactor::tcp
