#include "data/images/image_file_dataset.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "data/images/augment.h"
#include "data/images/broken_images.h"
#include "data/images/decode.h"
#include "data/loader.h"
#include "tests/data/image_fixtures.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

constexpr int kFolderImages = 24;

// Folders a and b with twelve images each, of different sizes. Image i is random with seed i.
class FolderOfImages {
 public:
  FolderOfImages() {
    for (int i = 0; i < kFolderImages; ++i) write_image(folder_ / name(i), drawn(i));
  }
  static std::string name(int i) { return fmt::format("{}/{:02}.png", i < kFolderImages / 2 ? "a" : "b", i); }
  static RgbImage drawn(int i) { return random_image(8 + i % 3, 9 + i % 4, static_cast<uint64_t>(i)); }
  void damage(int i) const { write_file_atomically(folder_ / name(i), "no image"); }
  std::shared_ptr<const ImageList> list() const {
    return std::make_shared<ImageList>(list_class_folders(folder_.path()));
  }
  std::filesystem::path path(int i) const { return folder_ / name(i); }

 private:
  TemporaryFolder folder_;
};

const ImageTransform kPlainTransform{.resize_h = 8, .resize_w = 8};
const ImageTransform kRandomTransform{
    .resize_shorter = 8, .crop_h = 8, .crop_w = 7, .random_crop = true, .flip = true, .brightness = 0.2};

std::vector<float> sample_of(const Dataset& data, int64_t index, const RandomKey& key = {}) {
  std::vector<float> values(static_cast<size_t>(data.sample_shape().numel()));
  data.read(index, key, values.data());
  return values;
}

