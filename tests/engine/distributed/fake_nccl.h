// NCCL and a device's queue between threads or processes, so that sums on devices run without a GPU. Strict: work is
// done only when it is asked for, in order; calls end before their work is in the queue; and a call that NCCL would
// not allow is an error.
#pragma once

#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "engine/backends/cuda/kernels/rank_terms.h"
#include "engine/distributed/nccl_sums.h"
#include "tests/engine/cuda/host_launch.h"
#include "tests/engine/distributed/thread_ranks.h"

namespace cofactor::testing {

// What the ranks of a run share: bytes on their way, and who has come to a meeting.
class FakeWires {
 public:
  virtual ~FakeWires() = default;
  virtual void put(int from, int to, int tag, std::span<const std::byte> bytes) = 0;
  // False where nothing has come yet.
  virtual bool take(int from, int to, int tag, std::span<std::byte> bytes) = 0;
  virtual void arrive(const std::string& meeting, int rank) = 0;
  virtual bool all_arrived(const std::string& meeting, int ranks) = 0;
};

// Between threads.
class ThreadWires : public FakeWires {
 public:
  void put(int from, int to, int tag, std::span<const std::byte> bytes) override { boxes_.put(from, to, tag, bytes); }
  bool take(int from, int to, int tag, std::span<std::byte> bytes) override {
    return boxes_.take(from, to, tag, bytes);
  }
  void arrive(const std::string& meeting, int rank) override {
    const std::lock_guard lock(mutex_);
    arrived_[meeting].insert(rank);
  }
  bool all_arrived(const std::string& meeting, int ranks) override {
    const std::lock_guard lock(mutex_);
    return std::ssize(arrived_[meeting]) == ranks;
  }

 private:
  Mailboxes boxes_;
  std::mutex mutex_;
  std::map<std::string, std::set<int>> arrived_;
};

// Between processes: a file for each message, in a folder that is there.
class FolderWires : public FakeWires {
 public:
  explicit FolderWires(std::filesystem::path folder) : folder_(std::move(folder)) {}
  void put(int from, int to, int tag, std::span<const std::byte> bytes) override {
    const std::filesystem::path path = message(from, to, tag, sent_[{from, to, tag}]++);
    std::ofstream(path.string() + ".new", std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    std::filesystem::rename(path.string() + ".new", path);
  }
  bool take(int from, int to, int tag, std::span<std::byte> bytes) override {
    const std::filesystem::path path = message(from, to, tag, taken_[{from, to, tag}]);
    if (!std::filesystem::exists(path)) return false;
    check(std::filesystem::file_size(path) == bytes.size(), "fake: rank {} has sent another size than {}", from,
          bytes.size());
    std::ifstream(path, std::ios::binary)
        .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    std::filesystem::remove(path);
    ++taken_[{from, to, tag}];
    return true;
  }
  void arrive(const std::string& meeting, int rank) override {
    std::ofstream(folder_ / fmt::format("{}.{}", meeting, rank)) << "here";
  }
  bool all_arrived(const std::string& meeting, int ranks) override {
    for (int rank = 0; rank < ranks; ++rank) {
      if (!std::filesystem::exists(folder_ / fmt::format("{}.{}", meeting, rank))) return false;
    }
    return true;
  }

 private:
  using Way = std::tuple<int, int, int>;
  std::filesystem::path message(int from, int to, int tag, int number) const {
    return folder_ / fmt::format("{}-{}-{}-{}", from, to, tag, number);
  }

  std::filesystem::path folder_;
  std::map<Way, int> sent_, taken_;
};

// What goes wrong on a rank, and what it has done.
struct FakeRank {
  std::string failing;        // the call that fails, by NCCL's name
  bool breaks_later = false;  // poll() fails once terms are on their way
  std::vector<std::string> log{};
  bool aborted = false, destroyed = false;
};

class FakeQueue : public DeviceQueue {
 public:
  // Returns whether its work is done; called again until it is.
  using Work = std::function<bool()>;

