// One batch of a data set: made by data/, read by losses/.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/tensor.h"

namespace cofactor {

// The batch that ranks divide among them (docs/distributed.md). A rank's own Batch has its share of the samples.
struct WholeBatch {
  std::vector<int32_t> labels;   // of all its samples, on the host
  std::vector<int64_t> indices;  // likewise
  // The sizes of all ranks' shares added up. Where the batch has fewer samples than there are ranks, every rank has all
  // of them, and this is a multiple of labels.size().
  int64_t shared_out = 0;

  int64_t size() const { return static_cast<int64_t>(labels.size()); }
  // How many ranks have each sample.
  int64_t copies() const { return shared_out / size(); }
};

struct Batch {
  Tensor inputs;                     // (N, ...) as the network takes them
  Tensor labels;                     // (N) i32, on the inputs' device; each in [0, classes)
  std::vector<int32_t> host_labels;  // the same labels on the host, to be read without waiting for the device
  std::vector<int64_t> indices;      // of the samples in the data set
  int64_t first = 0;                 // place of the first sample in the whole batch: of a rank's share, or of a part
  std::shared_ptr<const WholeBatch> whole{};  // of which these samples are a rank's; null: there is one rank

  int64_t size() const { return static_cast<int64_t>(host_labels.size()); }
};

}  // namespace cofactor
