#include "data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <exception>
#include <mutex>
#include <span>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include "data/image_array.h"
#include "engine/device_features.h"
#include "engine/ops/images.h"
#include "engine/profile/recorder.h"

namespace cofactor {

namespace {

void check_split(const Split& split) {
  check(split.data != nullptr, "loader: the split has no data set");
  check(split.indices.size() == split.labels.size(), "loader: the split has {} samples but {} labels",
        split.indices.size(), split.labels.size());
  for (size_t i = 0; i < split.indices.size(); ++i)
    check(split.indices[i] >= 0 && split.indices[i] < split.data->size(),
          "loader: sample {} of the split is sample {} of a data set of {}", i, split.indices[i], split.data->size());
  check_labels("loader", split.labels, split.data->classes());
}

// Where the labels lie in an upload, after the inputs.
size_t labels_at(size_t row_bytes, size_t count) {
  return (count * row_bytes + Tensor::kAlignment - 1) / Tensor::kAlignment * Tensor::kAlignment;
}

constexpr size_t kShareOfFreeMemory = 4;  // a resident data set takes at most one part in this many

bool wants_residence(const Dataset& data, const LoaderOptions& options) {
  const ImageArray* images = data.images();
  if (options.resident == Resident::off) return false;
  if (options.resident == Resident::on) {
    check(images != nullptr, "loader: the data set has no image bytes that could be kept on device {}", options.device);
    return true;
  }
  const auto free = features_of(options.device).free_memory();
  if (!images || !free) return false;
  return images->bytes().is_on(options.device) || images->bytes().bytes() <= *free / kShareOfFreeMemory;
}

}  // namespace

RandomKey augmentation_key(uint64_t seed, int epoch, int64_t index) {
  return {seed, Purpose::augmentation, 0, static_cast<uint64_t>(epoch) << 32 | static_cast<uint64_t>(index)};
}

class Loader::Impl {
 public:
  Impl(Split split, const LoaderOptions& options);
  void start_epoch(int number, int64_t first_batch);
  std::optional<Batch> next();
  std::vector<Batch> next_parts();
  bool resident() const { return inputs_ == InputKind::windows; }
  int64_t batches_per_epoch() const { return batch_count(split_.size(), options_.batch_size, options_.last_batch); }

 private:
  // The inputs of a batch as they come to the device.
  enum class InputKind {
    samples,  // values, as the network takes them
    bytes,    // of images, normalised there
    windows   // of resident images, read and normalised there
  };

  // What an upload holds of one sample.
  struct Row {
    Shape shape;
    DType dtype = DType::f32;

    size_t bytes() const { return static_cast<size_t>(shape.numel()) * size_of(dtype); }
    Shape of_batch(int64_t count) const {
      Shape all{count};
      for (const int64_t extent : shape) all.push_back(extent);
      return all;
    }
  };

  // A batch as it is read: the whole, a rank's share, or a part of either.
  struct Piece {
    size_t batch = 0;
    int64_t first = 0, count = 0;  // places in the batch
  };

  // The order of one epoch. Threads that read one of its batches share it, so that a new epoch need not wait for them.
  struct Epoch {
    int number = 0;
    std::vector<std::vector<int64_t>> batches;  // positions in the split
    std::vector<Piece> pieces;
    std::vector<size_t> ends;  // for each batch, the number of the piece after its last
  };

  // A batch as it is read ahead: its tensors are still on their way, inputs and labels as one copy. Only the thread
  // that calls next() launches kernels.
  struct Prepared {
    Batch batch;
    std::unique_ptr<Upload> upload;
  };

  // The state of a batch that a thread has started: not done, done, or failed.
  struct Slot {
    std::optional<Prepared> batch;
    std::exception_ptr error;
    bool done() const { return batch.has_value() || error; }
  };