  explicit FakeQueue(FakeRank& rank) : rank_(rank) {}
  void* handle() override { return this; }
  void after_kernels() override {
    rank_.log.emplace_back("after kernels");
    check(rank_.failing != "after kernels", "the device refuses");
  }
  void add_rank_terms(const RankTerms& terms) override {
    rank_.log.emplace_back("add");
    push([terms] {
      cuda::add_rank_terms(HostLaunch(), terms);
      return true;
    });
  }
  std::unique_ptr<Mark> mark() override { return std::make_unique<FakeMark>(*this, queued_); }
  void push(Work work) {
    work_.push_back(std::move(work));
    ++queued_;
  }
  void clear() { work_.clear(); }

 private:
  class FakeMark : public Mark {
   public:
    FakeMark(FakeQueue& queue, size_t place) : queue_(queue), place_(place) {}
    bool reached() override {
      if (!queue_.work_.empty() && queue_.work_.front()()) queue_.work_.pop_front();
      return queue_.queued_ - queue_.work_.size() >= place_;
    }

   private:
    FakeQueue& queue_;
    size_t place_;
  };

  FakeRank& rank_;
  std::deque<Work> work_;
  size_t queued_ = 0;
};

class FakeNccl : public NcclCalls {
 public:
  FakeNccl(FakeWires& wires, FakeRank& rank, FakeQueue& queue) : wires_(wires), rank_(rank), queue_(queue) {}
  ~FakeNccl() override { check_ended(); }

  std::string version() override { return "0.0.0"; }
  Result make_id(Id& id) override {
    id.fill(kId);
    return called("ncclGetUniqueId", "");
  }
  Result init(int ranks, const Id& id, int rank) override {
    ranks_ = ranks;
    own_ = rank;
    Result result = called("ncclCommInitRankConfig", "");
    if (result.status == Status::failed) return result;
    if (id.front() != kId) return {.status = Status::failed, .text = "another id than rank 0's"};
    wires_.arrive("start", own_);
    until_ = [this] { return wires_.all_arrived("start", ranks_); };
    return {.status = Status::in_progress};
  }
  Result poll() override {
    if (rank_.breaks_later && sent_) return {.status = Status::failed, .text = "remote process exited"};
    if (until_ && !until_()) return {.status = Status::in_progress};
    if (pauses_ > 0) {
      --pauses_;
      return {.status = Status::in_progress};
    }
    until_ = {};
    if (Group group = std::exchange(group_, {}); !group.empty()) queue_.push(work_of(std::move(group)));
    return {};
  }
  Result group_start() override {
    check(!in_group_, "fake: a group within a group");
    in_group_ = true;
    return called("ncclGroupStart", "");
  }
  Result group_end() override {
    check(std::exchange(in_group_, false), "fake: the end of no group");
    pauses_ = 2;
    Result result = called("ncclGroupEnd", "");
    if (result.status == Status::done) result.status = Status::in_progress;
    return result;
  }
  Result send(const void* data, size_t bytes, int to, void* stream) override {
    check(to != own_ && bytes > 0, "fake: {} bytes to rank {}", bytes, to);
    sent_ = true;
    put(data, bytes, to, 0);
    return in_stream(stream, "ncclSend", "");
  }
  Result receive(void* data, size_t bytes, int from, void* stream) override {
    check(from != own_ && bytes > 0, "fake: {} bytes from rank {}", bytes, from);
    take(data, bytes, from, 0);
    return in_stream(stream, "ncclRecv", "");
  }
  Result broadcast(void* data, size_t bytes, int root, void* stream) override {
    for (int rank = 0; rank < ranks_; ++rank) {
      if (own_ == root && rank != root) put(data, bytes, rank, 1);
    }
    if (own_ != root) take(data, bytes, root, 1);
    return in_stream(stream, "ncclBroadcast", fmt::format(" of {} from {}", bytes, root));
  }
  Result all_gather(void* data, size_t bytes_of_each, void* stream) override {
    const auto at = [&](int rank) { return static_cast<std::byte*>(data) + static_cast<size_t>(rank) * bytes_of_each; };
    for (int rank = 0; rank < ranks_; ++rank) {
      if (rank == own_) continue;
      put(at(own_), bytes_of_each, rank, 2);
      take(at(rank), bytes_of_each, rank, 2);
    }
    return in_stream(stream, "ncclAllGather", fmt::format(" of {}", bytes_of_each));
  }
  Result finalize() override {
    Result result = called("ncclCommFinalize", "");
    wires_.arrive("end", own_);
    until_ = [this] { return wires_.all_arrived("end", ranks_); };
    if (result.status == Status::done) result.status = Status::in_progress;
    return result;
  }
  Result destroy() override {
    rank_.destroyed = true;
    return called("ncclCommDestroy", "");
  }
  void abort() override {
    rank_.aborted = true;
    queue_.clear();
  }

