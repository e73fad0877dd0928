#include "data/sets/feature_array.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "data/checksum.h"
#include "data/parallel_for.h"
#include "engine/error.h"

namespace cofactor {

namespace {

constexpr int64_t kRowsAtOnce = 1024;  // that one thread checks

bool all_finite(const std::vector<double>& values) {
  // A sum of products with zero is NaN if a value is not finite, and is computed several values at once.
  double sum = 0;
  for (const double value : values) sum += 0.0 * value;
  return sum == 0;
}

// 1 / std, or 1 for a column whose std is zero or so small that its reciprocal overflows.
double scale_factor(double std) {
  const double factor = 1 / std;
  return std > 0 && std::isfinite(factor) ? factor : 1;
}

}  // namespace

std::shared_ptr<const NpyArray> open_features(const std::filesystem::path& file) {
  auto features = std::make_shared<const NpyArray>(file);
  check(is_floating(features->type()), "{}: features of type {}, expected f4 or f8; save x.astype('float32')",
        features->name(), name_of(features->type()));
  check(features->shape().size() == 2, "{}: an array of shape {}, expected (samples, features)", features->name(),
        features->shape_text());
  check(features->elements() > 0, "{}: an array of shape {} has no features", features->name(), features->shape_text());
  return features;
}

FeatureScaling measure_scaling(const NpyArray& features, const std::vector<int64_t>& rows) {
  const auto columns = static_cast<size_t>(features.row_elements());
  FeatureScaling scaling{.mean = std::vector<double>(columns), .std = std::vector<double>(columns)};
  std::vector<double>& squares = scaling.std;  // sums of squared differences from the mean
  std::vector<double> row(columns);
  int64_t count = 0;
  for (const int64_t index : rows) {
    features.read_row(index, row);
    if (!all_finite(row)) continue;
    const double share = 1 / static_cast<double>(++count);
    for (size_t c = 0; c < columns; ++c) {
      const double difference = row[c] - scaling.mean[c];
      scaling.mean[c] += difference * share;
      squares[c] += difference * (row[c] - scaling.mean[c]);
    }
  }
  check(count > 0, "{}: none of {} rows for training is without NaN or infinity", features.name(), rows.size());
  for (size_t c = 0; c < columns; ++c) {
    scaling.std[c] = std::sqrt(squares[c] / static_cast<double>(count));
    check(std::isfinite(scaling.mean[c]) && std::isfinite(scaling.std[c]),
          "{}: the values of column {} are so large that their standard deviation overflows", features.name(), c);
  }
  return scaling;
}

void write_scaling(const std::filesystem::path& file, const FeatureScaling& scaling) {
  check(scaling.mean.size() == scaling.std.size(), "scaling: {} means and {} stds", scaling.mean.size(),
        scaling.std.size());
  NpyWriter writer(file, NpyType::f8, {2, static_cast<int64_t>(scaling.mean.size())});
  writer.append(std::span<const double>(scaling.mean));
  writer.append(std::span<const double>(scaling.std));
  writer.commit();
}

FeatureScaling read_scaling(const std::filesystem::path& file) {
  const NpyArray array(file);
  check(array.type() == NpyType::f8 && array.shape().size() == 2 && array.rows() == 2,
        "{}: an array of shape {} and type {}, expected means and standard deviations: (2, features) of f8",
        array.name(), array.shape_text(), name_of(array.type()));
  const auto columns = static_cast<size_t>(array.row_elements());
  FeatureScaling scaling{.mean = std::vector<double>(columns), .std = std::vector<double>(columns)};
  array.read_row(0, scaling.mean);
  array.read_row(1, scaling.std);
  for (size_t c = 0; c < columns; ++c)
    check(std::isfinite(scaling.mean[c]) && std::isfinite(scaling.std[c]) && scaling.std[c] >= 0,
          "{}: the mean {} and the standard deviation {} of column {}", array.name(), scaling.mean[c], scaling.std[c],
          c);
  return scaling;
}

FeatureArray::FeatureArray(std::shared_ptr<const NpyArray> features, FeatureScaling scaling,
                           std::vector<int32_t> labels, int64_t classes, std::function<std::string(int64_t)> name)
    : features_(std::move(features)),
      scaling_(std::move(scaling)),
      labels_(std::move(labels)),
      classes_(classes),
      name_(std::move(name)) {
  check(features_->shape().size() == 2 && is_floating(features_->type()),
        "{}: an array of shape {} and type {}, expected (samples, features) of f4 or f8", features_->name(),
        features_->shape_text(), name_of(features_->type()));
  check(size() == features_->rows(), "{}: {} rows of features, but {} labels", features_->name(), features_->rows(),
        size());
  const auto columns = static_cast<size_t>(features_->row_elements());
  check(scaling_.mean.size() == columns && scaling_.std.size() == columns,
        "{}: {} features, but the scaling has {} means and {} standard deviations", features_->name(), columns,
        scaling_.mean.size(), scaling_.std.size());
  check_labels(features_->name(), labels_, classes);
  for (const double std : scaling_.std) factors_.push_back(scale_factor(std));
}

void FeatureArray::read(int64_t index, const RandomKey& /*augmentation*/, void* out) const {
  const std::string_view bytes = features_->row(index);
  const bool doubles = features_->type() == NpyType::f8;
  auto* const values = static_cast<float*>(out);
  bool finite = true;
  const auto scale = [&](auto element) {
    for (size_t c = 0; c < factors_.size(); ++c) {
      std::memcpy(&element, bytes.data() + c * sizeof element, sizeof element);
      values[c] = static_cast<float>((static_cast<double>(element) - scaling_.mean[c]) * factors_[c]);
      finite = finite && std::isfinite(values[c]);
    }
  };
  if (doubles) {
    scale(double{});
  } else {
    scale(float{});
  }
  if (finite) return;
  std::vector<double> row(factors_.size());
  features_->read_row(index, row);
  const auto first = static_cast<size_t>(
      std::find_if_not(values, values + row.size(), [](float value) { return std::isfinite(value); }) - values);
  fail("{}: row {}, column {} is {}{}", features_->name(), index, first, row[first],
       std::isfinite(row[first]) ? ", which is beyond the range of f32 once it is scaled" : "");
}

SampleContents FeatureArray::contents(const std::vector<int64_t>& indices, int threads) const {
  SampleContents found;
  const auto count = static_cast<int64_t>(indices.size());
  found.checksums.resize(indices.size());
  const int64_t parts = (count + kRowsAtOnce - 1) / kRowsAtOnce;
  std::vector<std::vector<BrokenSample>> broken(static_cast<size_t>(parts));
  parallel_for(parts, threads, [&](int64_t part) {
    std::vector<float> values(factors_.size());
    for (int64_t i = part * kRowsAtOnce; i < std::min(count, (part + 1) * kRowsAtOnce); ++i) {
      const int64_t index = indices[static_cast<size_t>(i)];
      const std::string_view bytes = features_->row(index);
      try {
        read(index, {}, values.data());
        found.checksums[static_cast<size_t>(i)] = checksum_of(bytes);
      } catch (const Error& error) {
        broken[static_cast<size_t>(part)].push_back({index, error.what()});
      }
    }
  });
  for (const auto& samples : broken) found.broken.insert(found.broken.end(), samples.begin(), samples.end());
  return found;
}

}  // namespace cofactor
