#include "engine/distributed/tcp/link.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "engine/error.h"

namespace cofactor::tcp {

namespace {

constexpr size_t kStaging = size_t{64} << 10;
constexpr int kReadsPerTurn = 64;  // so that one rank does not keep this one from the others
constexpr std::string_view kOthers = "the ranks call different operations, or the same with different sizes";

uint64_t key_of(uint32_t tag, uint64_t ordinal) {
  return ordinal * kTagLimit + tag;
}

uint64_t next_key(std::vector<uint32_t>& counts, uint32_t tag) {
  if (counts.size() <= tag) counts.resize(tag + 1);
  return key_of(tag, counts[tag]++);
}

}  // namespace

Link::Link(Socket socket, std::string who) : socket_(std::move(socket)), who_(std::move(who)), staging_(kStaging) {}

// ---- what is sent

void Link::enqueue(FrameKind kind, uint32_t tag, uint64_t ordinal, size_t bytes, std::shared_ptr<Transfer> transfer) {
  out_.push_back({{kind, tag, ordinal, bytes}, std::move(transfer)});
}

void Link::send(uint32_t tag, const std::shared_ptr<Transfer>& transfer) {
  const uint64_t key = next_key(sent_, tag), ordinal = key / kTagLimit;
  const size_t bytes = transfer->bytes;
  if (const auto early = early_ready_.find(key); early != early_ready_.end()) {
    const size_t expected = early->second;
    early_ready_.erase(early);
    if (expected == bytes) {
      enqueue(FrameKind::payload, tag, ordinal, bytes, transfer);
      return write();
    }
    // The receiver finds the two sizes too: it is to get its message before this rank reports them and ends.
    enqueue(FrameKind::announce, tag, ordinal, bytes);
    write();
    return break_protocol(fmt::format("expects {} bytes where {} are sent: {}", expected, bytes, kOthers));
  }
  if (bytes <= kSmall && on_credit_ + cost_of(bytes) <= kRoom) {
    on_credit_ += cost_of(bytes);
    enqueue(FrameKind::message, tag, ordinal, bytes, transfer);
  } else {
    waiting_.emplace(key, transfer);
    enqueue(FrameKind::announce, tag, ordinal, bytes);
  }
  write();
}

void Link::say_bye() {
  enqueue(FrameKind::bye, 0, 0, 0);
  write();
}

void Link::write() {
  while (!out_.empty() && failure_.empty() && write_error_ == 0) {
    std::array<iovec, 64> parts{};
    size_t count = 0, total = 0;
    for (size_t i = 0; i < out_.size() && count + 2 <= parts.size(); ++i) {
      Outgoing& out = out_[i];
      if (out.written < sizeof(Frame)) {
        parts[count++] = {reinterpret_cast<std::byte*>(&out.frame) + out.written, sizeof(Frame) - out.written};
      }
      const size_t first = out.written - std::min(out.written, sizeof(Frame));
      if (out.transfer && out.transfer->bytes > first) {
        parts[count++] = {const_cast<std::byte*>(out.transfer->source) + first, out.transfer->bytes - first};
      }
      total += out.bytes() - out.written;
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(socket_.fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      write_error_ = errno;  // serve() reads first: what the other rank has sent before its end may say more
      return;
    }
    written(static_cast<size_t>(sent));
    if (static_cast<size_t>(sent) < total) return;
  }
}

void Link::written(size_t bytes) {
  while (bytes > 0) {
    Outgoing& out = out_.front();
    const size_t part = std::min(bytes, out.bytes() - out.written);
    out.written += part;
    bytes -= part;
    if (out.written < out.bytes()) return;
    if (out.transfer) out.transfer->done = true;
    out_.pop_front();
  }
}

// ---- what is received

void Link::receive(uint32_t tag, const std::shared_ptr<Transfer>& transfer) {
  const uint64_t key = next_key(asked_, tag);
  const size_t bytes = transfer->bytes;
  const auto found = arrivals_.find(key);
  if (found != arrivals_.end() && !fits(*transfer, found->second.bytes)) return;
  if (found != arrivals_.end() && !found->second.announced) {
    if (found->second.whole) return give(key, found->second, *transfer);
    found->second.asked_for = transfer;
    return;
  }
  posted_.emplace(key, transfer);
  if (found != arrivals_.end() || bytes > kSmall) {
    enqueue(FrameKind::ready, tag, key / kTagLimit, bytes);
    write();
  }
  if (found != arrivals_.end()) arrivals_.erase(found);
}

// Whether there is nothing more to read for now.
bool Link::read() {
  for (int turn = 0; turn < kReadsPerTurn && failure_.empty(); ++turn) {
    std::array<iovec, 2> parts = {iovec{current_.target, current_.left},
                                  iovec{staging_.data() + staged_, staging_.size() - staged_}};
    const ssize_t got = ::readv(socket_.fd(), parts.data(), 2);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
      break_by_system(errno);
      return true;
    }
    if (got == 0) {
      break_by_system(write_error_);  // which the system says once: to the first call after the failure
      return true;
    }
    const auto bytes = static_cast<size_t>(got);
    const size_t whole = parts[0].iov_len + parts[1].iov_len, placed = std::min(bytes, current_.left);
    if (placed > 0) {
      current_.target += placed;
      current_.left -= placed;
      if (current_.left == 0) finish_current();
    }
    staged_ += bytes - placed;
    parse();
    if (bytes < whole || bye_received_) return true;
  }
  return !failure_.empty();
}

// Takes all whole frames of the staging memory, and what there is of messages.
void Link::parse() {
  size_t first = 0;
  while (failure_.empty()) {
    const size_t there = staged_ - first;
    if (current_.left > 0) {
      const size_t part = std::min(there, current_.left);
      if (part == 0) break;
      std::memcpy(current_.target, staging_.data() + first, part);
      current_.target += part;
      current_.left -= part;
      first += part;
      if (current_.left == 0) finish_current();
      continue;
    }
    if (there < sizeof(Frame)) break;
    Frame frame;
    std::memcpy(&frame, staging_.data() + first, sizeof(frame));
    first += sizeof(frame);
    take(frame);
  }
  std::memmove(staging_.data(), staging_.data() + first, staged_ - first);
  staged_ -= first;
}

void Link::take(const Frame& frame) {
  if (frame.tag >= kTagLimit || bye_received_) return break_protocol("has sent what is no message");
  switch (frame.kind) {
    case FrameKind::message:
    case FrameKind::payload: return take_message(frame);
    case FrameKind::announce: return take_announcement(frame);
    case FrameKind::ready: return take_ready(frame);
    case FrameKind::credit:
      if (frame.bytes > on_credit_) return break_protocol("has taken more messages than were sent");
      on_credit_ -= frame.bytes;
      return;
    case FrameKind::bye: bye_received_ = true; return;
  }
  break_protocol("has sent what is no message");
}

void Link::take_message(const Frame& frame) {
  const uint64_t key = key_of(frame.tag, frame.ordinal);
  const auto asked = posted_.find(key);
  current_ = {frame, nullptr, frame.bytes, nullptr};
  if (asked != posted_.end()) {
    if (!fits(*asked->second, frame.bytes)) return;
    current_.transfer = asked->second;
    current_.target = asked->second->target;
    posted_.erase(asked);
  } else {
    if (frame.kind != FrameKind::message || frame.bytes > kSmall || held_ + cost_of(frame.bytes) > kRoom ||
        arrivals_.contains(key)) {
      return break_protocol(fmt::format("has sent {} bytes that nobody has asked for", frame.bytes));
    }
    held_ += cost_of(frame.bytes);
    Arrival& arrival = arrivals_[key];
    arrival.bytes = frame.bytes;
    arrival.buffer.resize(frame.bytes);
    current_.target = arrival.buffer.data();
  }
  if (current_.left == 0) finish_current();
}

// The bytes of the current message are there.
void Link::finish_current() {
  const Current current = std::exchange(current_, {});
  if (current.transfer) {
    current.transfer->done = true;
    if (current.frame.kind == FrameKind::message) taken(current.frame.bytes);
    return;
  }
  const uint64_t key = key_of(current.frame.tag, current.frame.ordinal);
  Arrival& arrival = arrivals_.at(key);
  arrival.whole = true;
  if (const auto transfer = arrival.asked_for) give(key, arrival, *transfer);
}

void Link::give(uint64_t key, Arrival& arrival, Transfer& transfer) {
  if (arrival.bytes > 0) std::memcpy(transfer.target, arrival.buffer.data(), arrival.bytes);
  transfer.done = true;
  held_ -= cost_of(arrival.bytes);
  taken(arrival.bytes);
  arrivals_.erase(key);
}

// Tells the sender now and then what has been taken.
void Link::taken(size_t bytes) {
  owed_ += cost_of(bytes);
  if (owed_ < kRoom / 4) return;
  enqueue(FrameKind::credit, 0, 0, std::exchange(owed_, 0));
  write();
}

void Link::take_announcement(const Frame& frame) {
  const uint64_t key = key_of(frame.tag, frame.ordinal);
  const auto asked = posted_.find(key);
  if (asked != posted_.end()) {
    if (!fits(*asked->second, frame.bytes) || frame.bytes > kSmall) return;  // of a large one it knows already
    enqueue(FrameKind::ready, frame.tag, frame.ordinal, frame.bytes);
    return write();
  }
  if (arrivals_.contains(key)) return break_protocol("has announced a message twice");
  if (arrivals_.size() >= kMostAnnounced)
    return break_protocol(fmt::format("has announced more than {} messages that nobody has asked for", kMostAnnounced));
  Arrival& arrival = arrivals_[key];
  arrival.bytes = frame.bytes;
  arrival.announced = true;
}

void Link::take_ready(const Frame& frame) {
  const uint64_t key = key_of(frame.tag, frame.ordinal);
  const auto waiting = waiting_.find(key);
  if (waiting == waiting_.end()) {
    if (early_ready_.size() >= kMostAnnounced) return break_protocol("is ready for more messages than there can be");
    early_ready_[key] = frame.bytes;
    return;
  }
  const auto transfer = waiting->second;
  if (transfer->bytes != frame.bytes)
    return break_protocol(fmt::format("expects {} bytes where {} are sent: {}", frame.bytes, transfer->bytes, kOthers));
  waiting_.erase(waiting);
  enqueue(FrameKind::payload, frame.tag, frame.ordinal, frame.bytes, transfer);
  write();
}

// ----

void Link::serve() {
  if (!failure_.empty()) return;
  write();
  const bool drained = bye_received_ || read();
  if (drained && write_error_ != 0 && !bye_received_) break_by_system(write_error_);
}

bool Link::fits(const Transfer& transfer, size_t bytes) {
  if (transfer.bytes != bytes)
    break_protocol(fmt::format("has sent {} bytes where {} were expected: {}", bytes, transfer.bytes, kOthers));
  return transfer.bytes == bytes;
}

void Link::break_protocol(const std::string& what) {
  if (failure_.empty()) failure_ = fmt::format("tcp: {} {}", who_, what);
}

void Link::break_by_system(int error) {
  if (!failure_.empty()) return;
  if (error == 0 || error == ECONNRESET || error == EPIPE) {
    failure_ = fmt::format("tcp: {} has closed its connection: it ended or was killed", who_);
  } else if (error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH || error == ENETDOWN) {
    failure_ = fmt::format("tcp: {} cannot be reached ({}): its machine or the network between has failed", who_,
                           system_text(error));
  } else {
    failure_ = fmt::format("tcp: the connection with {} has failed: {}", who_, system_text(error));
  }
}

}  // namespace cofactor::tcp
