#include "layers/pretrained.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "engine/error.h"

namespace cofactor {

namespace {

constexpr std::string_view kBatchCounter = "num_batches_tracked";

// "classifier.6" of "classifier.6.bias"; empty for a tensor of the network itself.
std::string layer_of(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? std::string() : name.substr(0, dot);
}

// Whether the extents agree from the second one on: a classifier's weight or bias for other classes.
bool same_but_rows(const Shape& a, const Shape& b) {
  return a.rank() == b.rank() && a.rank() >= 1 && a[0] != b[0] && std::equal(a.begin() + 1, a.end(), b.begin() + 1);
}

// Where every tensor of `layer` in the state is for one other number of classes: puts the network's own in their place
// and returns what differed; else does nothing, and load_state judges.
std::vector<std::string> keep_classifier(const std::string& layer, const std::vector<NamedTensor>& own,
                                         std::vector<NamedTensor>& state) {
  std::vector<std::string> differences;
  std::vector<std::pair<Tensor*, Tensor>> replacements;
  int64_t rows = -1;
  for (const auto& [name, tensor] : own) {
    if (layer_of(name) != layer) continue;
    const auto given = std::ranges::find(state, name, &NamedTensor::name);
    if (given == state.end() || !given->tensor.defined() || given->tensor.dtype() != tensor.dtype()) return {};
    const Shape& shape = given->tensor.shape();
    if (!same_but_rows(shape, tensor.shape()) || (rows >= 0 && shape[0] != rows)) return {};
    rows = shape[0];
    differences.push_back(fmt::format("{} is {} in the state and {} in the network", name, shape, tensor.shape()));
    replacements.emplace_back(&given->tensor, tensor);
  }
  for (const auto& [place, tensor] : replacements) *place = tensor;
  return differences;
}

// Adds the batch norms' counters that the state lacks, as 0; returns how many.
size_t add_batch_counters(const std::vector<NamedTensor>& own, std::vector<NamedTensor>& state) {
  size_t added = 0;
  for (const auto& [name, tensor] : own) {
    if (name.substr(name.rfind('.') + 1) != kBatchCounter) continue;
    if (std::ranges::find(state, name, &NamedTensor::name) != state.end()) continue;
    state.push_back({name, Tensor::zeros(tensor.shape(), tensor.dtype(), Device::reference)});
    ++added;
  }
  return added;
}

}  // namespace

std::string load_pretrained(Module& module, const std::vector<NamedTensor>& state) {
  const auto parameters = module.parameters();
  check(!parameters.empty(), "load_pretrained: the network has no parameters");
  const std::string classifier = layer_of(parameters.back().name);
  const std::vector<NamedTensor> own = module.state();

  std::vector<NamedTensor> merged = state;
  const std::vector<std::string> kept = keep_classifier(classifier, own, merged);
  const size_t counters = add_batch_counters(own, merged);
  module.load_state(merged);

  std::string report = fmt::format("loaded {} of {} tensors", own.size() - kept.size() - counters, own.size());
  if (!kept.empty()) report += fmt::format("; {} starts anew: {}", classifier, fmt::join(kept, ", "));
  if (counters > 0) report += fmt::format("; {} {} are not in the state and start at 0", counters, kBatchCounter);
  return report;
}

}  // namespace cofactor
