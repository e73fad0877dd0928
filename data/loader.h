// Loads a split in batches, which are read ahead on threads of the loader's own.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "data/dataset.h"
#include "data/sampler.h"
#include "engine/batch.h"

namespace cofactor {

// Whether the bytes of a data set's images are copied to the device once, and batches are made there. Other samples,
// and those for devices that use the host's memory, are made on the host. A device with memory of its own gets images
// as bytes wherever the data set has them (Dataset::pixel_scales), and normalises them.
enum class Resident {
  automatic,  // if the device has memory of its own and the bytes take at most a quarter of what is free
  on,         // on any device
  off
};

// A sample of the data set cannot be read.
class ReadError : public Error {
 public:
  using Error::Error;
};

struct LoaderOptions {
  int64_t batch_size = 128;
  int64_t part_size = 0;    // a batch is read and delivered in parts of at most this many samples; 0: whole
  int rank = 0, ranks = 1;  // of each batch only the share of rank `rank` is read (share_of in sampler.h)
  SamplerKind sampler = SamplerKind::shuffled;
  LastBatch last_batch = LastBatch::keep;
  uint64_t seed = 0;  // of the order of the samples, and of augmentation
  Device device = Device::cpu;
  int workers = 1;   // threads that read ahead; the caller's thread reads too when it would wait; 0: only the caller's
  int prefetch = 4;  // batches, or parts, that are kept ready
  Resident resident = Resident::automatic;
};

// The random stream for augmenting a sample in an epoch: {seed, augmentation, 0, epoch * 2^32 + index}. The draws
// depend only on the seed, the epoch and the sample's index in its data set.
RandomKey augmentation_key(uint64_t seed, int epoch, int64_t index);

// Iterates over the batches of one epoch after another:
//   Loader loader(split, options);
//   loader.start_epoch(epoch);
//   while (auto batch = loader.next()) ...
// Several ranks that give the same split and options, each its own number, get the same batches, each its share.
// A batch (engine/batch.h) has inputs (B, sample shape) and labels (B) on the device, B being at most the batch size.
// The batches of an epoch depend only on the split, the options and the epoch's number, not on workers, prefetch or
// resident, and have the same bits on every device. A loader may be used by one thread at a time.
class Loader {
 public:
  // Throws Error if the split is empty or does not fit its data set (an index or a label out of range, or not one label
  // per index), if the options give no batches, if the device is not available, if a thread cannot be started, and if
  // `resident` is on but the data set is not an ImageArray.
  Loader(Split split, const LoaderOptions& options);
  // Waits only for the batches that are being read.
  ~Loader();

  // Starts an epoch at one of its batches, and discards what is left of the previous epoch. The batches before
  // `first_batch` are not read; if it is the number of batches, none is left. Throws Error if it is not in
  // [0, batches_per_epoch()].
  void start_epoch(int epoch, int64_t first_batch = 0);
  // The next batch, or nothing at the end of the epoch. An exception in reading a batch, on any thread, is thrown here
  // when that batch is due, and again at each further call until a new epoch is started; an Error of the data set is
  // thrown as ReadError.
  // With part_size it is the next part.
  std::optional<Batch> next();
  // All parts of the next batch, in order; one without part_size. Empty at the end of the epoch. Throws as next() does.
  std::vector<Batch> next_parts();
  int64_t batches_per_epoch() const;
  // Whether the images' bytes are kept on the device.
  bool resident() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cofactor
