// What a training phase writes: the metrics of each epoch, a checkpoint to resume from, and the selected weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/named_tensor.h"

namespace cofactor {

struct EpochMetrics {
  int epoch = 0;  // from 0
  double lr = 0.0;
  double train_loss = 0.0;                   // mean over the batches that were not skipped
  int64_t batches = 0, skipped_batches = 0;  // all, and those that carried no signal for the loss
  double valid_loss = 0.0;                   // the method's own, over the whole noisy validation set; may be +infinity
  double valid_accuracy = 0.0;               // percent, on noisy labels
  double seconds = 0.0;

  bool operator==(const EpochMetrics&) const = default;
};

// How far an unfinished epoch has come.
struct PartialEpoch {
  int64_t batches = 0, skipped_batches = 0;  // done, and those of them that were skipped
  double loss_sum = 0.0;                     // over the batches that were not skipped
  double seconds = 0.0;

  bool operator==(const PartialEpoch&) const = default;
};

// Everything that a phase needs to continue, after the last epoch of `history` or within the next one, as if it had
// never stopped.
struct Checkpoint {
  std::string settings;  // a JSON object: everything that decides the result (run_settings.h)
  int threads = 0;       // of the host's kernels; another number may change the last digits
  int ranks = 1;         // that shared the batches; with another number the result differs
  std::vector<EpochMetrics> history;
  std::optional<PartialEpoch> partial{};  // of the epoch that follows `history`; none between two epochs
  std::vector<NamedTensor> model, best;   // weights and buffers now, and of the selected epoch so far; on the host
  std::vector<NamedTensor> optimizer;     // on the device
  std::vector<NamedTensor> loss{};        // what the loss keeps between steps; on the host
};

// One safetensors file, written whole or not at all. load_checkpoint reads the optimizer's state onto `device`. It
// throws Error, with the path, where the file is cut short or is not a checkpoint.
void save_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);
Checkpoint load_checkpoint(const std::filesystem::path& path, Device device);
// The same for the bytes of a file that was read already, as are parse_weights and parse_metrics.
Checkpoint parse_checkpoint(std::string_view contents, const std::filesystem::path& path, Device device);

// The selected weights under PyTorch's names in PyTorch's layout, with the settings as metadata.
struct Weights {
  std::string settings;
  std::vector<NamedTensor> tensors;
};
void save_weights(const std::filesystem::path& path, const Weights& weights);
Weights load_weights(const std::filesystem::path& path);
Weights parse_weights(std::string_view contents, const std::filesystem::path& path);

// One line of JSON per epoch, written whole or not at all. read_metrics throws Error unless the file holds epochs 0, 1,
// 2 and so on.
void write_metrics(const std::filesystem::path& path, const std::vector<EpochMetrics>& history);
std::vector<EpochMetrics> read_metrics(const std::filesystem::path& path);
std::vector<EpochMetrics> parse_metrics(const std::string& contents, const std::filesystem::path& path);

// The same as a list in JSON. history_from throws Error, which `where` begins, unless it holds epochs 0, 1, 2 and so
// on.
nlohmann::ordered_json history_json(const std::vector<EpochMetrics>& history);
std::vector<EpochMetrics> history_from(const nlohmann::ordered_json& list, const std::string& where);

}  // namespace cofactor
