// What the image experiments share beside the protocol: the flags of networks and image files, and the network itself.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/images/image_file_dataset.h"
#include "engine/io/json.h"
#include "experiments/sweep/experiment.h"
#include "models/make_network.h"

namespace CLI {
class App;
}

namespace cofactor {

struct ImageFlags {
  std::string model = "resnet34";
  std::string head = "torchvision";  // of VGG
  std::string init{};                // a file of weights that training starts from, or empty
  std::string stem{};                // of ResNet; empty: by the size of the images
  std::optional<int> image_size{};   // pixels of a side; none: the experiment's
  uint64_t split_seed = 0;           // deals images to training, validation and test
  std::string split{};               // a table of which images train, validate and test, or empty
  bool no_augmentation = false, skip_broken = false;
};

// --model and --head (their defaults are those in `flags`), --stem, --init, --no-augmentation.
void add_network_flags(CLI::App& app, ImageFlags& flags);
// --image-size, with what is done where it is not given, and --skip-broken: for images in files.
void add_file_flags(CLI::App& app, ImageFlags& flags, const std::string& default_size);
void add_split_seed_flag(CLI::App& app, ImageFlags& flags, const std::string& text);
// --split: for images in class folders.
void add_split_flag(CLI::App& app, ImageFlags& flags);
// Throws UsageError for a size that is none.
void check_image_flags(const ImageFlags& flags);

// The network that the flags name for images of height x width, and what is to be said of it. A ResNet without --stem
// has the published code's for images of up to 64 pixels, and torchvision's, which divides them by four, above. Where
// --init is given its file is read once, and tried on a network. Throws UsageError where the network does not take
// images of that size, and Error where the file does not fit.
struct ImageNetwork {
  std::function<std::unique_ptr<Module>(uint64_t seed, Device device)> make;
  Json settings;                   // what decides results: the network, and the weights that it starts from
  std::vector<std::string> notes;  // what was loaded of --init
};
ImageNetwork image_network(const ImageFlags& flags, int64_t classes, int64_t height, int64_t width);

// Which of the files are used, for a note; `classes` are named where there are few. `broken` images are said to be left
// out, by the first few of their names.
struct ImageNotes {
  FileAccount account{};
  std::vector<std::string> classes{};
  std::vector<BrokenSample> broken{};
};

// What an image experiment runs on: its splits and the network; `settings`, an object, gets the network's and those of
// the flags that all share. The notes begin with those of the files.
ExperimentData image_data(DataSplits splits, const ImageNetwork& network, const ImageFlags& flags, Json settings,
                          const ImageNotes& notes = {});

}  // namespace cofactor