 private:
  static constexpr std::byte kId{7};

  struct Group {
    std::vector<FakeQueue::Work> sends, receives;
    bool empty() const { return sends.empty() && receives.empty(); }
  };

  // A destructor cannot throw: a communicator that was neither destroyed nor aborted shows in the log.
  void check_ended() const {
    if (ranks_ > 0 && !rank_.aborted && !rank_.destroyed) rank_.log.emplace_back("left open");
  }

  Result called(std::string_view name, std::string_view details) {
    if (name != "ncclGroupEnd") {
      check(!until_ && group_is_queued(), "fake: {} while NCCL is busy", name);
    }
    rank_.log.push_back(fmt::format("{}{}", name, details));
    if (rank_.failing == name) return {.status = Status::failed, .text = "unhandled cuda error: on purpose"};
    return {};
  }
  Result in_stream(void* stream, std::string_view name, std::string_view details) {
    check(stream == static_cast<DeviceQueue*>(&queue_) && in_group_, "fake: {} outside of a group or the queue", name);
    return called(name, details);
  }
  bool group_is_queued() const { return in_group_ || (pauses_ == 0 && group_.empty()); }

  void put(const void* data, size_t bytes, int to, int tag) {
    group_.sends.emplace_back([this, data, bytes, to, tag] {
      wires_.put(own_, to, tag, {static_cast<const std::byte*>(data), bytes});
      return true;
    });
  }
  void take(void* data, size_t bytes, int from, int tag) {
    group_.receives.emplace_back([this, data, bytes, from, tag] {
      return wires_.take(from, own_, tag, {static_cast<std::byte*>(data), bytes});
    });
  }
  static FakeQueue::Work work_of(Group group) {
    return [group = std::move(group)]() mutable {
      for (const FakeQueue::Work& send : group.sends) send();
      group.sends.clear();
      std::erase_if(group.receives, [](const FakeQueue::Work& receive) { return receive(); });
      return group.receives.empty();
    };
  }

  FakeWires& wires_;
  FakeRank& rank_;
  FakeQueue& queue_;
  int ranks_ = 0, own_ = 0, pauses_ = 0;
  bool in_group_ = false, sent_ = false;
  std::function<bool()> until_;
  Group group_;
};

inline void use_fake_nccl(Communicator& ranks, FakeWires& wires, FakeRank& rank, Device device = kHost) {
  auto queue = std::make_unique<FakeQueue>(rank);
  FakeQueue& same = *queue;
  ranks.set_device_sums(
      std::make_shared<NcclSums>(ranks, device, std::move(queue), std::make_unique<FakeNccl>(wires, rank, same)));
}

// Ranks whose tensors on kHost are summed by the fake. What each threw, by rank.
struct FakeRun {
  std::vector<FakeRank> ranks;
  std::vector<std::string> errors{};

  explicit FakeRun(int size) : ranks(static_cast<size_t>(size)) {}
  FakeRank& of(const Communicator& communicator) { return ranks[static_cast<size_t>(communicator.rank())]; }
  void run(const CommunicatorOptions& options, const std::function<void(Communicator&)>& act) {
    ThreadWires wires;
    errors = run_ranks(static_cast<int>(ranks.size()), options, [&](Communicator& communicator) {
      use_fake_nccl(communicator, wires, of(communicator));
      act(communicator);
    });
  }
};

}  // namespace cofactor::testing
