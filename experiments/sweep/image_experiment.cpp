#include "experiments/sweep/image_experiment.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "data/checksum.h"
#include "engine/io/safetensors.h"
#include "engine/io/utf8.h"
#include "experiments/sweep/program.h"
#include "layers/pretrained.h"
#include "models/make_network.h"

namespace cofactor {
namespace {

constexpr int64_t kSmallImage = 64;  // pixels of a side, up to which a ResNet has the stem for small images
constexpr size_t kMaxNamed = 3;      // broken images that a note names
constexpr size_t kMaxClassesNamed = 12;

const std::map<std::string, VggHead> kHeads = {{"torchvision", VggHead::torchvision}, {"linear", VggHead::linear}};
const std::map<std::string, ResNetStem> kStems = {{"imagenet", ResNetStem::imagenet}, {"cifar", ResNetStem::cifar}};

// A checksum over names and bytes.
std::string checksum_of_weights(const std::vector<NamedTensor>& state) {
  Checksum sum;
  for (const auto& [name, tensor] : state) {
    sum.mix(name);
    sum.mix_bytes(tensor.raw_data(), static_cast<size_t>(tensor.numel()) * size_of(tensor.dtype()));
  }
  return sum.text();
}

// Loads the weights of --init into a network of the kind. Returns a note of what was loaded.
std::string try_init(const std::string& model, const std::string& path, const NetworkOptions& options,
                     const SafetensorsFile& file) {
  try {
    Initializer init(kHost, 0);
    const std::string report = load_pretrained(*make_network(model, init, options), file.tensors);
    const std::string halves = file.halves > 0 ? fmt::format("; {} in F16 were read as f32", file.halves) : "";
    return fmt::format("--init {}: {}{}", path, report, halves);
  } catch (const Error& error) {
    fail("--init {}: {}", path, error.what());
  }
}

// "of 2 classes (cat, dog)"
std::string text_of_classes(const std::vector<std::string>& classes) {
  std::vector<std::string> shown;
  for (const std::string& name : classes) shown.push_back(printable(name));
  return fmt::format("of {}{}", counted(static_cast<int64_t>(classes.size()), "class", "classes"),
                     classes.size() <= kMaxClassesNamed ? fmt::format(" ({})", fmt::join(shown, ", ")) : "");
}

// The account, and, where samples are left out, "2 images cannot be read and are left out" with the reasons of the
// first few; nothing where there are neither.
std::vector<std::string> lines_of(const FileAccount& account, const std::vector<std::string>& classes,
                                  const std::vector<BrokenSample>& broken) {
  std::vector<std::string> lines;
  if (account.used() > 0) lines = account.lines(classes.empty() ? "" : text_of_classes(classes));
  if (broken.empty()) return lines;
  lines.push_back(fmt::format("{} cannot be read and {} left out",
                              counted(static_cast<int64_t>(broken.size()), account.noun(), account.nouns()),
                              broken.size() == 1 ? "is" : "are"));
  for (size_t i = 0; i < std::min(broken.size(), kMaxNamed); ++i) lines.push_back("  " + printable(broken[i].reason));
  if (broken.size() > kMaxNamed) lines.push_back(fmt::format("  and {} more", broken.size() - kMaxNamed));
  return lines;
}

}  // namespace

ImageExperiment::ImageExperiment(ExperimentTable table, ImageFlagSet flag_set)
    : Experiment(std::move(table)),
      flag_set_(std::move(flag_set)),
      images_{.model = flag_set_.model, .head = flag_set_.head} {}

void ImageExperiment::add_flags(Flags& flags) {
  flags.start_group("Images");
  Flag model = flags.add("--model", images_.model, "Network").one_of(flag_set_.models);
  if (!flag_set_.model_text.empty()) model.default_text(flag_set_.model_text);
  image_flags_ = {
      flags.add("--init", images_.init,
                "Weights to start from, a .safetensors file with torchvision's names; a classifier for other classes "
                "is initialised anew [random weights]"),
      flags
          .add("--head", images_.head, "Of VGG: torchvision's three linear layers, or the published code's one, linear")
          .one_of({"torchvision", "linear"}),
      flags.add("--stem", images_.stem, "Of ResNet: imagenet, torchvision's, or cifar, for small images")
          .one_of({"imagenet", "cifar"})
          .default_text("cifar up to 64 pixels"),
      flags.add("--no-augmentation", images_.no_augmentation, "Train on the images as validation reads them")};
  if (!flag_set_.default_size.empty()) {
    image_flags_.push_back(flags.add("--image-size", images_.image_size, "Pixels of a side of the network's input")
                               .default_text(flag_set_.default_size));
    flags.add("--skip-broken", images_.skip_broken,
              "Leave out images that cannot be read, and count them; each is decoded once before training");
  }
  if (!flag_set_.split_seed_help.empty()) flags.add("--split-seed", images_.split_seed, flag_set_.split_seed_help);
  if (!flag_set_.split_help.empty()) flags.add("--split", images_.split, flag_set_.split_help);
}

std::string ImageExperiment::given_image_flag() const {
  for (const Flag& flag : image_flags_)
    if (flag.given()) return flag.name();
  return {};
}

void ImageExperiment::check_flags() const {
  constexpr int kMaxSize = 4096;
  if (images_.image_size && (*images_.image_size < 1 || *images_.image_size > kMaxSize)) {
    usage("--image-size {}: expected 1 to {} pixels", *images_.image_size, kMaxSize);
  }
}

bool ImageExperiment::may_skip_broken() const {
  return !flag_set_.default_size.empty() && !images_.skip_broken;
}

ImageExperiment::Network ImageExperiment::select_network(const std::string& model, int64_t classes, int64_t height,
                                                         int64_t width) const {
  const bool small = std::max(height, width) <= kSmallImage;
  const std::string stem = !images_.stem.empty() ? images_.stem : small ? "cifar" : "imagenet";
  const NetworkOptions options{.classes = classes,
                               .image_height = height,
                               .image_width = width,
                               .stem = kStems.at(stem),
                               .head = kHeads.at(images_.head)};
  if (const int64_t least = smallest_image(model); std::min(height, width) < least) {
    usage("--model {}: it takes images of at least {} x {}, not of {} x {}", model, least, least, height, width);
  }
  Network network;
  std::vector<NamedTensor> state;
  if (!images_.init.empty()) {
    SafetensorsFile file = load_safetensors(images_.init, kHost);
    network.notes.push_back(try_init(model, images_.init, options, file));
    state = std::move(file.tensors);
  }
  const bool vgg = model.starts_with("vgg");
  network.settings = {{"model", model}, {vgg ? "head" : "stem", vgg ? images_.head : stem}};
  if (!state.empty()) network.settings.emplace_back("init", checksum_of_weights(state));
  network.options = options;
  network.make = [options, model, state = std::move(state)](uint64_t seed, Device device) {
    Initializer init(device, seed);
    auto made = make_network(model, init, options);
    if (!state.empty()) load_pretrained(*made, state);
    return made;
  };
  return network;
}

ExperimentData ImageExperiment::join(DataSplits splits, Network network, SettingList settings,
                                     const ImageNotes& notes) const {
  settings.insert(settings.end(), network.settings.begin(), network.settings.end());
  const bool has_images = splits.train.data->sample_shape().rank() == 3;
  if (has_images) settings.emplace_back("augmentation", !images_.no_augmentation);
  settings.emplace_back("split_seed", images_.split_seed);
  // What the table says shows in the splits.
  if (!images_.split.empty()) settings.emplace_back("split", "file");
  ExperimentData data{std::move(splits), std::move(network.make)};
  data.settings = std::move(settings);
  data.notes = lines_of(notes.account, notes.classes, notes.broken);
  data.notes.insert(data.notes.end(), network.notes.begin(), network.notes.end());
  return data;
}

}  // namespace cofactor
