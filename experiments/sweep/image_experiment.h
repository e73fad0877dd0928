// The base of the image experiments: the flags of networks and image files, and the network that they select.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/images/image_file_dataset.h"
#include "experiments/sweep/experiment.h"
#include "models/make_network.h"

namespace cofactor {

// The values of the flags.
struct ImageFlags {
  std::string model = "resnet34";
  std::string head = "torchvision";  // of VGG
  std::string init{};                // a file of weights that training starts from, or empty
  std::string stem{};                // of ResNet; empty: by the size of the images
  std::optional<int> image_size{};   // pixels of a side; none: the experiment's
  uint64_t split_seed = 0;           // deals images to training, validation and test
  std::string split{};               // a table that assigns the images to parts, or empty
  bool no_augmentation = false, skip_broken = false;
};

// The help of --split for images in class folders.
inline constexpr std::string_view kSplitHelp =
    "CSV table that assigns the images to parts: columns file (its path in --data) and split (train, validation, test) "
    "or index (below 40000: train, else validation); images in a test folder that it does not list are for testing";

class ImageExperiment : public Experiment {
 public:
  // --model, --head, --stem, --init, --no-augmentation, and those of ImageFlagSet.
  void add_flags(Flags& flags) override;
  // Throws UsageError for an image size outside 1 to 4096.
  void check_flags() const override;
  bool may_skip_broken() const override;

 protected:
  // Defaults, and which of the flags that not all image experiments have this one has.
  struct ImageFlagSet {
    std::string model = "resnet34", head = "torchvision";
    std::string default_size{};     // --image-size and --skip-broken, for images in files: the default size in words
    std::string split_seed_help{};  // --split-seed: its help
    std::string split_help{};       // --split: its help; without it there is no such flag
    std::vector<std::string> models =
        network_names();  // of --model; the default may be empty: model_text says what it is
    std::string model_text{};
  };
  ImageExperiment(ExperimentTable table, ImageFlagSet flag_set);

  const ImageFlags& images() const { return images_; }
  // The first given flag that is for images alone; empty: none.
  std::string given_image_flag() const;

  struct Network {
    std::function<std::unique_ptr<Module>(uint64_t seed, Device device)> make;
    NetworkOptions options;          // of make
    SettingList settings;            // what decides results: the network, and the weights that it starts from
    std::vector<std::string> notes;  // what was loaded of --init
  };
  // Builds the network `model` as the flags say for images of height x width pixels. A ResNet without --stem has the
  // published code's stem up to 64 pixels, and torchvision's, which divides the size by four, above. The file of --init
  // is read once and tried on a network. Throws UsageError where the network does not take images of that size, and
  // Error where the file does not fit.
  Network select_network(const std::string& model, int64_t classes, int64_t height, int64_t width) const;

  // For the notes: which files are used; the classes, by name where there are few; and the images that are left out.
  struct ImageNotes {
    FileAccount account{};
    std::vector<std::string> classes{};
    std::vector<BrokenSample> broken{};
  };
  // Joins splits and network. `settings` are the experiment's own; the network's and those of the flags follow.
  ExperimentData join(DataSplits splits, Network network, SettingList settings, const ImageNotes& notes) const;

 private:
  ImageFlagSet flag_set_;
  ImageFlags images_;
  std::vector<Flag> image_flags_;  // for images alone
};

}  // namespace cofactor
