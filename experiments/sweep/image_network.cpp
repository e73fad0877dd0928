#include "experiments/sweep/image_network.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "data/checksum.h"
#include "engine/io/safetensors.h"
#include "engine/io/utf8.h"
#include "experiments/sweep/program.h"
#include "layers/pretrained.h"

namespace cofactor {
namespace {

constexpr int64_t kSmallImage = 64;  // pixels of a side, up to which a ResNet has the stem for small images
constexpr size_t kMaxNamed = 3;      // broken images that a note names
constexpr size_t kMaxClassesNamed = 12;

const std::map<std::string, VggHead> kHeads = {{"torchvision", VggHead::torchvision}, {"linear", VggHead::linear}};
const std::map<std::string, ResNetStem> kStems = {{"imagenet", ResNetStem::imagenet}, {"cifar", ResNetStem::cifar}};

template <class Value>
std::string name_in(const std::map<std::string, Value>& names, Value value) {
  for (const auto& [name, known] : names)
    if (known == value) return name;
  fail("image_network: a choice without a name");
}

// Over names and bytes.
std::string text_of_weights(const std::vector<NamedTensor>& state) {
  Checksum sum;
  for (const auto& [name, tensor] : state) {
    sum.mix(name);
    sum.mix_bytes(tensor.raw_data(), static_cast<size_t>(tensor.numel()) * size_of(tensor.dtype()));
  }
  return sum.text();
}

// Loads the weights of --init into a network of the kind: what there is to say of it.
std::string try_init(const ImageFlags& flags, const NetworkOptions& options, const SafetensorsFile& file) {
  try {
    Initializer init(kHost, 0);
    const std::string report = load_pretrained(*make_network(flags.model, init, options), file.tensors);
    const std::string halves = file.halves > 0 ? fmt::format("; {} in F16 were read as f32", file.halves) : "";
    return fmt::format("--init {}: {}{}", flags.init, report, halves);
  } catch (const Error& error) {
    fail("--init {}: {}", flags.init, error.what());
  }
}

// "of 2 classes (cat, dog)"
std::string text_of_classes(const std::vector<std::string>& classes) {
  std::vector<std::string> shown;
  for (const std::string& name : classes) shown.push_back(printable(name));
  return fmt::format("of {}{}", counted(static_cast<int64_t>(classes.size()), "class", "classes"),
                     classes.size() <= kMaxClassesNamed ? fmt::format(" ({})", fmt::join(shown, ", ")) : "");
}

// The account, and, where images are left out, "2 images cannot be read and are left out" with the reasons of the first
// few; nothing where there are neither.
std::vector<std::string> lines_of(const ImageNotes& files) {
  std::vector<std::string> lines;
  if (files.account.used() > 0)
    lines = files.account.lines(files.classes.empty() ? "" : text_of_classes(files.classes));
  const std::vector<BrokenSample>& broken = files.broken;
  if (broken.empty()) return lines;
  lines.push_back(fmt::format("{} cannot be read and {} left out",
                              counted(static_cast<int64_t>(broken.size()), "image", "images"),
                              broken.size() == 1 ? "is" : "are"));
  for (size_t i = 0; i < std::min(broken.size(), kMaxNamed); ++i) lines.push_back("  " + printable(broken[i].reason));
  if (broken.size() > kMaxNamed) lines.push_back(fmt::format("  and {} more", broken.size() - kMaxNamed));
  return lines;
}

}  // namespace

void add_network_flags(CLI::App& app, ImageFlags& flags) {
  app.add_option("--model", flags.model, fmt::format("{}", fmt::join(network_names(), ", ")))
      ->check(CLI::IsMember(network_names()))
      ->capture_default_str()
      ->group("Images");
  app.add_option("--init", flags.init,
                 "Weights to start from, a .safetensors file with torchvision's names; a classifier for other classes "
                 "starts anew [random weights]")
      ->group("Images");
  app.add_option("--head", flags.head, "Of VGG: torchvision's three linear layers, or the published code's one, linear")
      ->check(CLI::IsMember({"torchvision", "linear"}))
      ->capture_default_str()
      ->group("Images");
  app.add_option("--stem", flags.stem, "Of ResNet: imagenet, torchvision's, or cifar, for small images")
      ->check(CLI::IsMember({"imagenet", "cifar"}))
      ->default_str("cifar up to 64 pixels")
      ->group("Images");
  app.add_flag("--no-augmentation", flags.no_augmentation, "Train on the images as validation reads them")
      ->group("Images");
}

void add_file_flags(CLI::App& app, ImageFlags& flags, const std::string& default_size) {
  app.add_option("--image-size", flags.image_size, "Pixels of a side of what the network sees")
      ->default_str(default_size)
      ->group("Images");
  app.add_flag("--skip-broken", flags.skip_broken,
               "Leave out images that cannot be read, and count them; each is decoded once before training")
      ->group("Images");
}

void add_split_seed_flag(CLI::App& app, ImageFlags& flags, const std::string& text) {
  app.add_option("--split-seed", flags.split_seed, text)->capture_default_str()->group("Images");
}

void add_split_flag(CLI::App& app, ImageFlags& flags) {
  app.add_option(
         "--split", flags.split,
         "CSV table that says which images train, validate and test: columns file (its path in --data) and split "
         "(train, validation, test) or index (below 40000 trains, else validates); images in a test folder that "
         "it does not list test")
      ->group("Images");
}

void check_image_flags(const ImageFlags& flags) {
  constexpr int kLargest = 4096;
  if (flags.image_size && (*flags.image_size < 1 || *flags.image_size > kLargest)) {
    usage("--image-size {}: expected 1 to {} pixels", *flags.image_size, kLargest);
  }
}

ImageNetwork image_network(const ImageFlags& flags, int64_t classes, int64_t height, int64_t width) {
  const bool small = std::max(height, width) <= kSmallImage;
  const NetworkOptions options{.classes = classes,
                               .image_height = height,
                               .image_width = width,
                               .stem = kStems.at(!flags.stem.empty() ? flags.stem
                                                 : small             ? "cifar"
                                                                     : "imagenet"),
                               .head = kHeads.at(flags.head)};
  if (const int64_t least = smallest_image(flags.model); std::min(height, width) < least) {
    usage("--model {}: it takes images of at least {} x {}, not of {} x {}", flags.model, least, least, height, width);
  }
  ImageNetwork network;
  std::vector<NamedTensor> state;
  if (!flags.init.empty()) {
    SafetensorsFile file = load_safetensors(flags.init, kHost);
    network.notes.push_back(try_init(flags, options, file));
    state = std::move(file.tensors);
  }
  const bool vgg = flags.model.starts_with("vgg");
  network.settings = {{"model", flags.model},
                      {vgg ? "head" : "stem", vgg ? name_in(kHeads, options.head) : name_in(kStems, options.stem)}};
  if (!state.empty()) network.settings["init"] = text_of_weights(state);
  network.make = [options, model = flags.model, state = std::move(state)](uint64_t seed, Device device) {
    Initializer init(device, seed);
    auto made = make_network(model, init, options);
    if (!state.empty()) load_pretrained(*made, state);
    return made;
  };
  return network;
}

ExperimentData image_data(DataSplits splits, const ImageNetwork& network, const ImageFlags& flags, Json settings,
                          const ImageNotes& notes) {
  settings.update(network.settings);
  settings["augmentation"] = !flags.no_augmentation;
  settings["split_seed"] = flags.split_seed;
  // What the table decides shows in the splits.
  if (!flags.split.empty()) settings["split"] = "file";
  ExperimentData data{std::move(splits), network.make};
  data.settings = write_json(settings);
  data.notes = lines_of(notes);
  data.notes.insert(data.notes.end(), network.notes.begin(), network.notes.end());
  return data;
}

}  // namespace cofactor
