#include "engine/distributed/message_communicator.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

namespace cofactor {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTags = 16383;            // of operations; each has two rounds
constexpr int kClosingTag = 2 * kTags;  // so that no operation takes a rank that ends for one that takes part
// A wait polls without a pause at first, since a core that is given up may come back milliseconds later; where ranks
// share cores it gives the core up. Then it sleeps between polls.
constexpr auto kAwake = std::chrono::milliseconds(20);
constexpr auto kSleep = std::chrono::microseconds(50);

void check_deadline(std::chrono::duration<double> deadline) {
  check(std::isfinite(deadline.count()) && deadline.count() > 0.0,
        "ranks: the deadline is {} s, expected a finite number above 0", deadline.count());
}

// The elements of a sum that a rank owns.
struct Part {
  int64_t first = 0, count = 0;
};

Part part_of(int64_t count, int rank, int ranks) {
  const int64_t each = count / ranks, more = count % ranks;
  return {rank * each + std::min<int64_t>(rank, more), each + (rank < more ? 1 : 0)};
}

// terms[0] + terms[1] + ..., from left to right. `result` may be one of them.
template <class T>
void sum_in_order(const std::vector<const std::byte*>& terms, int64_t count, std::byte* result) {
  constexpr int64_t kBlock = 2048;  // stays in the cache
  std::array<T, kBlock> total;
  for (int64_t first = 0; first < count; first += kBlock) {
    const auto length = static_cast<size_t>(std::min(kBlock, count - first));
    std::memcpy(total.data(), reinterpret_cast<const T*>(terms.front()) + first, length * sizeof(T));
    for (size_t rank = 1; rank < terms.size(); ++rank) {
      const T* term = reinterpret_cast<const T*>(terms[rank]) + first;
      for (size_t i = 0; i < length; ++i) total[i] += term[i];
    }
    std::memcpy(reinterpret_cast<T*>(result) + first, total.data(), length * sizeof(T));
  }
}

void sum_bf16_in_order(const std::vector<const std::byte*>& terms, int64_t count, std::byte* result) {
  auto* out = reinterpret_cast<bf16*>(result);
  for (int64_t i = 0; i < count; ++i) {
    float total = static_cast<float>(reinterpret_cast<const bf16*>(terms.front())[i]);
    for (size_t rank = 1; rank < terms.size(); ++rank) {
      total += static_cast<float>(reinterpret_cast<const bf16*>(terms[rank])[i]);
    }
    out[i] = bf16(total);
  }
}

void sum_terms(SumBuffer::Type type, const std::vector<const std::byte*>& terms, int64_t count, std::byte* result) {
  switch (type) {
    case SumBuffer::Type::f32: return sum_in_order<float>(terms, count, result);
    case SumBuffer::Type::f64: return sum_in_order<double>(terms, count, result);
    case SumBuffer::Type::i64: return sum_in_order<int64_t>(terms, count, result);
    case SumBuffer::Type::bf16: return sum_bf16_in_order(terms, count, result);
  }
}

// Keeps what messages under way use, or what would wait for them when destroyed.
void keep_until_exit(std::shared_ptr<void> object) {
  static std::mutex& mutex = *new std::mutex;
  static auto& kept = *new std::vector<std::shared_ptr<void>>;
  const std::lock_guard lock(mutex);
  kept.push_back(std::move(object));
}

}  // namespace

// Messages that are waited for together.
struct MessageCommunicator::Round {
  struct Entry {
    int rank;
    std::unique_ptr<Message> message;
  };
  std::vector<Entry> entries;

  bool done() {
    std::erase_if(entries, [](const Entry& entry) { return entry.message->done(); });
    return entries.empty();
  }
  std::vector<int> ranks() const {
    std::vector<int> all;
    for (const Entry& entry : entries) all.push_back(entry.rank);
    std::ranges::sort(all);
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }
};

class MessageCommunicator::Sum {
 public:
  SumBuffer values;
  int tag = 0;
  bool added_up = false, done = false;
  Round round;
  Staging staging;  // by rank: first that rank's terms of the part owned here, then the sums of the part it owns

  std::byte* at(const Part& part) const {
    return static_cast<std::byte*>(values.data) + static_cast<size_t>(part.first) * values.element_size();
  }
  size_t bytes(const Part& part) const { return static_cast<size_t>(part.count) * values.element_size(); }
  std::string text() const { return fmt::format("all_reduce of {} {}", values.count, values.type_name()); }
};

void MessageCommunicator::check_usable(const std::string& operation) const {
  check(broken_by_.empty(), "{} (rank {} of {}): an earlier operation has failed: {}", operation, rank(), size(),
        broken_by_);
}

template <class F>
auto MessageCommunicator::guarded(const std::string& operation, F&& act) {
  check_usable(operation);
  try {
    return act();
  } catch (const Error& error) {
    broken_by_ = error.what();
    if (broken_by_.starts_with(operation)) throw;
    broken_by_ = fmt::format("{} (rank {} of {}): {}", operation, rank(), size(), broken_by_);  // a transport's
    throw Error(broken_by_);
  }
}

