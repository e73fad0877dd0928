#include "data/clothing1m.h"

#include <system_error>

namespace cofactor {

namespace {

std::shared_ptr<const ImageList> read_annotations(const std::filesystem::path& directory, const char* name) {
  const auto path = directory / "annotations" / name;
  std::error_code error;
  check(std::filesystem::status(path, error).type() != std::filesystem::file_type::not_found,
        "clothing1m: there is no '{}'; its lines name images below '{}' and their labels (\"images/3/45/NAME.jpg 7\"). "
        "Clothing1M is given out on request: https://github.com/Cysu/noisy_label",
        path.string(), directory.string());
  return std::make_shared<ImageList>(
      read_image_list(path, directory, {kClothing1mClasses.begin(), kClothing1mClasses.end()}));
}

Split read_part(const std::filesystem::path& directory, const char* name, const ImageTransform& transform,
                const Clothing1mOptions& options, std::vector<BrokenImage>& broken) {
  const auto list = read_annotations(directory, name);
  if (options.skip_broken) broken = find_broken_images(*list, options.threads);
  return without_broken(make_split(std::make_shared<const ImageFiles>(list, transform), 0, list->size()), broken);
}

}  // namespace

ImageTransform clothing1m_evaluation_transform() {
  return {.resize_shorter = 256, .crop_h = 224, .crop_w = 224};
}

ImageTransform clothing1m_training_transform() {
  ImageTransform transform = clothing1m_evaluation_transform();
  transform.random_crop = transform.flip = true;
  transform.brightness = transform.saturation = 0.2;
  return transform;
}

Clothing1m load_clothing1m(const std::filesystem::path& directory, const Clothing1mOptions& options) {
  check(transformed_shape(options.training) == transformed_shape(options.evaluation),
        "clothing1m: training images become {}, but those of validation and test {}",
        transformed_shape(options.training), transformed_shape(options.evaluation));
  Clothing1m data;
  data.train = read_part(directory, "noisy_train.txt", options.training, options, data.broken_train);
  data.validation = read_part(directory, "clean_val.txt", options.evaluation, options, data.broken_validation);
  data.test = read_part(directory, "clean_test.txt", options.evaluation, options, data.broken_test);
  return data;
}

}  // namespace cofactor
