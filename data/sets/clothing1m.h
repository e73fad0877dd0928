// Clothing1M (Xiao, Xia, Yang, Huang, Wang 2015, Learning from massive noisy labeled data for image classification) as
// the paper uses it (section 5.3): a million images from shopping websites, with noisy labels derived from the sellers'
// text, and clean images for validation and test. The noise is real; none is added.
#pragma once

#include <array>
#include <filesystem>
#include <string_view>
#include <vector>

#include "data/images/broken_images.h"
#include "data/images/image_file_dataset.h"

namespace cofactor {

// The names of the classes, by label.
inline constexpr std::array<std::string_view, 14> kClothing1mClasses = {
    "T-shirt", "shirt",     "knitwear", "chiffon", "sweater", "hoodie", "windbreaker",
    "jacket",  "down coat", "suit",     "shawl",   "dress",   "vest",   "underwear"};

// For training: resize the shorter side to 256, random crop to 224 x 224, flip (all as in the published code), and
// brightness and saturation by factors in [0.8, 1.2] (the paper uses them without giving the range).
ImageTransform clothing1m_training_transform();
// For validation and test: resize the shorter side to 256, center crop to 224 x 224.
ImageTransform clothing1m_evaluation_transform();

struct Clothing1mOptions {
  ImageTransform training = clothing1m_training_transform();
  ImageTransform evaluation = clothing1m_evaluation_transform();  // for validation and test
  bool skip_broken = false;  // leave out images that cannot be decoded; otherwise reading one throws Error
  int threads = 1;           // that look for broken images
};

// Each part is a data set of its own, of images (224, 224, 3). The index of an image is its line in the list of its
// part, from 0.
struct Clothing1m {
  Split train;                                                             // a million, with noisy labels
  Split validation;                                                        // 14,000, clean
  Split test;                                                              // 10,000, clean
  std::vector<BrokenSample> broken_train, broken_validation, broken_test;  // left out by skip_broken
  FileAccount account;                                                     // of the files below images/
};

// Reads annotations/noisy_train.txt, annotations/clean_val.txt and annotations/clean_test.txt in `directory`, whose
// lines are paths of images relative to it, and their labels: "images/3/45/NAME.jpg 7". Whether the images exist is not
// checked. Throws Error, with the file and the line, as read_image_list does, and if broken images leave no image of a
// class in a part or the two transforms give different shapes.
Clothing1m load_clothing1m(const std::filesystem::path& directory, const Clothing1mOptions& options = {});

}  // namespace cofactor