MessageCommunicator::MessageCommunicator(std::unique_ptr<Transport> transport, const CommunicatorOptions& options)
    : transport_(std::move(transport)),
      options_(options),
      exceptions_(std::uncaught_exceptions()),
      // Of the machine, not of this process: launchers bind each rank to a core of its own.
      shares_cores_(transport_->local_size() > ::sysconf(_SC_NPROCESSORS_ONLN)) {
  check_deadline(options.deadline);
}

bool MessageCommunicator::ends_in_order() const {
  return broken_by_.empty() && sums_.empty() && std::uncaught_exceptions() == exceptions_;
}

MessageCommunicator::~MessageCommunicator() {
  close_device_sums(ends_in_order());
  if (ends_in_order()) {
    try {
      guarded("end", [this] { meet(kClosingTag, "end"); });
      transport_->close();
      return;
    } catch (const Error&) {  // the launcher sees that this rank has not closed
    }
  }
  for (std::shared_ptr<Sum>& sum : sums_) keep_until_exit(std::move(sum));
  keep_until_exit(std::move(transport_));
}

class MessageCommunicator::Pending : public PendingSum {
 public:
  Pending(MessageCommunicator& owner, std::shared_ptr<Sum> sum) : owner_(owner), sum_(std::move(sum)) {}
  ~Pending() override {
    if (!sum_->done && owner_.broken_by_.empty()) owner_.broken_by_ = sum_->text() + ": it was not waited for";
  }
  void wait() override {
    owner_.guarded(sum_->text(), [this] {
      owner_.wait_until([this] { return sum_->done; }, [this] { return sum_->round.ranks(); }, sum_->text());
    });
  }

 private:
  MessageCommunicator& owner_;
  std::shared_ptr<Sum> sum_;
};

int MessageCommunicator::next_tag() {
  return static_cast<int>(2 * (operations_++ % kTags));
}

void MessageCommunicator::send(Round& round, std::span<const std::byte> bytes, int to, int tag) {
  if (!bytes.empty()) round.entries.push_back({to, transport_->send(bytes, to, tag)});
}

void MessageCommunicator::receive(Round& round, std::span<std::byte> bytes, int from, int tag) {
  if (!bytes.empty()) round.entries.push_back({from, transport_->receive(bytes, from, tag)});
}

void MessageCommunicator::wait_until(const std::function<bool()>& done, const std::function<std::vector<int>()>& silent,
                                     const std::string& operation) {
  const auto start = Clock::now();
  while (true) {
    // Every sum has its turn, so that the others' sums go on whichever this rank waits for.
    for (const auto& sum : sums_) advance(*sum);
    std::erase_if(sums_, [](const auto& sum) { return sum->done; });
    if (done()) return;
    const std::chrono::duration<double> waited = Clock::now() - start;
    check(!options_.cancel.stop_requested(), "{} (rank {} of {}): cancelled after {:.1f} s", operation, rank(), size(),
          waited.count());
    if (waited >= options_.deadline) {
      const std::vector<int> ranks = silent();
      fail("{} (rank {} of {}): {} not answered for {:.1f} s: it has ended, hangs, or does something else", operation,
           rank(), size(), ranks.empty() ? "a rank has" : fmt::format("rank {} has", fmt::join(ranks, ", ")),
           waited.count());
    }
    if (waited >= kAwake) {
      std::this_thread::sleep_for(kSleep);
    } else if (shares_cores_) {
      std::this_thread::yield();
    }
  }
}

void MessageCommunicator::wait_for_round(Round& round, const std::string& operation) {
  wait_until([&] { return round.done(); }, [&] { return round.ranks(); }, operation);
}

std::unique_ptr<PendingSum> MessageCommunicator::start_all_reduce(const SumBuffer& values) {
  auto sum = std::make_shared<Sum>();
  sum->values = values;
  return guarded(sum->text(), [&] {
    sum->tag = next_tag();
    if (!spare_.empty()) {
      sum->staging = std::move(spare_.back());
      spare_.pop_back();
    }
    sum->staging.resize(static_cast<size_t>(size()));
    sums_.push_back(sum);
    const Part own = part_of(values.count, rank(), size());
    for (int other = 0; other < size(); ++other) {
      if (other == rank()) continue;
      auto& terms = sum->staging[static_cast<size_t>(other)];
      terms.resize(sum->bytes(own));
      receive(sum->round, terms, other, sum->tag);
      const Part theirs = part_of(values.count, other, size());
      send(sum->round, {sum->at(theirs), sum->bytes(theirs)}, other, sum->tag);
    }
    return std::make_unique<Pending>(*this, sum);
  });
}

