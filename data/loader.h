// Batches of a split, read ahead on threads of the loader's own.
#pragma once

#include <memory>
#include <optional>

#include "data/dataset.h"
#include "data/sampler.h"
#include "engine/batch.h"

namespace cofactor {

// Whether a data set's images are copied to the device as bytes, once, and batches made of them there. Data sets that
// hold no such images, and devices that work in the host's memory, have their samples made on the host.
enum class Resident {
  automatic,  // where the device has memory of its own and the bytes take at most a quarter of what is free
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
  SamplerKind sampler = SamplerKind::shuffled;
  LastBatch last_batch = LastBatch::keep;
  uint64_t seed = 0;  // of the order and of augmentation
  Device device = Device::cpu;
  int workers = 1;   // threads that read ahead, beside the caller's, which reads where it would wait; 0: none
  int prefetch = 4;  // batches held ready
  Resident resident = Resident::automatic;
};

// The stream of a sample's augmentation draws in an epoch: {seed, augmentation, 0, epoch * 2^32 + index}, so that the
// draws depend on the seed, the epoch and the sample's index in its data set alone.
RandomKey augmentation_key(uint64_t seed, int epoch, int64_t index);

// Iterates over one epoch after another:
//   Loader loader(split, options);
//   loader.start_epoch(epoch);
//   while (auto batch = loader.next()) ...
// The batches of an epoch depend on the split, the options and the epoch's number alone, not on workers, prefetch or
// residence, and are the same on every device, to the bit.
// A loader is used by one thread at a time.
class Loader {
 public:
  // Throws Error where the split is empty or does not fit its data set (an index outside it, a label outside
  // [0, classes), labels that are more or fewer than the indices), for options that make no batches, where the
  // device is not available, and where Resident::on meets a data set that holds no images as bytes.
  Loader(Split split, const LoaderOptions& options);
  // Does not wait for the end of the epoch, only for the batches that are being read.
  ~Loader();

  // Begins an epoch at one of its batches, dropping what is left of the epoch before; the batches before it are not
  // read. `first_batch` may be the number of batches: then none is left. Throws Error outside [0, batches_per_epoch].
  void start_epoch(int epoch, int64_t first_batch = 0);
  // The next batch, or nothing at the end of the epoch. An error in reading a batch, also in a worker thread, is thrown
  // here when that batch is due (a ReadError where the data set threw an Error); the epoch does not go on behind it.
  std::optional<Batch> next();
  int64_t batches_per_epoch() const;
  // Whether the images lie on the device as bytes.
  bool resident() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cofactor