  Prepared prepare(const Epoch& epoch, size_t number) const;
  void write_row(int64_t index, const RandomKey& augmentation, std::byte* out) const;
  Batch finish(Prepared prepared) const;
  Tensor inputs_of(const Tensor& row_values) const;
  bool can_start() const;
  void read_one(std::unique_lock<std::mutex>& lock);
  void work(const std::stop_token& stop);
  Prepared take_ready();
  void choose_inputs();
  Epoch make_epoch(int number) const;
  std::shared_ptr<const WholeBatch> whole_batch(const std::vector<int64_t>& positions) const;
  int64_t largest_batch() const { return std::min(options_.batch_size, split_.size()); }
  // Of a batch that is divided, or of one with too few samples for that.
  int64_t largest_share() const {
    return std::min(largest_batch(),
                    std::max<int64_t>(share_of(largest_batch(), 0, options_.ranks).count, options_.ranks - 1));
  }
  int64_t largest_part() const { return options_.part_size == 0 ? largest_share() : options_.part_size; }

  const Split split_;
  const LoaderOptions options_;
  InputKind inputs_ = InputKind::samples;
  Row row_;
  // For images that are normalised on the device: their scales and shifts; resident ones, or else windows of a whole
  // image each, one for every sample of a batch.
  Tensor scale_, shift_, resident_pixels_, whole_images_;

  std::mutex mutex_;                       // guards the members below
  std::condition_variable_any startable_;  // a batch can be started; a part of one is like a batch here
  std::condition_variable ready_;          // the next batch is done
  std::shared_ptr<const Epoch> epoch_;
  size_t started_ = 0;       // batches of the epoch that were started: at most slots_.size() more than delivered_
  size_t delivered_ = 0;     // batches that next() has returned
  std::vector<Slot> slots_;  // batch i is in slot i % slots_.size()

