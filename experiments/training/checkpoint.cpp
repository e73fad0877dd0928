#include "experiments/training/checkpoint.h"

#include <charconv>
#include <sstream>
#include <string_view>

#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/safetensors.h"
#include "engine/io/utf8.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

Json to_json(const EpochMetrics& epoch) {
  return {{"epoch", epoch.epoch},
          {"lr", epoch.lr},
          {"train_loss", epoch.train_loss},
          {"batches", epoch.batches},
          {"skipped_batches", epoch.skipped_batches},
          {"valid_loss", json_number(epoch.valid_loss)},
          {"valid_accuracy", epoch.valid_accuracy},
          {"seconds", epoch.seconds}};
}

EpochMetrics epoch_from(const Json& json) {
  EpochMetrics epoch;
  epoch.epoch = field<int>(json, "epoch");
  epoch.lr = field<double>(json, "lr");
  epoch.train_loss = field<double>(json, "train_loss");
  epoch.batches = field<int64_t>(json, "batches");
  epoch.skipped_batches = field<int64_t>(json, "skipped_batches");
  epoch.valid_loss = number_field(json, "valid_loss");
  epoch.valid_accuracy = field<double>(json, "valid_accuracy");
  epoch.seconds = field<double>(json, "seconds");
  return epoch;
}

// Adds an epoch to the history, which counts from 0. `where` begins what an Error says.
void add_epoch(std::vector<EpochMetrics>& history, const Json& json, const std::string& where) {
  try {
    history.push_back(epoch_from(json));
  } catch (const Error& error) {
    fail("{}: not the metrics of an epoch: {}", where, error.what());
  }
  const auto expected = static_cast<int>(history.size()) - 1;
  check(history.back().epoch == expected, "{}: epoch {}, expected {}", where, history.back().epoch, expected);
}

Json to_json(const PartialEpoch& partial) {
  return {{"batches", partial.batches},
          {"skipped_batches", partial.skipped_batches},
          {"loss_sum", partial.loss_sum},
          {"seconds", partial.seconds}};
}

PartialEpoch partial_from(const Json& json, const fs::path& path) {
  PartialEpoch partial;
  partial.batches = field<int64_t>(json, "batches");
  partial.skipped_batches = field<int64_t>(json, "skipped_batches");
  partial.loss_sum = field<double>(json, "loss_sum");
  partial.seconds = field<double>(json, "seconds");
  check(partial.batches >= 1 && partial.skipped_batches >= 0 && partial.skipped_batches <= partial.batches,
        "{}: {} batches of an epoch are done, {} of them skipped", path.string(), partial.batches,
        partial.skipped_batches);
  return partial;
}

// A checkpoint's tensors stand in one file under these prefixes.
constexpr std::string_view kModel = "model.", kBest = "best.", kOptimizer = "optimizer.", kLoss = "loss.";

void add(std::vector<NamedTensor>& all, std::string_view prefix, const std::vector<NamedTensor>& tensors) {
  for (const NamedTensor& named : tensors) all.push_back({std::string(prefix) + named.name, named.tensor});
}

std::vector<NamedTensor> part(const std::vector<NamedTensor>& all, std::string_view prefix, Device device) {
  std::vector<NamedTensor> tensors;
  for (const NamedTensor& named : all) {
    if (named.name.starts_with(prefix)) tensors.push_back({named.name.substr(prefix.size()), named.tensor.to(device)});
  }
  return tensors;
}

const std::string& metadata_of(const SafetensorsFile& file, const std::string& key, const fs::path& path) {
  const auto found = file.metadata.find(key);
  check(found != file.metadata.end(), "{}: its metadata has no '{}': not a file of an experiment", path.string(), key);
  return found->second;
}

Json json_of(const SafetensorsFile& file, const std::string& key, const fs::path& path) {
  const std::string& text = metadata_of(file, key, path);
  try {
    return parse_json(text);
  } catch (const Error& error) {
    fail("{}: its {}: {}", path.string(), key, error.what());
  }
}

int count_of(const SafetensorsFile& file, const std::string& key, const fs::path& path) {
  const std::string text = metadata_of(file, key, path);
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  check(error == std::errc() && end == text.data() + text.size() && count >= 1,
        "{}: its {} are '{}', expected a number from 1 on", path.string(), key, legible(text));
  return count;
}

}  // namespace

