// A data set that goes on where a sample cannot be read.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "data/dataset.h"

namespace cofactor {

// The samples of another data set. One that cannot be read is given as zeros, and the reason is kept.
class ReadableSamples : public Dataset {
 public:
  explicit ReadableSamples(std::shared_ptr<const Dataset> data) : data_(std::move(data)) {}
  int64_t size() const override { return data_->size(); }
  Shape sample_shape() const override { return data_->sample_shape(); }
  DType dtype() const override { return data_->dtype(); }
  const std::vector<int32_t>& labels() const override { return data_->labels(); }
  int64_t classes() const override { return data_->classes(); }
  void read(int64_t index, const RandomKey& augmentation, void* out) const override;
  std::vector<PixelScale> pixel_scales() const override { return data_->pixel_scales(); }
  void read_bytes(int64_t index, const RandomKey& augmentation, uint8_t* out) const override;
  std::string sample_name(int64_t index) const override { return data_->sample_name(index); }

  // Why the sample could not be read; nothing if it was read. The reason is forgotten.
  std::optional<std::string> take_reason(int64_t index) const;

 private:
  template <class Read>
  void try_to(const Read& read, int64_t index, void* out, size_t bytes) const;

  std::shared_ptr<const Dataset> data_;
  mutable std::mutex mutex_;
  mutable std::map<int64_t, std::string> reasons_;
};

}  // namespace cofactor
