#include "engine/distributed/nccl_sums.h"

#include <algorithm>
#include <utility>

namespace cofactor {

struct NcclSums::Sum {
  enum class Step { exchange, gather, mark, queued, done };

  Tensor values;
  Tensor others;  // the terms of the other ranks for the part owned here
  std::string operation;
  Step step = Step::exchange;
  std::unique_ptr<DeviceQueue::Mark> end;

  size_t element_size() const { return size_of(values.dtype()); }
  size_t bytes(int64_t count) const { return static_cast<size_t>(count) * element_size(); }
  std::byte* at(int64_t element) const { return static_cast<std::byte*>(values.raw_data()) + bytes(element); }
};

namespace {

// Who owns which elements: every rank `each` of them, and the last one the rest too, for which ncclAllGather has no
// place. Parts, and the terms for one's own, begin where memory can be read 16 bytes at a time.
struct Share {
  int64_t each, rest, stride;  // elements
  int rank, ranks;

  Share(int64_t count, size_t element_size, const Communicator& communicator)
      : rank(communicator.rank()), ranks(communicator.size()) {
    const auto unit = static_cast<int64_t>(Tensor::kAlignment / element_size);
    each = count / ranks / unit * unit;
    rest = count - ranks * each;
    stride = (own() + unit - 1) / unit * unit;
  }
  int64_t first_of(int owner) const { return owner * each; }
  int64_t count_of(int owner) const { return each + (owner == ranks - 1 ? rest : 0); }
  int64_t own() const { return count_of(rank); }
};

}  // namespace

NcclSums::NcclSums(Communicator& ranks, Device device, std::unique_ptr<DeviceQueue> queue,
                   std::unique_ptr<NcclCalls> calls)
    : ranks_(ranks), device_(device), queue_(std::move(queue)), calls_(std::move(calls)) {
  start_nccl();
}

NcclSums::~NcclSums() {
  abort();
}

// Whatever goes wrong while ranks wait for each other breaks their communicator, and ends NCCL's here.
template <class F>
void NcclSums::wait_for(F&& done, const std::string& operation) {
  try {
    ranks_.wait_for(done, operation);
  } catch (...) {
    abort();
    throw;
  }
}

void NcclSums::abort() {
  if (std::exchange(state_, State::ended) == State::open) calls_->abort();
}

void NcclSums::check_call(const Result& result, std::string_view function, const std::string& operation) const {
  check(result.status != NcclCalls::Status::failed, "{} (rank {} of {}): {} has failed: {}", operation, ranks_.rank(),
        ranks_.size(), function, result.text);
}

// Whether NCCL has done what it was asked for and takes calls.
bool NcclSums::idle(const std::string& operation) {
  const Result result = calls_->poll();
  check_call(result, "NCCL", operation);
  return result.status == NcclCalls::Status::done;
}

void NcclSums::start_nccl() {
  const std::string operation = fmt::format("NCCL on {}", device_);
  // Rank 0 tells the others where it has no id, so that they do not wait for it.
  NcclCalls::Id id{};
  Result made;
  if (ranks_.rank() == 0) made = calls_->make_id(id);
  const std::string wrong = ranks_.all_gather_texts(made.text).front();
  ranks_.broadcast(id, 0);
  check(wrong.empty(), "{} (rank {} of {}): ncclGetUniqueId of rank 0 has failed: {}", operation, ranks_.rank(),
        ranks_.size(), wrong);
  wait_for(
      [&] {
        if (state_ == State::fresh) {
          queue_->handle();
          state_ = State::open;
          check_call(calls_->init(ranks_.size(), id, ranks_.rank()), "ncclCommInitRankConfig", operation);
        }
        return idle(operation);
      },
      operation);
}

template <class F>
void NcclSums::group(const std::string& operation, F&& queue) {
  check_call(calls_->group_start(), "ncclGroupStart", operation);
  try {
    queue();
  } catch (...) {
    calls_->group_end();  // else the thread's next calls would belong to the group
    throw;
  }
  check_call(calls_->group_end(), "ncclGroupEnd", operation);
}

// What may fail without harm, as within a recorded step. The device's pool may give a block that kernels in their queue
// still use: the sum comes after them.
void NcclSums::prepare(Sum& sum) {
  const Share share(sum.values.numel(), sum.element_size(), ranks_);
  const auto bytes = static_cast<int64_t>(sum.bytes(share.stride)) * (share.ranks - 1);
  sum.others = Tensor::empty({std::max<int64_t>(1, bytes)}, DType::u8, device_);
  queue_->after_kernels();
}

void NcclSums::exchange_terms(Sum& sum) {
  const Share share(sum.values.numel(), sum.element_size(), ranks_);
  if (share.ranks == 1) return;
  const size_t own = sum.bytes(share.own());
  auto* terms = static_cast<std::byte*>(sum.others.raw_data());
  void* const stream = queue_->handle();
  group(sum.operation, [&] {
    for (int other = 0; other < share.ranks; ++other) {
      if (other == share.rank) continue;
      if (const size_t theirs = sum.bytes(share.count_of(other)); theirs > 0) {
        check_call(calls_->send(sum.at(share.first_of(other)), theirs, other, stream), "ncclSend", sum.operation);
      }
      if (own > 0) check_call(calls_->receive(terms, own, other, stream), "ncclRecv", sum.operation);
      terms += sum.bytes(share.stride);
    }
  });
}

void NcclSums::gather_parts(Sum& sum) {
  const Share share(sum.values.numel(), sum.element_size(), ranks_);
  if (share.own() > 0) {
    queue_->add_rank_terms({.own = sum.at(share.first_of(share.rank)),
                            .others = sum.others.raw_data(),
                            .count = share.own(),
                            .stride = share.stride,
                            .dtype = sum.values.dtype(),
                            .rank = share.rank,
                            .ranks = share.ranks});
  }
  void* const stream = queue_->handle();
  group(sum.operation, [&] {
    if (share.each > 0) {
      check_call(calls_->all_gather(sum.at(0), sum.bytes(share.each), stream), "ncclAllGather", sum.operation);
    }
    if (share.rest > 0) {
      check_call(calls_->broadcast(sum.at(share.ranks * share.each), sum.bytes(share.rest), share.ranks - 1, stream),
                 "ncclBroadcast", sum.operation);
    }
  });
}

// Whether all of the sum's work is in the queue. NCCL queues a group in a thread of its own, and connects ranks when
// they first meet: until it is idle nothing may be queued behind the group.
bool NcclSums::enqueue(Sum& sum) {
  using Step = Sum::Step;
  while (sum.step != Step::queued) {
    if (!idle(sum.operation)) return false;
    if (sum.step == Step::exchange) {
      exchange_terms(sum);
      sum.step = Step::gather;
    } else if (sum.step == Step::gather) {
      gather_parts(sum);
      sum.step = Step::mark;
    } else {
      sum.end = queue_->mark();
      sum.step = Step::queued;
    }
  }
  return true;
}

class NcclSums::Pending : public PendingSum {
 public:
  Pending(NcclSums& owner, std::unique_ptr<Sum> sum) : owner_(owner), sum_(std::move(sum)) {}
  ~Pending() override {
    if (sum_->step == Sum::Step::done || owner_.state_ != State::open) return;
    try {
      owner_.wait_for([&]() -> bool { fail("{}: it was not waited for", sum_->operation); }, sum_->operation);
    } catch (const Error&) {  // the communicator says so from now on
    }
  }
  void wait() override {
    if (sum_->step == Sum::Step::done) return;
    owner_.wait_for(
        [&] {
          owner_.idle(sum_->operation);  // throws where a rank has failed
          return sum_->end->reached();
        },
        sum_->operation);
    sum_->step = Sum::Step::done;
    sum_->others = {};
    sum_->values = {};
  }

