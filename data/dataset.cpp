#include "data/dataset.h"

#include <cstddef>
#include <numeric>

#include "data/checksum.h"
#include "engine/error.h"

namespace cofactor {

void Dataset::read_bytes(int64_t index, const RandomKey& /*augmentation*/, uint8_t* /*out*/) const {
  fail("data: sample {} is not an image of bytes", index);
}

SampleContents Dataset::contents(const std::vector<int64_t>& indices, int /*threads*/) const {
  SampleContents found;
  // A vector of floats is aligned for values of every dtype.
  const size_t bytes = static_cast<size_t>(sample_shape().numel()) * size_of(dtype());
  std::vector<float> values((bytes + sizeof(float) - 1) / sizeof(float));
  for (const int64_t index : indices) {
    read(index, {}, values.data());
    found.checksums.push_back(checksum_of(values.data(), bytes));
  }
  return found;
}

void check_labels(std::string_view what, const std::vector<int32_t>& labels, int64_t classes) {
  check(classes >= 1, "{}: {} classes, expected at least 1", what, classes);
  for (size_t i = 0; i < labels.size(); ++i)
    check(labels[i] >= 0 && labels[i] < classes, "{}: label {} of sample {} does not lie in [0, {})", what, labels[i],
          i, classes);
}

std::vector<int64_t> Split::class_counts() const {
  check(data != nullptr, "split: it has no data set");
  check_labels("split", labels, data->classes());
  std::vector<int64_t> counts(static_cast<size_t>(data->classes()));
  for (const int32_t label : labels) ++counts[static_cast<size_t>(label)];
  return counts;
}

Split make_split(std::shared_ptr<const Dataset> data, int64_t first, int64_t count) {
  check(data != nullptr, "split: it has no data set");
  const int64_t size = data->size();
  check(first >= 0 && count >= 0 && first <= size && count <= size - first,
        "split: {} samples from sample {} on, in a data set of {}", count, first, size);
  Split split;
  split.indices.resize(static_cast<size_t>(count));
  std::iota(split.indices.begin(), split.indices.end(), first);
  split.labels.assign(data->labels().begin() + first, data->labels().begin() + first + count);
  split.data = std::move(data);
  return split;
}

Split make_split(std::shared_ptr<const Dataset> data, const std::vector<int64_t>& order, int64_t first, int64_t count) {
  check(data != nullptr, "split: it has no data set");
  const auto ordered = static_cast<int64_t>(order.size());
  check(first >= 0 && count >= 0 && first <= ordered && count <= ordered - first,
        "split: {} samples from position {} on, in an order of {}", count, first, ordered);
  Split split;
  split.indices.assign(order.begin() + first, order.begin() + first + count);
  split.labels.reserve(split.indices.size());
  for (const int64_t index : split.indices) {
    check(index >= 0 && index < data->size(), "split: sample {} does not exist in a data set of {}", index,
          data->size());
    split.labels.push_back(data->labels()[static_cast<size_t>(index)]);
  }
  split.data = std::move(data);
  return split;
}

Split make_split(std::shared_ptr<const Dataset> data, const std::vector<int64_t>& order) {
  return make_split(std::move(data), order, 0, static_cast<int64_t>(order.size()));
}

}  // namespace cofactor