// Adds up the terms of the part owned here, and starts the second round: this sum to all, and theirs from all.
void MessageCommunicator::add_up(Sum& sum) const {
  const Part own = part_of(sum.values.count, rank(), size());
  std::vector<const std::byte*> terms;
  for (int other = 0; other < size(); ++other) {
    terms.push_back(other == rank() ? sum.at(own) : sum.staging[static_cast<size_t>(other)].data());
  }
  if (own.count > 0) sum_terms(sum.values.type, terms, own.count, sum.at(own));
}

// Whether the sum is done.
bool MessageCommunicator::advance(Sum& sum) {
  if (sum.done || !sum.round.done()) return sum.done;
  const Part own = part_of(sum.values.count, rank(), size());
  if (!sum.added_up) {
    add_up(sum);
    sum.added_up = true;
    for (int other = 0; other < size(); ++other) {
      if (other == rank()) continue;
      auto& theirs = sum.staging[static_cast<size_t>(other)];
      theirs.resize(sum.bytes(part_of(sum.values.count, other, size())));
      receive(sum.round, theirs, other, sum.tag + 1);
      send(sum.round, {sum.at(own), sum.bytes(own)}, other, sum.tag + 1);
    }
    if (!sum.round.done()) return false;
  }
  for (int other = 0; other < size(); ++other) {
    const auto& theirs = sum.staging[static_cast<size_t>(other)];
    if (other != rank() && !theirs.empty()) {
      std::memcpy(sum.at(part_of(sum.values.count, other, size())), theirs.data(), theirs.size());
    }
  }
  sum.done = true;
  spare_.push_back(std::move(sum.staging));
  return true;
}

void MessageCommunicator::progress() {
  if (sums_.empty()) return;
  guarded("progress", [this] {
    for (const auto& sum : sums_) advance(*sum);
    std::erase_if(sums_, [](const auto& sum) { return sum->done; });
  });
}

// Along a binomial tree whose root is `root`.
void MessageCommunicator::broadcast(std::span<std::byte> bytes, int root) {
  const std::string operation = fmt::format("broadcast of {} bytes from rank {}", bytes.size(), root);
  check(root >= 0 && root < size(), "{} (rank {} of {}): there is no such rank", operation, rank(), size());
  guarded(operation, [&] {
    const int tag = next_tag(), place = (rank() - root + size()) % size();
    const auto rank_at = [&](int at) { return (at + root) % size(); };
    int step = 1;
    for (; step < size(); step *= 2) {
      if ((place & step) == 0) continue;
      Round round;
      receive(round, bytes, rank_at(place - step), tag);
      wait_for_round(round, operation);
      break;
    }
    Round sends;
    for (step /= 2; step >= 1; step /= 2) {
      if (place + step < size()) send(sends, bytes, rank_at(place + step), tag);
    }
    wait_for_round(sends, operation);
  });
}

std::vector<std::vector<std::byte>> MessageCommunicator::all_gather(std::span<const std::byte> bytes) {
  const std::string operation = fmt::format("all_gather of {} bytes", bytes.size());
  return guarded(operation, [&] {
    const int tag = next_tag();
    const int64_t own_size = static_cast<int64_t>(bytes.size());
    std::vector<int64_t> sizes(static_cast<size_t>(size()));
    Round counts;
    for (int other = 0; other < size(); ++other) {
      if (other == rank()) continue;
      receive(counts, std::as_writable_bytes(std::span(&sizes[static_cast<size_t>(other)], 1)), other, tag);
      send(counts, std::as_bytes(std::span(&own_size, 1)), other, tag);
    }
    wait_for_round(counts, operation);
    std::vector<std::vector<std::byte>> all(static_cast<size_t>(size()));
    Round values;
    for (int other = 0; other < size(); ++other) {
      auto& theirs = all[static_cast<size_t>(other)];
      if (other == rank()) {
        theirs.assign(bytes.begin(), bytes.end());
        continue;
      }
      theirs.resize(static_cast<size_t>(sizes[static_cast<size_t>(other)]));
      receive(values, theirs, other, tag + 1);
      send(values, bytes, other, tag + 1);
    }
    wait_for_round(values, operation);
    return all;
  });
}

void MessageCommunicator::barrier() {
  guarded("barrier", [this] { meet(next_tag(), "barrier"); });
}

// Rounds in which every rank tells the one 1, 2, 4, ... after it: after the last all know of all.
void MessageCommunicator::meet(int tag, const std::string& operation) {
  for (int step = 1; step < size(); step *= 2) {
    std::byte out{1}, in{0};
    Round round;
    receive(round, {&in, 1}, (rank() - step + size()) % size(), tag);
    send(round, {&out, 1}, (rank() + step) % size(), tag);
    wait_for_round(round, operation);
  }
}

void MessageCommunicator::wait_for(const std::function<bool()>& done, const std::string& operation) {
  guarded(operation, [&] {
    wait_until(
        done, [] { return std::vector<int>(); }, operation);
  });
}

void MessageCommunicator::set_deadline(std::chrono::duration<double> deadline) {
  check_deadline(deadline);
  options_.deadline = deadline;
}

}  // namespace cofactor