  std::vector<std::jthread> workers_;  // the last member: they are stopped and joined before the others are destroyed
};

Loader::Impl::Impl(Split split, const LoaderOptions& options) : split_(std::move(split)), options_(options) {
  check_split(split_);
  batches_per_epoch();                       // throws if the sizes give no batch
  backend_of(options.device);                // throws if it is not available
  share_of(1, options.rank, options.ranks);  // throws if there is no such rank
  check(options.part_size >= 0, "loader: parts of {} samples, expected at least 0", options.part_size);
  check(options.workers >= 0, "loader: {} worker threads, expected at least 0", options.workers);
  check(options.workers == 0 || options.prefetch >= 1,
        "loader: a prefetch of {} batches, expected at least 1 with worker threads", options.prefetch);
  choose_inputs();
  if (options.workers > 0) slots_.resize(static_cast<size_t>(options.prefetch));
  for (int i = 0; i < options.workers; ++i) {
    try {
      workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    } catch (const std::system_error& error) {
      fail("loader: cannot start worker thread {} of {}: {} (0 workers need none)", i + 1, options.workers,
           error.what());
    }
  }
}

// Images of bytes are normalised by a device that has memory of its own, so that a quarter of the bytes is copied. On
// the host, normalising them at once is one pass less.
void Loader::Impl::choose_inputs() {
  const Dataset& data = *split_.data;
  const Device device = options_.device;
  const std::vector<PixelScale> scales = data.pixel_scales();
  row_ = {data.sample_shape(), data.dtype()};
  if (wants_residence(data, options_)) {
    inputs_ = InputKind::windows;
    row_ = {{4}, DType::i32};
    ImageBytes::OnDevice images = data.images()->bytes().on(device);
    scale_ = images.scale;
    shift_ = images.shift;
    resident_pixels_ = images.pixels;
  } else if (!scales.empty() && features_of(device).free_memory()) {
    inputs_ = InputKind::bytes;
    row_.dtype = DType::u8;
    std::vector<float> scale, shift;
    for (const PixelScale& channel : scales) {
      scale.push_back(channel.scale);
      shift.push_back(channel.shift);
    }
    const Shape channels{static_cast<int64_t>(scales.size())};
    scale_ = Tensor::from(scale, channels, device);
    shift_ = Tensor::from(shift, channels, device);
    std::vector<int32_t> windows;
    const int64_t most = std::min(largest_share(), largest_part());
    for (int64_t i = 0; i < most; ++i) windows.insert(windows.end(), {static_cast<int32_t>(i), 0, 0, 0});
    whole_images_ = Tensor::from(windows, {most, 4}, device);
  }
}

void Loader::Impl::start_epoch(int number, int64_t first_batch) {
  check(number >= 0, "loader: epoch {}, expected at least 0", number);
  check(first_batch >= 0 && first_batch <= batches_per_epoch(), "loader: batch {} of an epoch of {}", first_batch,
        batches_per_epoch());
  auto epoch = std::make_shared<const Epoch>(make_epoch(number));
  {
    const std::scoped_lock lock(mutex_);
    epoch_ = std::move(epoch);
    started_ = delivered_ = first_batch == 0 ? 0 : epoch_->ends[static_cast<size_t>(first_batch) - 1];
    for (Slot& slot : slots_) slot = {};
  }
  startable_.notify_all();
}

Loader::Impl::Epoch Loader::Impl::make_epoch(int number) const {
  const RandomKey key{options_.seed, Purpose::shuffle, 0, static_cast<uint64_t>(number)};
  Epoch epoch{.number = number, .batches = {}, .pieces = {}, .ends = {}};
  epoch.batches = make_batches(options_.sampler, split_.labels, options_.batch_size, options_.last_batch, key);
  for (size_t batch = 0; batch < epoch.batches.size(); ++batch) {
    const BatchShare share = share_of(std::ssize(epoch.batches[batch]), options_.rank, options_.ranks);
    int64_t first = share.first;
    for (const int64_t size :
         part_sizes_of_share(std::ssize(epoch.batches[batch]), options_.rank, options_.ranks, largest_part())) {
      epoch.pieces.push_back({batch, first, size});
      first += size;
    }
    epoch.ends.push_back(epoch.pieces.size());
  }
  return epoch;
}

std::vector<Batch> Loader::Impl::next_parts() {
  check(epoch_ != nullptr, "loader: next_parts was called before start_epoch");
  const auto end = std::ranges::upper_bound(epoch_->ends, delivered_);
  std::vector<Batch> parts;
  while (end != epoch_->ends.end() && delivered_ < *end) parts.push_back(*next());
  return parts;
}

std::optional<Batch> Loader::Impl::next() {
  check(epoch_ != nullptr, "loader: next was called before start_epoch");
  if (delivered_ == epoch_->pieces.size()) return std::nullopt;
  if (!workers_.empty()) return finish(take_ready());
  Prepared prepared = prepare(*epoch_, delivered_);
  ++delivered_;
  return finish(std::move(prepared));
}

// While the next batch is not ready, the caller's thread reads batches that no worker has started instead of waiting.
// One worker fewer than there are cores therefore keeps all cores busy, also if reading takes longer than training.
Loader::Impl::Prepared Loader::Impl::take_ready() {
  std::optional<Prepared> batch;
  {
    std::unique_lock lock(mutex_);
    Slot& slot = slots_[delivered_ % slots_.size()];
    while (!slot.done()) {
      if (can_start())
        read_one(lock);
      else
        ready_.wait(lock);
    }
    if (slot.error) std::rethrow_exception(slot.error);
    batch.swap(slot.batch);
    ++delivered_;
  }
  startable_.notify_one();
  return std::move(*batch);
}

bool Loader::Impl::can_start() const {
  return epoch_ && started_ < epoch_->pieces.size() && started_ < delivered_ + slots_.size();
}

// Starts a batch, reads it with the lock released, and puts it into its slot.
void Loader::Impl::read_one(std::unique_lock<std::mutex>& lock) {
  const std::shared_ptr<const Epoch> epoch = epoch_;
  const size_t number = started_++;
  lock.unlock();
  Slot slot;
  try {
    slot.batch = prepare(*epoch, number);
  } catch (...) {
    slot.error = std::current_exception();
  }
  lock.lock();
  if (epoch != epoch_) return;  // start_epoch discarded this batch
  slots_[number % slots_.size()] = std::move(slot);
  if (number == delivered_) ready_.notify_one();
}

void Loader::Impl::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (startable_.wait(lock, stop, [&] { return can_start(); }) && !stop.stop_requested()) read_one(lock);
}

