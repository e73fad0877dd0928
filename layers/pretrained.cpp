#include "layers/pretrained.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "engine/error.h"
#include "engine/ops/elementwise.h"

namespace cofactor {

namespace {

constexpr std::string_view kBatchCounter = "num_batches_tracked";

// "classifier.6" for "classifier.6.bias"; empty for a tensor of the network itself.
std::string layer_of(const std::string& name) {
  const size_t dot = name.rfind('.');
  return dot == std::string::npos ? std::string() : name.substr(0, dot);
}

// Whether only the first extents differ, as in the weight or bias of a classifier for other classes.
bool same_but_rows(const Shape& a, const Shape& b) {
  return a.rank() == b.rank() && a.rank() >= 1 && a[0] != b[0] && std::equal(a.begin() + 1, a.end(), b.begin() + 1);
}

using State = std::map<std::string, Tensor>;

State by_name(const std::vector<NamedTensor>& tensors) {
  State state;
  for (const auto& [name, tensor] : tensors)
    check(state.emplace(name, tensor).second, "load_pretrained: '{}' is given twice", name);
  return state;
}

// The most frequent text before the names of the network's tensors in the state, such as "module."; empty if no prefix
// is more frequent than none.
std::string common_prefix(const std::vector<NamedTensor>& own, const State& state) {
  const auto known = by_name(own);
  const size_t longest =
      std::ranges::max(own, {}, [](const NamedTensor& named) { return named.name.size(); }).name.size();
  std::map<std::string, size_t> counts;
  for (const auto& [name, tensor] : state) {
    if (known.contains(name)) ++counts[""];
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      if (name.size() - dot - 1 <= longest && known.contains(name.substr(dot + 1))) ++counts[name.substr(0, dot + 1)];
    }
  }
  std::string prefix;
  for (const auto& [candidate, count] : counts)
    if (count > counts[prefix]) prefix = candidate;
  return prefix;
}

// Removes a prefix from the names, and the tensors without it. Returns a report.
std::string remove_prefix(const std::string& prefix, State& state) {
  if (prefix.empty()) return {};
  State stripped;
  std::vector<std::string> others;
  for (const auto& [name, tensor] : state) {
    if (name.starts_with(prefix)) {
      stripped[name.substr(prefix.size())] = tensor;
    } else {
      others.push_back(name);
    }
  }
  state = std::move(stripped);
  std::string report = fmt::format("; the prefix '{}' was removed from their names", prefix);
  if (others.empty()) return report;
  return report + fmt::format(" and {} without it were ignored ({}{})", others.size(), others.front(),
                              others.size() > 1 ? " and others" : "");
}

// Whether the tensor is the counter of a batch norm.
bool is_counter(const std::string& name) {
  return name.substr(name.rfind('.') + 1) == kBatchCounter;
}

// Converts a counter from a floating dtype back to a whole number; 0 if it was too large for that dtype.
Tensor whole_counter(const Tensor& counter, DType dtype) {
  const std::vector<double> values = cast(counter, DType::f64).to_vector<double>();
  const double count = values.empty() || !(values[0] >= 0.0 && values[0] < 2147483648.0) ? 0.0 : values[0];
  return Tensor::full(counter.shape(), count, dtype, kHost);
}

// Converts tensors in another floating dtype than that of the network. Returns a report.
std::string convert_dtypes(const std::vector<NamedTensor>& own, State& state) {
  std::map<DType, size_t> converted;
  for (const auto& [name, tensor] : own) {
    const auto given = state.find(name);
    if (given == state.end() || !given->second.defined()) continue;
    const DType from = given->second.dtype();
    if (is_floating(from) && is_counter(name)) given->second = whole_counter(given->second, tensor.dtype());
    if (from == tensor.dtype() || !is_floating(from) || !is_floating(tensor.dtype())) continue;
    given->second = cast(given->second, tensor.dtype());
    ++converted[from];
  }
  std::string report;
  for (const auto& [from, count] : converted) report += fmt::format("; {} converted from {} to f32", count, from);
  return report;
}

void check_finite(const std::vector<NamedTensor>& own, const State& state) {
  for (const auto& [name, tensor] : own) {
    const auto given = state.find(name);
    if (given == state.end() || !given->second.defined() || given->second.dtype() != DType::f32) continue;
    const std::vector<float> values = given->second.to_vector<float>();
    const auto bad = std::ranges::find_if_not(values, [](float value) { return std::isfinite(value); });
    check(bad == values.end(), "load_pretrained: element {2} of '{0}' is {1}, expected finite weights", name,
          bad == values.end() ? 0.0f : *bad, bad - values.begin());
  }
}

// Whether all tensors of `layer` in the state are for the same other number of classes. Appends the differences to
// `differences`.
bool is_for_other_classes(const std::string& layer, const std::vector<NamedTensor>& own, const State& state,
                          std::vector<std::string>& differences) {
  int64_t rows = -1;
  for (const auto& [name, tensor] : own) {
    if (layer_of(name) != layer) continue;
    const auto given = state.find(name);
    if (given == state.end() || !given->second.defined() || given->second.dtype() != tensor.dtype()) return false;
    const Shape& shape = given->second.shape();
    if (!same_but_rows(shape, tensor.shape()) || (rows >= 0 && shape[0] != rows)) return false;
    rows = shape[0];
    differences.push_back(
        fmt::format("{} has shape {} in the state and {} in the network", name, shape, tensor.shape()));
  }
  return true;
}

// Replaces the classifier of the state by the network's own if it is missing or for other classes. Otherwise does
// nothing, and load_state reports errors. Adds the number of tensors to `kept`. Returns a report.
std::string keep_classifier(const std::string& layer, const std::vector<NamedTensor>& own, State& state, size_t& kept) {
  const auto keep = [&](const std::string& part) {
    for (const auto& [name, tensor] : own) {
      if (!name.starts_with(part + ".")) continue;
      state[name] = tensor;
      ++kept;
    }
  };
  const auto lacks = [&](const std::string& part) {
    const auto next = state.lower_bound(part + ".");
    return next == state.end() || !next->first.starts_with(part + ".");
  };
  if (layer.empty()) return {};
  for (const std::string& part : {layer.substr(0, layer.find('.')), layer}) {
    if (!lacks(part)) continue;
    keep(part);
    return fmt::format("; {} keeps its initial weights: it is not in the state", part);
  }
  std::vector<std::string> differences;
  if (!is_for_other_classes(layer, own, state, differences)) return {};
  keep(layer);
  return fmt::format("; {} keeps its initial weights: {}", layer, fmt::join(differences, ", "));
}

// Adds the counters of batch norms that are missing in the state, as 0. Returns their number.
size_t add_batch_counters(const std::vector<NamedTensor>& own, State& state) {
  size_t added = 0;
  for (const auto& [name, tensor] : own) {
    if (!is_counter(name) || state.contains(name)) continue;
    state[name] = Tensor::zeros(tensor.shape(), tensor.dtype(), kHost);
    ++added;
  }
  return added;
}

}  // namespace

