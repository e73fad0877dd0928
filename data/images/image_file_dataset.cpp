#include "data/images/image_file_dataset.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "data/files/content_cache.h"
#include "data/images/decode.h"
#include "data/images/scan.h"
#include "data/parallel_for.h"

namespace cofactor {

ImageFileDataset::ImageFileDataset(std::shared_ptr<const ImageList> list, const ImageTransform& transform)
    : list_(std::move(list)), transform_(transform), shape_(transformed_shape(transform)) {
  check(list_ != nullptr && list_->size() > 0, "images: the list holds no image");
  check(list_->labels.size() == list_->names.size(), "images: the list has {} files but {} labels", list_->names.size(),
        list_->labels.size());
  for (int64_t i = 0; i < size(); ++i)
    check(labels()[static_cast<size_t>(i)] >= 0 && labels()[static_cast<size_t>(i)] < classes(),
          "images: label {} of '{}' does not lie in [0, {})", labels()[static_cast<size_t>(i)], list_->path(i).string(),
          classes());
  stamps_ = std::make_shared<std::vector<uint64_t>>(list_->names.size());
}

void ImageFileDataset::read(int64_t index, const RandomKey& augmentation, void* out) const {
  check(index >= 0 && index < size(), "images: sample {} does not exist among {}", index, size());
  const std::filesystem::path path = list_->path(index);
  const uint64_t looked_at = (*stamps_)[static_cast<size_t>(index)];
  const auto stamp = looked_at == 0 ? std::nullopt : stamp_of(path);
  check(!stamp || stamp->contents == looked_at,
        "image: '{}' was changed while the run went on; start it again, and it learns from the images as they are",
        path.string());
  transform_image(transform_, read_image(path), augmentation, static_cast<float*>(out));
}

SampleContents ImageFileDataset::contents(const std::vector<int64_t>& indices, int threads) const {
  return scan_images(*list_, indices, threads, stamps_.get());
}

std::shared_ptr<const ImageFileDataset> ImageFileDataset::with(const ImageTransform& transform) const {
  auto same = std::make_shared<ImageFileDataset>(list_, transform);
  same->stamps_ = stamps_;
  return same;
}

std::shared_ptr<const ImageArray> load_image_array(const ImageList& list, const std::vector<float>& mean,
                                                   const std::vector<float>& std, int threads) {
  check(list.size() > 0, "images: the list holds no image");
  const RgbImage first = read_image(list.path(0));
  const size_t bytes = first.pixels.size();
  std::vector<uint8_t> pixels(bytes * static_cast<size_t>(list.size()));
  parallel_for(list.size(), threads, [&](int64_t i) {
    const RgbImage image = read_image(list.path(i));
    check(image.height == first.height && image.width == first.width, "images: '{}' has {} x {} pixels, '{}' {} x {}",
          list.path(i).string(), image.height, image.width, list.path(0).string(), first.height, first.width);
    std::ranges::copy(image.pixels, pixels.begin() + i * static_cast<int64_t>(bytes));
  });
  return std::make_shared<ImageArray>(std::move(pixels), Shape{first.height, first.width, kRgb}, list.labels,
                                      static_cast<int64_t>(list.classes.size()), mean, std);
}

std::vector<BrokenSample> find_broken_images(const ImageList& list, int threads) {
  std::vector<int64_t> all(static_cast<size_t>(list.size()));
  std::iota(all.begin(), all.end(), int64_t{0});
  return scan_images(list, all, threads).broken;
}

Split without_broken(const Split& split, const std::vector<BrokenSample>& broken) {
  Split intact{.data = split.data, .indices = {}, .labels = {}};
  const BrokenSample* first = nullptr;  // of those in the split
  for (size_t i = 0; i < split.indices.size(); ++i) {
    const auto found = std::ranges::lower_bound(broken, split.indices[i], {}, &BrokenSample::index);
    if (found != broken.end() && found->index == split.indices[i]) {
      if (first == nullptr) first = &*found;
      continue;
    }
    intact.indices.push_back(split.indices[i]);
    intact.labels.push_back(split.labels[i]);
  }
  if (first != nullptr && intact.size() == 0)
    fail("images: all {} images of a split are broken; of the first is said: {}", split.size(), first->reason);
  return intact;
}

void check_classes_left(const Split& split, const Split& whole, const std::vector<std::string>& classes,
                        std::string_view part, const std::vector<BrokenSample>& broken) {
  const std::vector<int64_t> left = split.class_counts(), before = whole.class_counts();
  for (size_t c = 0; c < left.size(); ++c) {
    if (left[c] > 0 || before[c] == 0) continue;
    const auto of_class = [&](const BrokenSample& image) {
      const auto place = std::ranges::find(whole.indices, image.index);
      return place != whole.indices.end() &&
             whole.labels[static_cast<size_t>(place - whole.indices.begin())] == static_cast<int32_t>(c);
    };
    const auto first = std::ranges::find_if(broken, of_class);
    fail("images: no {} image of class '{}' is left: {}{}", part, classes.at(c),
         before[c] == 1 ? "its only one cannot be read" : fmt::format("none of the {} can be read", before[c]),
         first == broken.end() ? "" : "; of the first is said: " + first->reason);
  }
}

}  // namespace cofactor
