// Ranks that are threads of one process, with messages through memory.
#pragma once

#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <tuple>
#include <vector>

#include "engine/distributed/message_communicator.h"

namespace cofactor::testing {

class Mailboxes {
 public:
  void put(int from, int to, int tag, std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    boxes_[{from, to, tag}].emplace_back(bytes.begin(), bytes.end());
  }
  bool take(int from, int to, int tag, std::span<std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    auto& box = boxes_[{from, to, tag}];
    if (box.empty()) return false;
    check(box.front().size() == bytes.size(), "threads: rank {} has sent {} bytes where {} were expected", from,
          box.front().size(), bytes.size());
    std::memcpy(bytes.data(), box.front().data(), bytes.size());
    box.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::map<std::tuple<int, int, int>, std::deque<std::vector<std::byte>>> boxes_;
};

class ThreadTransport : public Transport {
 public:
  ThreadTransport(Mailboxes& boxes, int rank, int size) : boxes_(boxes), rank_(rank), size_(size) {}
  std::string_view name() const override { return "threads"; }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return rank_; }
  int local_size() const override { return size_; }
  std::unique_ptr<Message> send(std::span<const std::byte> bytes, int to, int tag) override {
    boxes_.put(rank_, to, tag, bytes);
    return std::make_unique<Letter>([] { return true; });
  }
  std::unique_ptr<Message> receive(std::span<std::byte> bytes, int from, int tag) override {
    return std::make_unique<Letter>([=, this] { return boxes_.take(from, rank_, tag, bytes); });
  }
  void close() override {}

 private:
  class Letter : public Message {
   public:
    explicit Letter(std::function<bool()> arrived) : arrived_(std::move(arrived)) {}
    bool done() override { return done_ || (done_ = arrived_()); }

   private:
    std::function<bool()> arrived_;
    bool done_ = false;
  };

  Mailboxes& boxes_;
  int rank_, size_;
};

// Calls `act` as each of the ranks. What each threw, by rank; empty where it threw nothing.
inline std::vector<std::string> run_ranks(int size, const CommunicatorOptions& options,
                                          const std::function<void(Communicator&)>& act) {
  Mailboxes boxes;
  std::vector<std::string> errors(static_cast<size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        MessageCommunicator ranks(std::make_unique<ThreadTransport>(boxes, rank, size), options);
        act(ranks);
      } catch (const std::exception& error) {
        errors[static_cast<size_t>(rank)] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return errors;
}

}  // namespace cofactor::testing