std::vector<std::vector<float>> batches_of(const Split& split, int workers) {
  LoaderOptions options;
  options.batch_size = 5;
  options.device = Device::reference;
  options.workers = workers;
  options.seed = 9;
  Loader loader(split, options);
  std::vector<std::vector<float>> batches;
  for (int epoch = 0; epoch < 2; ++epoch) {
    loader.start_epoch(epoch);
    while (auto batch = loader.next()) {
      batches.push_back(batch->inputs.to_vector<float>());
      for (const int64_t index : batch->indices) batches.back().push_back(static_cast<float>(index));
    }
  }
  return batches;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("image files are decoded and transformed when they are read") {
    const FolderOfImages folder;
    const ImageFileDataset data(folder.list(), kPlainTransform);
    CHECK(data.size() == kFolderImages);
    CHECK(data.classes() == 2);
    CHECK(data.sample_shape() == Shape{8, 8, 3});
    CHECK(data.dtype() == DType::f32);
    CHECK(data.images() == nullptr);
    CHECK(data.labels()[11] == 0);
    CHECK(data.labels()[12] == 1);
    const auto random = data.with_transform(kRandomTransform);
    CHECK(random->sample_shape() == Shape{8, 7, 3});
    CHECK(&random->list() == &data.list());
    for (int i = 0; i < kFolderImages; ++i) {
      for (const auto& [set, transform] :
           {std::pair<const Dataset*, ImageTransform>{&data, kPlainTransform}, {random.get(), kRandomTransform}}) {
        std::vector<float> expected(static_cast<size_t>(transformed_shape(transform).numel()));
        transform_image(transform, FolderOfImages::drawn(i), augmentation_key(1, 2, i), expected.data());
        CHECK(sample_of(*set, i, augmentation_key(1, 2, i)) == expected);
      }
    }
  }

  TEST_CASE("batches of image files are the same for any number of workers") {
    const FolderOfImages folder;
    const auto data = std::make_shared<ImageFileDataset>(folder.list(), kRandomTransform);
    const Split split = make_split(data, 0, data->size());
    const auto expected = batches_of(split, 0);
    CHECK(expected.size() == 2 * 5);
    CHECK(batches_of(split, 1) == expected);
    CHECK(batches_of(split, 4) == expected);
  }

  TEST_CASE("a broken image is an error that names its file") {
    const FolderOfImages folder;
    folder.damage(7);
    std::filesystem::remove(folder.path(20));
    auto list = std::make_shared<ImageList>(*folder.list());
    list->names.push_back("b/99.png");
    list->labels.push_back(1);
    const ImageFileDataset data(list, kPlainTransform);
    CHECK(error_of([&] { sample_of(data, 7); }) ==
          "image: '" + folder.path(7).string() + "' is not an image: it does not begin like a JPEG, PNG or BMP file");
    CHECK(contains(error_of([&] { sample_of(data, kFolderImages - 1); }), "b/99.png"));
    CHECK(sample_of(data, 8).size() == 8 * 8 * 3);
    CHECK(error_of([&] { sample_of(data, kFolderImages); }) == "images: sample 24 of a data set of 24");
    CHECK_THROWS_AS(sample_of(data, -1), Error);
    for (const int workers : {0, 2})
      CHECK(contains(error_of([&] { batches_of(make_split(std::make_shared<ImageFileDataset>(data), 5, 4), workers); }),
                     folder.path(7).string()));
  }

  TEST_CASE("broken images are found and removed from splits and nothing else changes") {
    const FolderOfImages folder;
    const auto list = folder.list();
    CHECK(find_broken_images(*list).empty());
    for (const int broken : {3, 14, 15}) folder.damage(broken);
    std::filesystem::remove(folder.path(20));
    for (const int threads : {1, 3}) {
      const auto broken = find_broken_images(*list, threads);
      REQUIRE(broken.size() == 4);
      std::vector<int64_t> indices;
      for (const BrokenSample& image : broken) {
        indices.push_back(image.index);
        CHECK(contains(image.reason, folder.path(static_cast<int>(image.index)).string()));
      }
      CHECK(indices == std::vector<int64_t>{3, 14, 15, 20});
    }
    const auto broken = find_broken_images(*list, 2);
    const auto data = std::make_shared<ImageFileDataset>(list, kRandomTransform);
    Split split = make_split(data, {20, 5, 3, 17, 0}, 0, 5);
    split.labels = {1, 1, 0, 0, 1};  // noisy
    const Split intact = without_broken(split, broken);
    CHECK(intact.data == data);
    CHECK(intact.indices == std::vector<int64_t>{5, 17, 0});
    CHECK(intact.labels == std::vector<int32_t>{1, 0, 1});
    CHECK(without_broken(split, {}).indices == split.indices);

    const Split rest = without_broken(make_split(data, 0, kFolderImages), broken);
    CHECK(rest.size() == kFolderImages - 4);
    CHECK(batches_of(rest, 3) == batches_of(rest, 0));
    CHECK(contains(error_of([&] { without_broken(make_split(data, 14, 2), broken); }),
                   "images: all 2 images of a split are broken"));
  }

  TEST_CASE("an image that is written to after its scan is an error and one that is only linked is not") {
    const FolderOfImages folder;
    const auto data = std::make_shared<const ImageFileDataset>(folder.list(), kRandomTransform);
    const auto plain = data->with_transform(kPlainTransform);
    const SampleContents found = data->contents({3, 4}, 2);
    CHECK(found.broken.empty());
    CHECK(found.checksums[0] != found.checksums[1]);
    CHECK(data->sample_name(3) == folder.list()->names[3]);
    std::filesystem::create_hard_link(folder.path(3), folder.path(3).string() + ".link");
    CHECK(error_of([&] { sample_of(*data, 3); }).empty());
    for (const int image : {3, 4, 5}) write_image(folder.path(image), random_image(9, 31, 1));
    for (const ImageFileDataset* reader : {&*data, plain.get()}) {
      CHECK(contains(error_of([&] { sample_of(*reader, 3); }), "was changed during the run"));
      CHECK(error_of([&] { sample_of(*reader, 5); }).empty());  // it was not scanned
    }
  }

  TEST_CASE("images of one size can be loaded whole") {
    const TemporaryFolder folder;
    std::vector<uint8_t> pixels;
    for (int i = 0; i < 30; ++i) {
      const RgbImage image = random_image(4, 5, static_cast<uint64_t>(i));
      write_image(folder / fmt::format("{}/{:02}.jpg", i < 10 ? "x" : "y", i), image);
      pixels.insert(pixels.end(), image.pixels.begin(), image.pixels.end());
    }
    const ImageList list = list_class_folders(folder.path());
    const std::vector<float> mean = {0.1f, 0.2f, 0.3f}, std = {0.4f, 0.5f, 0.6f};
    const ImageArray expected(pixels, {4, 5, 3}, list.labels, 2, mean, std);
    for (const int threads : {1, 4}) {
      const auto array = load_image_array(list, mean, std, threads);
      CHECK(array->labels() == list.labels);
      CHECK(array->sample_shape() == Shape{4, 5, 3});
      for (int64_t i = 0; i < 30; ++i) REQUIRE(sample_of(*array, i) == sample_of(expected, i));
    }
    write_image(folder / "y/15.jpg", random_image(5, 4));
    write_image(folder / "y/18.jpg", random_image(5, 4));
    for (const int threads : {1, 4})
      CHECK(
          error_of([&] { load_image_array(list, mean, std, threads); }) ==
          fmt::format("images: '{0}/y/15.jpg' has 5 x 4 pixels, but '{0}/x/00.jpg' has 4 x 5", folder.path().string()));
  }

  TEST_CASE("empty lists and invalid labels are errors") {
    const auto error = [](const ImageList& list) {
      return error_of([&] { ImageFileDataset(std::make_shared<ImageList>(list), kPlainTransform); });
    };
    CHECK(error({"/", {"a"}, {"a.jpg"}, {0}}).empty());
    CHECK(error({"/", {"a"}, {}, {}}) == "images: the list is empty");
    CHECK(error({"/", {"a"}, {"a.jpg"}, {}}) == "images: the list has 1 files but 0 labels");
    CHECK(error({"/", {"a"}, {"a.jpg"}, {1}}) == "images: label 1 of sample 0 does not lie in [0, 1)");
    CHECK(error_of([] { ImageFileDataset(nullptr, kPlainTransform); }) == "images: the list is empty");
    CHECK_THROWS_AS(load_image_array({"/", {"a"}, {}, {}}, {0, 0, 0}, {1, 1, 1}), Error);
  }
}

}  // namespace cofactor::testing
