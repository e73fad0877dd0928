// Rows of features, such as the embeddings of another network, as a data set.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/files/npy.h"

namespace cofactor {

// The mean and the standard deviation (of the whole population: divided by the number of rows) of each column. A
// feature x becomes (x - mean) / std, or x - mean in a constant column, whose std is 0.
struct FeatureScaling {
  std::vector<double> mean, std;
};

// The features of an array (N, D) of f4 or f8. Throws Error, with the file, if it has another type or shape, or D is 0.
std::shared_ptr<const NpyArray> open_features(const std::filesystem::path& file);

// Computes the scaling from the given rows in one pass, by Welford's algorithm (Technometrics 4(3), 1962) in f64. Rows
// with NaN or infinity are left out. Throws Error if a row does not exist, none is left, or a std overflows.
FeatureScaling measure_scaling(const NpyArray& features, const std::vector<int64_t>& rows);

// The scaling in a file: an array (2, D) of f8, means and then stds. Reading throws Error as NpyArray does, and if it
// is not such an array, a value is not finite or a std is negative.
void write_scaling(const std::filesystem::path& file, const FeatureScaling& scaling);
FeatureScaling read_scaling(const std::filesystem::path& file);

// N samples of shape (D) in f32, read from the mapped array and scaled each time they are used. Beside the mapping and
// the labels nothing is kept, so that the array can be larger than the memory.
class FeatureArray : public Dataset {
 public:
  // `name` reads a sample's name when it is asked for, by several threads at once; null: samples have none. Throws
  // Error if the sizes do not agree, or a label is not in [0, classes).
  FeatureArray(std::shared_ptr<const NpyArray> features, FeatureScaling scaling, std::vector<int32_t> labels,
               int64_t classes, std::function<std::string(int64_t index)> name = {});
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  Shape sample_shape() const override { return {features_->row_elements()}; }
  const std::vector<int32_t>& labels() const override { return labels_; }
  int64_t classes() const override { return classes_; }
  // Throws Error, with the file, the row and the column, if a feature is NaN or infinite, or its scaled value is above
  // the largest f32; and if the file was written to since it was mapped.
  void read(int64_t index, const RandomKey& augmentation, void* out) const override;
  // The checksums are those of the rows' bytes. Rows that read() refuses are broken.
  SampleContents contents(const std::vector<int64_t>& indices, int threads) const override;
  std::string sample_name(int64_t index) const override { return name_ ? name_(index) : std::string(); }

  const FeatureScaling& scaling() const { return scaling_; }

 private:
  std::shared_ptr<const NpyArray> features_;
  FeatureScaling scaling_;
  std::vector<double> factors_;  // one per column: 1 / std
  std::vector<int32_t> labels_;
  int64_t classes_;
  std::function<std::string(int64_t)> name_;
};

}  // namespace cofactor
