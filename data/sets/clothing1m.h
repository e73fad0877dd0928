// Clothing1M (Xiao, Xia, Yang, Huang, Wang 2015, Learning from massive noisy labeled data for image classification) as
// the paper uses it (section 5.3): a million images from shops with the noisy labels that the sellers' words gave
// them, and clean ones to validate and test on. Its noise is its own; none is added.
#pragma once

#include <array>
#include <filesystem>
#include <string_view>
#include <vector>

#include "data/images/image_file_dataset.h"

namespace cofactor {

// The classes, by label.
inline constexpr std::array<std::string_view, 14> kClothing1mClasses = {
    "T-shirt", "shirt",     "knitwear", "chiffon", "sweater", "hoodie", "windbreaker",
    "jacket",  "down coat", "suit",     "shawl",   "dress",   "vest",   "underwear"};

// To train on: the shorter side to 256, a random crop of 224 x 224, a flip, and as the paper adds brightness and
// saturation, without saying how much: factors in [0.8, 1.2].
ImageTransform clothing1m_training_transform();
// The shorter side to 256, the middle 224 x 224.
ImageTransform clothing1m_evaluation_transform();

struct Clothing1mOptions {
  ImageTransform training = clothing1m_training_transform();
  ImageTransform evaluation = clothing1m_evaluation_transform();  // of validation and test
  bool skip_broken = false;  // leave out what cannot be decoded, instead of an Error when it is read
  int threads = 1;           // that look for it
};

// Each part is a data set of its own; an image's index is its line in the part's list, from 0.
struct Clothing1m {
  Split train;                                                            // a million, with noisy labels
  Split validation;                                                       // 14,000, clean
  Split test;                                                             // 10,000, clean
  std::vector<BrokenSample> broken_train, broken_validation, broken_test;  // that skip_broken left out
  FileAccount account;                                                    // of all files below images/
};

// Reads annotations/noisy_train.txt, annotations/clean_val.txt and annotations/clean_test.txt below `directory`, whose
// lines name images below it and their labels: "images/3/45/NAME.jpg 7". Throws Error, with the file and the line, as
// read_image_list does, and where broken images leave nothing of a class in a part. Whether an image is there shows
// when it is read.
Clothing1m load_clothing1m(const std::filesystem::path& directory, const Clothing1mOptions& options = {});

}  // namespace cofactor
