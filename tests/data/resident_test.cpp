// Images that are kept on the device as bytes: the same bits as from the host, and one copy of the bytes.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "data/image_array.h"
#include "data/loader.h"
#include "engine/backend.h"
#include "engine/device_features.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

// 150 images of 40 x 30 pixels in 3 channels. Counts the samples read on the host.
class CountedImages : public ImageArray {
 public:
  using ImageArray::ImageArray;
  void read(int64_t index, const RandomKey& augmentation, void* out) const override {
    ++reads;
    ImageArray::read(index, augmentation, out);
  }
  mutable std::atomic<int> reads = 0;
};

constexpr int64_t kImages = 150;
constexpr size_t kBytes = size_t{kImages} * 40 * 30 * 3;

std::shared_ptr<CountedImages> photographs() {
  std::vector<uint8_t> pixels(kBytes);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(random_word({.seed = 5}, i));
  std::vector<int32_t> labels(kImages);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i % 7);
  return std::make_shared<CountedImages>(pixels, Shape{40, 30, 3}, labels, 7, std::vector<float>{0.49f, 0.48f, 0.45f},
                                         std::vector<float>{0.247f, 0.243f, 0.261f});
}

// Samples that are not images.
class Numbers : public Dataset {
 public:
  int64_t size() const override { return 2; }
  Shape sample_shape() const override { return {1}; }
  const std::vector<int32_t>& labels() const override { return labels_; }
  int64_t classes() const override { return 1; }
  void read(int64_t index, const RandomKey&, void* out) const override {
    *static_cast<float*>(out) = static_cast<float>(index);
  }

 private:
  std::vector<int32_t> labels_{0, 0};
};

LoaderOptions resident_options(Device device, Resident resident, int workers = 0) {
  LoaderOptions options;
  options.batch_size = 32;
  options.seed = 9;
  options.device = device;
  options.workers = workers;
  options.resident = resident;
  return options;
}

std::vector<std::vector<float>> inputs_of(Loader& loader, int epoch) {
  std::vector<std::vector<float>> inputs;
  loader.start_epoch(epoch);
  while (const auto batch = loader.next()) {
    CHECK(batch->labels.to_vector<int32_t>() == batch->host_labels);
    inputs.push_back(batch->inputs.to_vector<float>());
  }
  return inputs;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("resident images make the batches that the host makes") {
    const auto photos = photographs();
    const std::shared_ptr<const ImageArray> augmented =
        photos->augmented({.pad = 4, .crop_h = 32, .crop_w = 38, .flip = true});
    for (const std::shared_ptr<const Dataset>& data : std::vector<std::shared_ptr<const Dataset>>{photos, augmented}) {
      const Split split = make_split(data, 11, 130);  // five batches, the last one short
      Loader host(split, resident_options(Device::reference, Resident::off));
      CHECK(!host.resident());
      const auto epoch0 = inputs_of(host, 0), epoch1 = inputs_of(host, 1);
      CHECK(epoch0.size() == 5);
      CHECK(epoch0 != epoch1);
      const int reads = photos->reads;
      for (const Device device : available_devices())
        for (const int workers : {0, 1, 3}) {
          Loader loader(split, resident_options(device, Resident::on, workers));
          CHECK(loader.resident());
          CHECK(inputs_of(loader, 1) == epoch1);
          CHECK(inputs_of(loader, 0) == epoch0);
        }
      CHECK(photos->reads == reads);
    }
  }

  TEST_CASE("by default a loader keeps images on devices with memory of their own") {
    const auto photos = photographs();
    const Split split = make_split(photos, 0, 40);
    for (const Device device : available_devices()) {
      Loader loader(split, resident_options(device, Resident::automatic));
      CHECK(loader.resident() == features_of(device).free_memory().has_value());
      photos->reads = 0;
      CHECK(inputs_of(loader, 0).size() == 2);
      CHECK(photos->reads == (loader.resident() ? 0 : 40));
    }
    CHECK(!features_of(kHost).free_memory());
  }

  TEST_CASE("the bytes are copied to a device only once") {
    for (const Device device : available_devices()) {
      Backend& backend = backend_of(device);
      const size_t before = backend.memory_stats().in_use;
      {
        const auto photos = photographs();
        const auto options = resident_options(device, Resident::on);
        const Loader training(make_split(photos->augmented({.pad = 2}), 0, 100), options);
        const size_t with_bytes = backend.memory_stats().in_use;
        CHECK(with_bytes >= before + kBytes);
        CHECK(with_bytes < before + 2 * kBytes);
        const Loader validation(make_split(photos, 100, 50), options);
        const Loader again(make_split(photos->augmented({.flip = true}), 0, 100), options);
        CHECK(backend.memory_stats().in_use == with_bytes);

        std::vector<ImageBytes::OnDevice> seen(4);
        {
          const auto other = photographs();
          std::vector<std::jthread> threads;
          for (auto& copy : seen) threads.emplace_back([&] { copy = other->bytes().on(device); });
        }
        for (const auto& copy : seen) CHECK(copy.pixels.is_same(seen[0].pixels));
      }
      CHECK(backend.memory_stats().in_use == before);
    }
  }

  TEST_CASE("after the first epoch of resident images no memory is allocated from the system") {
    for (const Device device : available_devices()) {
      Loader loader(make_split(photographs(), 0, 150), resident_options(device, Resident::on));
      inputs_of(loader, 0);
      const size_t requests = backend_of(device).memory_stats().system_requests;
      inputs_of(loader, 1);
      CHECK(backend_of(device).memory_stats().system_requests == requests);
    }
  }

  TEST_CASE("data sets without bytes cannot be kept on a device and are read on the host") {
    const Split split = make_split(std::make_shared<Numbers>(), 0, 2);
    for (const Device device : available_devices()) {
      CHECK(!Loader(split, resident_options(device, Resident::automatic)).resident());
      CHECK(error_of([&] { Loader(split, resident_options(device, Resident::on)); }) ==
            fmt::format("loader: the data set has no image bytes that could be kept on device {}", device));
    }
  }
}

}  // namespace cofactor::testing