Loader::Impl::Prepared Loader::Impl::prepare(const Epoch& epoch, size_t number) const {
  const ProfileSpan span(EventKind::reading, "read a batch");
  const Piece& piece = epoch.pieces[number];
  const std::vector<int64_t>& whole = epoch.batches[piece.batch];
  const std::span positions =
      std::span(whole).subspan(static_cast<size_t>(piece.first), static_cast<size_t>(piece.count));
  Prepared prepared;
  Batch& batch = prepared.batch;
  batch.first = piece.first;
  if (options_.ranks > 1) batch.whole = whole_batch(whole);
  batch.host_labels.reserve(positions.size());
  batch.indices.reserve(positions.size());
  for (int64_t position : positions) {
    batch.host_labels.push_back(split_.labels[static_cast<size_t>(position)]);
    batch.indices.push_back(split_.indices[static_cast<size_t>(position)]);
  }
  const size_t labels = labels_at(row_.bytes(), positions.size()), labels_bytes = positions.size() * sizeof(int32_t);
  prepared.upload = features_of(options_.device).upload(labels + labels_bytes);
  std::byte* out = prepared.upload->values();
  std::memcpy(out + labels, batch.host_labels.data(), labels_bytes);
  for (int64_t index : batch.indices) {
    try {
      write_row(index, augmentation_key(options_.seed, epoch.number, index), out);
    } catch (const Error& error) {
      throw ReadError(error.what());
    }
    out += row_.bytes();
  }
  prepared.upload->start();
  return prepared;
}

std::shared_ptr<const WholeBatch> Loader::Impl::whole_batch(const std::vector<int64_t>& positions) const {
  auto whole = std::make_shared<WholeBatch>();
  for (const int64_t position : positions) {
    whole->labels.push_back(split_.labels[static_cast<size_t>(position)]);
    whole->indices.push_back(split_.indices[static_cast<size_t>(position)]);
  }
  whole->shared_out = whole->size() * (whole->size() < options_.ranks ? options_.ranks : 1);
  return whole;
}

void Loader::Impl::write_row(int64_t index, const RandomKey& augmentation, std::byte* out) const {
  switch (inputs_) {
    case InputKind::samples: return split_.data->read(index, augmentation, out);
    case InputKind::bytes: return split_.data->read_bytes(index, augmentation, reinterpret_cast<uint8_t*>(out));
    case InputKind::windows: {
      const ImageWindow window = split_.data->images()->window(index, augmentation);
      const int32_t row[4] = {window.image, window.row, window.column, window.mirrored};
      std::memcpy(out, row, sizeof(row));
      return;
    }
  }
}

Batch Loader::Impl::finish(Prepared prepared) const {
  Batch& batch = prepared.batch;
  const Tensor values = prepared.upload->finish();
  batch.inputs = inputs_of(values.part(0, row_.of_batch(batch.size()), row_.dtype));
  batch.labels = values.part(labels_at(row_.bytes(), batch.indices.size()), {batch.size()}, DType::i32);
  return std::move(batch);
}

// The inputs (N, sample shape) from what was copied of each sample, (N, row shape).
Tensor Loader::Impl::inputs_of(const Tensor& row_values) const {
  if (inputs_ == InputKind::samples) return row_values;
  const Shape sample = split_.data->sample_shape();
  if (inputs_ == InputKind::windows)
    return images_from_bytes(resident_pixels_, row_values, scale_, shift_, sample[0], sample[1]);
  const Tensor whole = whole_images_.part(0, {row_values.dim(0), 4}, DType::i32);
  return images_from_bytes(row_values, whole, scale_, shift_, sample[0], sample[1]);
}

Loader::Loader(Split split, const LoaderOptions& options) : impl_(std::make_unique<Impl>(std::move(split), options)) {}
Loader::~Loader() = default;
void Loader::start_epoch(int epoch, int64_t first_batch) {
  impl_->start_epoch(epoch, first_batch);
}
std::optional<Batch> Loader::next() {
  return impl_->next();
}
std::vector<Batch> Loader::next_parts() {
  return impl_->next_parts();
}
bool Loader::resident() const {
  return impl_->resident();
}
int64_t Loader::batches_per_epoch() const {
  return impl_->batches_per_epoch();
}

}  // namespace cofactor
