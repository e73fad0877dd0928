#include "data/images/image_file_dataset.h"

#include <algorithm>
#include <utility>

#include "data/files/content_cache.h"
#include "data/images/decode.h"
#include "data/images/scan.h"
#include "data/parallel_for.h"

namespace cofactor {

ImageFileDataset::ImageFileDataset(std::shared_ptr<const ImageList> list, const ImageTransform& transform)
    : list_(std::move(list)), transform_(transform), shape_(transformed_shape(transform)) {
  check(list_ != nullptr && list_->size() > 0, "images: the list is empty");
  check(list_->labels.size() == list_->names.size(), "images: the list has {} files but {} labels", list_->names.size(),
        list_->labels.size());
  check_labels("images", labels(), classes());
  stamps_ = std::make_shared<std::vector<uint64_t>>(list_->names.size());
}

RgbImage ImageFileDataset::decode(int64_t index) const {
  check(index >= 0 && index < size(), "images: sample {} of a data set of {}", index, size());
  const std::filesystem::path path = list_->path(index);
  const uint64_t scanned = (*stamps_)[static_cast<size_t>(index)];
  const auto stamp = scanned == 0 ? std::nullopt : stamp_of(path);
  check(!stamp || stamp->contents == scanned,
        "image: '{}' was changed during the run; start the run again to train on the current images", path.string());
  return read_image(path);
}

void ImageFileDataset::read(int64_t index, const RandomKey& augmentation, void* out) const {
  transform_image(transform_, decode(index), augmentation, static_cast<float*>(out));
}

std::vector<PixelScale> ImageFileDataset::pixel_scales() const {
  std::vector<PixelScale> scales;
  if (!keeps_bytes(transform_)) return scales;
  for (size_t c = 0; c < kRgb; ++c)
    scales.push_back(pixel_scale("transform", c, transform_.mean[c], transform_.std[c]));
  return scales;
}

void ImageFileDataset::read_bytes(int64_t index, const RandomKey& augmentation, uint8_t* out) const {
  transform_image(transform_, decode(index), augmentation, out);
}

SampleContents ImageFileDataset::contents(const std::vector<int64_t>& indices, int threads) const {
  return scan_images(*list_, indices, threads, stamps_.get());
}

std::shared_ptr<const ImageFileDataset> ImageFileDataset::with_transform(const ImageTransform& transform) const {
  auto same = std::make_shared<ImageFileDataset>(list_, transform);
  same->stamps_ = stamps_;
  return same;
}

std::shared_ptr<const ImageArray> load_image_array(const ImageList& list, const std::vector<float>& mean,
                                                   const std::vector<float>& std, int threads) {
  check(list.size() > 0, "images: the list is empty");
  const RgbImage first = read_image(list.path(0));
  const size_t bytes = first.pixels.size();
  std::vector<uint8_t> pixels(bytes * static_cast<size_t>(list.size()));
  parallel_for(list.size(), threads, [&](int64_t i) {
    const RgbImage image = read_image(list.path(i));
    check(image.height == first.height && image.width == first.width,
          "images: '{}' has {} x {} pixels, but '{}' has {} x {}", list.path(i).string(), image.height, image.width,
          list.path(0).string(), first.height, first.width);
    std::ranges::copy(image.pixels, pixels.begin() + i * static_cast<int64_t>(bytes));
  });
  return std::make_shared<ImageArray>(std::move(pixels), Shape{first.height, first.width, kRgb}, list.labels,
                                      static_cast<int64_t>(list.classes.size()), mean, std);
}

}  // namespace cofactor
