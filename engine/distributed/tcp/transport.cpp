#include "engine/distributed/tcp/transport.h"

#include <signal.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/distributed/tcp/link.h"
#include "engine/distributed/tcp/meeting.h"
#include "engine/error.h"

namespace cofactor {

namespace tcp {

namespace {

// A rank that computes reads its connections now and then all the same. Else the system of the sender takes a receiver
// that does not read for one that is gone (TCP_USER_TIMEOUT counts that time too).
constexpr auto kCare = std::chrono::milliseconds(200);
// A rank that waits for one other looks after all at least this often.
constexpr auto kAllLinks = std::chrono::microseconds(500);
constexpr auto kClose = std::chrono::seconds(10);

}  // namespace

class TcpTransport : public Transport {
 public:
  explicit TcpTransport(const Launch& launch);
  std::string_view name() const override { return "tcp"; }
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(links_.size()); }
  int local_rank() const override { return local_.rank; }
  int local_size() const override { return local_.size; }
  std::unique_ptr<Message> send(std::span<const std::byte> bytes, int to, int tag) override;
  std::unique_ptr<Message> receive(std::span<std::byte> bytes, int from, int tag) override;
  void close() override;

 private:
  class TcpMessage;

  Link& link_with(int rank, int tag);
  bool is_done(const Transfer& transfer, Link& link);
  void serve_all();
  void take_care(const std::stop_token& stop);

  int rank_;
  LocalPlace local_;
  std::mutex mutex_;                          // of the links
  std::vector<std::unique_ptr<Link>> links_;  // by rank; null for this one
  Clock::time_point all_served_;
  std::condition_variable_any end_of_care_;
  std::jthread care_;
};

class TcpTransport::TcpMessage : public Message {
 public:
  TcpMessage(TcpTransport& owner, Link& link, std::shared_ptr<Transfer> transfer)
      : owner_(owner), link_(link), transfer_(std::move(transfer)) {}
  bool done() override {
    if (!done_) done_ = owner_.is_done(*transfer_, link_);
    return done_;
  }

 private:
  TcpTransport& owner_;
  Link& link_;
  std::shared_ptr<Transfer> transfer_;
  bool done_ = false;
};

TcpTransport::TcpTransport(const Launch& launch) : rank_(launch.rank), all_served_(Clock::now()) {
  Meeting met = meet(launch);
  local_ = met.local;
  for (Peer& peer : met.peers) {
    links_.push_back(peer.socket.open() ? std::make_unique<Link>(std::move(peer.socket), std::move(peer.who))
                                        : nullptr);
  }
  // Signals are for the thread that works.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  care_ = std::jthread([this](const std::stop_token& stop) { take_care(stop); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Link& TcpTransport::link_with(int rank, int tag) {
  check(rank >= 0 && rank < size() && rank != rank_, "tcp: a message between rank {} and rank {} of {}", rank_, rank,
        size());
  check(tag >= 0 && tag < static_cast<int>(kTagLimit), "tcp: a message with the tag {}, expected 0 to {}", tag,
        kTagLimit - 1);
  return *links_[static_cast<size_t>(rank)];
}

std::unique_ptr<Message> TcpTransport::send(std::span<const std::byte> bytes, int to, int tag) {
  Link& link = link_with(to, tag);
  auto transfer = std::make_shared<Transfer>(Transfer{.source = bytes.data(), .bytes = bytes.size()});
  const std::lock_guard lock(mutex_);
  link.send(static_cast<uint32_t>(tag), transfer);
  return std::make_unique<TcpMessage>(*this, link, std::move(transfer));
}

std::unique_ptr<Message> TcpTransport::receive(std::span<std::byte> bytes, int from, int tag) {
  Link& link = link_with(from, tag);
  auto transfer = std::make_shared<Transfer>(Transfer{.target = bytes.data(), .bytes = bytes.size()});
  const std::lock_guard lock(mutex_);
  link.receive(static_cast<uint32_t>(tag), transfer);
  return std::make_unique<TcpMessage>(*this, link, std::move(transfer));
}

bool TcpTransport::is_done(const Transfer& transfer, Link& link) {
  const std::lock_guard lock(mutex_);
  if (transfer.done) return true;
  link.serve();
  if (transfer.done) return true;
  check(link.failure().empty(), "{}", link.failure());
  check(!link.has_ended(), "tcp: {} has ended in order, but a message with it has not", link.who());
  if (Clock::now() - all_served_ >= kAllLinks) {
    serve_all();
    if (transfer.done) return true;
    // Whichever rank is gone, the run cannot go on: the one that this rank waits for may itself wait for that one.
    for (const auto& other : links_) check(!other || other->failure().empty(), "{}", other ? other->failure() : "");
  }
  return false;
}

void TcpTransport::serve_all() {
  for (const auto& link : links_) {
    if (link) link->serve();
  }
  all_served_ = Clock::now();
}

void TcpTransport::take_care(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    end_of_care_.wait_for(lock, stop, kCare, [] { return false; });
    if (Clock::now() - all_served_ >= kCare) serve_all();
  }
}

void TcpTransport::close() {
  care_ = {};  // stops and joins it
  for (const auto& link : links_) {
    if (link) link->say_bye();
  }
  // Each waits for the others' farewell: a socket closed before it is read would take back what was sent.
  const auto until = Clock::now() + kClose;
  while (Clock::now() < until) {
    serve_all();
    std::vector<int> open;
    for (const auto& link : links_) {
      if (link && link->failure().empty() && !(link->has_ended() && link->is_flushed())) open.push_back(link->fd());
    }
    if (open.empty()) break;
    wait_for_sockets(open, std::min(until, Clock::now() + std::chrono::milliseconds(10)));
  }
  for (auto& link : links_) link.reset();
}

}  // namespace tcp

std::unique_ptr<Transport> make_tcp_transport(const Launch& launch) {
  return std::make_unique<tcp::TcpTransport>(launch);
}

}  // namespace cofactor