std::string load_pretrained(Module& module, const std::vector<NamedTensor>& state) {
  const auto parameters = module.parameters();
  check(!parameters.empty(), "load_pretrained: the network has no parameters");
  const std::vector<NamedTensor> own = module.state();

  State given = by_name(state);
  std::string report = remove_prefix(common_prefix(own, given), given);
  const auto is_own = [&](const NamedTensor& named) { return given.contains(named.name); };
  check(
      std::ranges::any_of(own, is_own),
      "load_pretrained: none of the {} tensors of the state is one of this network: the first is '{}' in the state and "
      "'{}' in the network",
      state.size(), state.empty() ? "" : state.front().name, own.front().name);
  report += convert_dtypes(own, given);
  check_finite(own, given);
  size_t kept = 0;
  report += keep_classifier(layer_of(parameters.back().name), own, given, kept);
  const size_t counters = add_batch_counters(own, given);
  if (counters > 0) report += fmt::format("; {} {} are not in the state and start at 0", counters, kBatchCounter);

  std::vector<NamedTensor> merged;
  for (auto& [name, tensor] : given) merged.push_back({name, tensor});
  module.load_state(merged);
  return fmt::format("loaded {} of {} tensors{}", own.size() - kept - counters, own.size(), report);
}

}  // namespace cofactor