void save_checkpoint(const fs::path& path, const Checkpoint& checkpoint) {
  SafetensorsFile file;
  file.metadata = {{"settings", checkpoint.settings},
                   {"threads", fmt::format("{}", checkpoint.threads)},
                   {"history", write_json(history_json(checkpoint.history))}};
  if (checkpoint.ranks > 1) file.metadata["ranks"] = fmt::format("{}", checkpoint.ranks);
  if (checkpoint.partial) file.metadata["partial"] = write_json(to_json(*checkpoint.partial));
  add(file.tensors, kModel, checkpoint.model);
  add(file.tensors, kBest, checkpoint.best);
  add(file.tensors, kOptimizer, checkpoint.optimizer);
  add(file.tensors, kLoss, checkpoint.loss);
  save_safetensors(path, file);
}

Checkpoint load_checkpoint(const fs::path& path, Device device) {
  return parse_checkpoint(read_file(path), path, device);
}

Checkpoint parse_checkpoint(std::string_view contents, const fs::path& path, Device device) {
  const SafetensorsFile file = parse_safetensors(contents, path, kHost);
  Checkpoint checkpoint;
  checkpoint.settings = metadata_of(file, "settings", path);
  try {
    checkpoint.threads = count_of(file, "threads", path);
    if (file.metadata.contains("ranks")) checkpoint.ranks = count_of(file, "ranks", path);
    checkpoint.history = history_from(json_of(file, "history", path), fmt::format("{}: its history", path.string()));
    if (file.metadata.contains("partial")) {
      checkpoint.partial = partial_from(json_of(file, "partial", path), path);
    }
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail("{}: its metadata is malformed: {}", path.string(), error.what());
  }
  check(!checkpoint.history.empty() || checkpoint.partial, "{}: a checkpoint without an epoch", path.string());
  checkpoint.model = part(file.tensors, kModel, kHost);
  checkpoint.best = part(file.tensors, kBest, kHost);
  checkpoint.optimizer = part(file.tensors, kOptimizer, device);
  checkpoint.loss = part(file.tensors, kLoss, kHost);
  return checkpoint;
}

void save_weights(const fs::path& path, const Weights& weights) {
  save_safetensors(path, {weights.tensors, {{"format", "pt"}, {"settings", weights.settings}}});
}

Weights load_weights(const fs::path& path) {
  return parse_weights(read_file(path), path);
}

Weights parse_weights(std::string_view contents, const fs::path& path) {
  SafetensorsFile file = parse_safetensors(contents, path, kHost);
  return {metadata_of(file, "settings", path), std::move(file.tensors)};
}

void write_metrics(const fs::path& path, const std::vector<EpochMetrics>& history) {
  std::string text;
  for (const EpochMetrics& epoch : history) text += write_json(to_json(epoch)) + "\n";
  write_file_atomically(path, text);
}

std::vector<EpochMetrics> read_metrics(const fs::path& path) {
  return parse_metrics(read_file(path), path);
}

std::vector<EpochMetrics> parse_metrics(const std::string& contents, const fs::path& path) {
  std::istringstream lines(contents);
  std::vector<EpochMetrics> history;
  for (std::string line; std::getline(lines, line);) {
    const std::string where = fmt::format("{}, line {}", path.string(), history.size() + 1);
    Json json;
    try {
      json = parse_json(line);
    } catch (const Error& error) {
      fail("{}: not the metrics of an epoch: {}", where, error.what());
    }
    add_epoch(history, json, where);
  }
  return history;
}

Json history_json(const std::vector<EpochMetrics>& history) {
  Json list = Json::array();
  for (const EpochMetrics& epoch : history) list.push_back(to_json(epoch));
  return list;
}

std::vector<EpochMetrics> history_from(const Json& list, const std::string& where) {
  check(list.is_array(), "{}: a JSON {}, expected a list of epochs", where, list.type_name());
  std::vector<EpochMetrics> history;
  for (const Json& epoch : list) add_epoch(history, epoch, where);
  return history;
}

}  // namespace cofactor
