#include "data/loader.h"

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <span>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include "engine/backend.h"

namespace cofactor {

namespace {

void check_split(const Split& split) {
  check(split.data != nullptr, "loader: the split has no data set");
  check(split.indices.size() == split.labels.size(), "loader: the split has {} samples but {} labels",
        split.indices.size(), split.labels.size());
  for (size_t i = 0; i < split.indices.size(); ++i) {
    check(split.indices[i] >= 0 && split.indices[i] < split.data->size(),
          "loader: sample {} of the split is number {} in a data set of {}", i, split.indices[i], split.data->size());
    check(split.labels[i] >= 0 && split.labels[i] < split.data->classes(),
          "loader: label {} of sample {} of the split does not lie in [0, {})", split.labels[i], i,
          split.data->classes());
  }
}

}  // namespace

RandomKey augmentation_key(uint64_t seed, int epoch, int64_t index) {
  return {seed, Purpose::augmentation, 0, static_cast<uint64_t>(epoch) << 32 | static_cast<uint64_t>(index)};
}

class Loader::Impl {
 public:
  Impl(Split split, const LoaderOptions& options);
  void start_epoch(int epoch);
  std::optional<Batch> next();
  int64_t batches_per_epoch() const { return batch_count(split_.size(), options_.batch_size, options_.last_batch); }

 private:
  // The order of one epoch. Whoever reads one of its batches keeps it alive, so a new epoch need not wait.
  struct Epoch {
    int number = 0;
    std::vector<std::vector<int64_t>> batches;  // positions in the split
  };

  // What has become of a batch that a worker took on: nothing yet, the batch, or an error.
  struct Slot {
    std::optional<Batch> batch;
    std::exception_ptr error;
    bool done() const { return batch.has_value() || error; }
  };

  Batch read(const Epoch& epoch, size_t number, std::vector<std::byte>& staging) const;
  void work(const std::stop_token& stop);
  std::optional<Batch> take_ready();

  const Split split_;
  const LoaderOptions options_;
  std::vector<std::byte> staging_;  // of the caller's thread, where there are no workers

  std::mutex mutex_;                        // guards all below
  std::condition_variable_any work_there_;  // a batch may be taken on
  std::condition_variable ready_;           // the batch that is due is done
  std::shared_ptr<const Epoch> epoch_;
  size_t taken_ = 0;         // batches of the epoch that workers took on: at most slots_.size() more than delivered
  size_t delivered_ = 0;     // batches that next() gave out
  std::vector<Slot> slots_;  // batch number i waits in slot i modulo their number

  std::vector<std::jthread> workers_;  // the last member: they are stopped and joined before the rest goes
};

Loader::Impl::Impl(Split split, const LoaderOptions& options) : split_(std::move(split)), options_(options) {
  check_split(split_);
  batches_per_epoch();         // an Error for sizes that make no batch
  backend_of(options.device);  // an Error where it is not available
  check(options.workers >= 0, "loader: {} is not a number of worker threads", options.workers);
  check(options.workers == 0 || options.prefetch >= 1, "loader: worker threads cannot hold {} batches ready",
        options.prefetch);
  if (options.workers > 0) slots_.resize(static_cast<size_t>(options.prefetch));
  for (int i = 0; i < options.workers; ++i) {
    try {
      workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    } catch (const std::system_error& error) {
      fail("loader: worker thread {} of {} does not start: {}", i + 1, options.workers, error.what());
    }
  }
}

void Loader::Impl::start_epoch(int number) {
  check(number >= 0, "loader: {} is not the number of an epoch", number);
  const RandomKey key{options_.seed, Purpose::shuffle, 0, static_cast<uint64_t>(number)};
  auto epoch = std::make_shared<const Epoch>(
      Epoch{number, make_batches(options_.sampler, split_.labels, options_.batch_size, options_.last_batch, key)});
  {
    const std::scoped_lock lock(mutex_);
    epoch_ = std::move(epoch);
    taken_ = delivered_ = 0;
    for (Slot& slot : slots_) slot = {};
  }
  work_there_.notify_all();
}

std::optional<Batch> Loader::Impl::next() {
  check(epoch_ != nullptr, "loader: start_epoch comes before next");
  if (delivered_ == epoch_->batches.size()) return std::nullopt;
  if (!workers_.empty()) return take_ready();
  Batch batch = read(*epoch_, delivered_, staging_);
  ++delivered_;
  return batch;
}

std::optional<Batch> Loader::Impl::take_ready() {
  std::optional<Batch> batch;
  {
    std::unique_lock lock(mutex_);
    Slot& slot = slots_[delivered_ % slots_.size()];
    ready_.wait(lock, [&] { return slot.done(); });
    if (slot.error) std::rethrow_exception(slot.error);
    batch.swap(slot.batch);
    ++delivered_;
  }
  work_there_.notify_one();
  return batch;
}

void Loader::Impl::work(const std::stop_token& stop) {
  std::vector<std::byte> staging;
  std::unique_lock lock(mutex_);
  const auto batch_to_take = [&] {
    return epoch_ && taken_ < epoch_->batches.size() && taken_ < delivered_ + slots_.size();
  };
  while (work_there_.wait(lock, stop, batch_to_take) && !stop.stop_requested()) {
    const std::shared_ptr<const Epoch> epoch = epoch_;
    const size_t number = taken_++;
    lock.unlock();
    Slot slot;
    try {
      slot.batch = read(*epoch, number, staging);
    } catch (...) {
      slot.error = std::current_exception();
    }
    lock.lock();
    if (epoch != epoch_) continue;  // start_epoch dropped this batch
    slots_[number % slots_.size()] = std::move(slot);
    if (number == delivered_) ready_.notify_one();
  }
}

Batch Loader::Impl::read(const Epoch& epoch, size_t number, std::vector<std::byte>& staging) const {
  const std::vector<int64_t>& positions = epoch.batches[number];
  const Shape sample = split_.data->sample_shape();
  const DType dtype = split_.data->dtype();
  const auto sample_bytes = static_cast<size_t>(sample.numel()) * size_of(dtype);
  Shape shape{static_cast<int64_t>(positions.size())};
  for (int64_t extent : sample) shape.push_back(extent);
  Batch batch;
  batch.host_labels.reserve(positions.size());
  batch.indices.reserve(positions.size());
  staging.resize(positions.size() * sample_bytes);
  std::byte* out = staging.data();
  for (int64_t position : positions) {
    const int64_t index = split_.indices[static_cast<size_t>(position)];
    split_.data->read(index, augmentation_key(options_.seed, epoch.number, index), out);
    out += sample_bytes;
    batch.host_labels.push_back(split_.labels[static_cast<size_t>(position)]);
    batch.indices.push_back(index);
  }
  batch.inputs = Tensor::empty(shape, dtype, options_.device);
  batch.inputs.backend().copy_from_host(batch.inputs.raw_data(), staging.data(), staging.size());
  batch.labels = Tensor::from(batch.host_labels, {batch.size()}, options_.device);
  return batch;
}

Loader::Loader(Split split, const LoaderOptions& options) : impl_(std::make_unique<Impl>(std::move(split), options)) {}
Loader::~Loader() = default;
void Loader::start_epoch(int epoch) {
  impl_->start_epoch(epoch);
}
std::optional<Batch> Loader::next() {
  return impl_->next();
}
int64_t Loader::batches_per_epoch() const {
  return impl_->batches_per_epoch();
}

}  // namespace cofactor
