// Images that a loader sends to a device as bytes: the same bits as those that the host normalises.
#include <doctest/doctest.h>

#include <atomic>

#include "data/image_array.h"
#include "data/images/image_file_dataset.h"
#include "data/loader.h"
#include "engine/device_features.h"
#include "tests/data/image_fixtures.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

constexpr int kCopied = 13;

// Counts what is read as values and as bytes.
class CountedReads : public Dataset {
 public:
  explicit CountedReads(std::shared_ptr<const Dataset> data) : data_(std::move(data)) {}
  int64_t size() const override { return data_->size(); }
  Shape sample_shape() const override { return data_->sample_shape(); }
  const std::vector<int32_t>& labels() const override { return data_->labels(); }
  int64_t classes() const override { return data_->classes(); }
  void read(int64_t index, const RandomKey& augmentation, void* out) const override {
    ++values;
    data_->read(index, augmentation, out);
  }
  std::vector<PixelScale> pixel_scales() const override { return data_->pixel_scales(); }
  void read_bytes(int64_t index, const RandomKey& augmentation, uint8_t* out) const override {
    ++bytes;
    data_->read_bytes(index, augmentation, out);
  }
  mutable std::atomic<int> values = 0, bytes = 0;

 private:
  std::shared_ptr<const Dataset> data_;
};

std::shared_ptr<const ImageArray> random_array() {
  const RgbImage image = random_image(kCopied * 6, 9, 4);
  std::vector<int32_t> labels(kCopied);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i % 3);
  return std::make_shared<ImageArray>(image.pixels, Shape{6, 9, 3}, labels, 3, std::vector<float>{0.49f, 0.48f, 0.45f},
                                      std::vector<float>{0.247f, 0.243f, 0.261f});
}

std::vector<std::vector<float>> inputs_of_epochs(const std::shared_ptr<const Dataset>& data, Device device) {
  LoaderOptions options;
  options.batch_size = 5;  // the last batch is short
  options.device = device;
  options.workers = 2;
  options.seed = 9;
  Loader loader(make_split(data, 0, data->size()), options);
  CHECK(!loader.resident());
  std::vector<std::vector<float>> inputs;
  for (int epoch = 0; epoch < 2; ++epoch) {
    loader.start_epoch(epoch);
    while (const auto batch = loader.next()) {
      CHECK(batch->labels.to_vector<int32_t>() == batch->host_labels);
      CHECK(batch->inputs.shape()[0] == batch->size());
      inputs.push_back(batch->inputs.to_vector<float>());
    }
  }
  return inputs;
}

void check_same_bits(const std::shared_ptr<const Dataset>& data) {
  const auto expected = inputs_of_epochs(data, kHost);
  for (const Device device : available_devices()) {
    const auto counted = std::make_shared<CountedReads>(data);
    CHECK(inputs_of_epochs(counted, device) == expected);
    const bool as_bytes = features_of(device).free_memory().has_value() && !data->pixel_scales().empty();
    CHECK(counted->bytes == (as_bytes ? 2 * data->size() : 0));
    CHECK(counted->values == (as_bytes ? 0 : 2 * data->size()));
  }
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("images in memory are sent as bytes to devices with memory of their own and are the same") {
    const auto images = random_array();
    check_same_bits(images);
    check_same_bits(images->augmented({.pad = 3, .crop_h = 5, .crop_w = 11, .flip = true}));
  }

  TEST_CASE("image files are sent as bytes unless an augmentation leaves none and are the same") {
    const TemporaryFolder folder;
    for (int i = 0; i < kCopied; ++i)
      write_image(folder / fmt::format("{}/{:02}.png", i % 2 == 0 ? "a" : "b", i),
                  random_image(8 + i % 3, 9 + i % 4, static_cast<uint64_t>(i)));
    const auto list = std::make_shared<ImageList>(list_class_folders(folder.path()));
    const ImageTransform plain{.resize_h = 8, .resize_w = 7};
    ImageTransform moved{.resize_shorter = 8, .pad = 2, .crop_h = 9, .crop_w = 7, .random_crop = true, .flip = true};
    CHECK(ImageFileDataset(list, plain).pixel_scales().size() == 3);
    check_same_bits(std::make_shared<ImageFileDataset>(list, plain));
    check_same_bits(std::make_shared<ImageFileDataset>(list, moved));
    moved.saturation = 0.2;
    const ImageFileDataset jittered(list, moved);
    CHECK(jittered.pixel_scales().empty());
    check_same_bits(std::make_shared<ImageFileDataset>(list, moved));
    std::vector<uint8_t> bytes(9 * 7 * 3);
    CHECK(error_of([&] { jittered.read_bytes(0, {}, bytes.data()); }) ==
          "transform: a rotation by up to 0 degrees, brightness 0 and saturation 0.2 leave no bytes");
  }

  TEST_CASE("bytes that are sent are those that are normalised and other samples have none") {
    const auto augmented = random_array()->augmented({.pad = 1, .flip = true});
    const std::vector<PixelScale> scales = augmented->pixel_scales();
    REQUIRE(scales.size() == 3);
    const auto count = static_cast<size_t>(augmented->sample_shape().numel());
    for (int64_t index = 0; index < kCopied; ++index) {
      const RandomKey key = augmentation_key(7, 1, index);
      std::vector<float> values(count);
      std::vector<uint8_t> bytes(count + 1, 77);
      augmented->read(index, key, values.data());
      augmented->read_bytes(index, key, bytes.data());
      for (size_t i = 0; i < count; ++i)
        REQUIRE(values[i] == pixel_from_byte(bytes[i], scales[i % 3].scale, scales[i % 3].shift));
      CHECK(bytes[count] == 77);
    }
    class OtherSamples : public Dataset {
     public:
      int64_t size() const override { return 1; }
      Shape sample_shape() const override { return {1}; }
      const std::vector<int32_t>& labels() const override { return labels_; }
      int64_t classes() const override { return 1; }
      void read(int64_t, const RandomKey&, void*) const override {}

     private:
      std::vector<int32_t> labels_{0};
    };
    uint8_t byte = 0;
    CHECK(OtherSamples().pixel_scales().empty());
    CHECK(error_of([&] { OtherSamples().read_bytes(0, {}, &byte); }) == "data: sample 0 is not an image of bytes");
  }
}

}  // namespace cofactor::testing