 private:
  NcclSums& owner_;
  std::unique_ptr<Sum> sum_;
};

std::unique_ptr<PendingSum> NcclSums::start(const Tensor& values) {
  check(values.defined() && values.device() == device_ && is_floating(values.dtype()),
        "all_reduce by NCCL: expected a tensor in f32, f64 or bf16 on {}", device_);
  auto sum = std::make_unique<Sum>();
  sum->values = values.detach();
  sum->operation = fmt::format("all_reduce of {} {} on {}", values.numel(), name_of(values.dtype()), device_);
  if (values.numel() == 0) {
    sum->step = Sum::Step::done;
  } else {
    prepare(*sum);
    wait_for([&] { return enqueue(*sum); }, sum->operation);
  }
  return std::make_unique<Pending>(*this, std::move(sum));
}

void NcclSums::close(bool in_order) {
  if (!in_order || state_ != State::open) return abort();
  const std::string operation = fmt::format("the end of NCCL on {}", device_);
  bool asked = false;
  wait_for(
      [&] {
        if (!std::exchange(asked, true)) check_call(calls_->finalize(), "ncclCommFinalize", operation);
        return idle(operation);
      },
      operation);
  state_ = State::ended;
  check_call(calls_->destroy(), "ncclCommDestroy", operation);
}

}  // namespace cofactor
