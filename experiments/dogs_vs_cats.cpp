// Dogs vs. Cats with VGG-16 (paper, section 5.2 and Figure 3).
#include "data/sets/dogs_vs_cats.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "experiments/sweep/image_network.h"
#include "experiments/sweep/protocol.h"

namespace {

using namespace cofactor;

// The flags of this experiment alone.
struct Flags {
  ImageFlags images{.model = "vgg16", .head = "linear"};
  std::string input = "paper";
};

void add_flags(CLI::App& app, Flags& flags) {
  add_network_flags(app, flags.images);
  add_file_flags(app, flags.images, "32; 150 with --input code");
  add_split_seed_flag(app, flags.images, "Deals the images to training, validation and test");
  app.add_option(
         "--input", flags.input,
         "paper: 32 x 32, padded by 4 and cropped, flipped; code, the published one: 150 x 150, flipped, turned "
         "by up to 45 degrees")
      ->check(CLI::IsMember({"paper", "code"}))
      ->capture_default_str()
      ->group("Images");
}

ExperimentData load(const std::filesystem::path& directory, const Flags& flags) {
  const ImageFlags& images = flags.images;
  auto transforms = dogs_vs_cats_transforms(
      flags.input == "paper" ? DogsVsCatsInput::paper : DogsVsCatsInput::published_code, images.image_size.value_or(0));
  if (images.no_augmentation) transforms.training = transforms.evaluation;
  const Shape shape = transformed_shape(transforms.evaluation);
  const ImageNetwork network = image_network(images, 2, shape[0], shape[1]);
  DogsVsCats data = load_dogs_vs_cats(directory, {.transforms = transforms,
                                                  .split_seed = images.split_seed,
                                                  .skip_broken = images.skip_broken,
                                                  .threads = usable_cores()});
  return image_data({std::move(data.train), std::move(data.validation), std::move(data.test)}, network, images,
                    {{"input", flags.input}, {"image_size", shape[0]}},
                    {.account = std::move(data.account), .broken = std::move(data.broken)});
}

Experiment dogs_vs_cats() {
  Experiment table;
  table.name = "dogs_vs_cats";
  table.description = "Dogs vs. Cats, cats labelled as dogs (L_DMI, section 5.2, Figure 3)";
  table.paper =
      "VGG-16, --rate 0 to 0.9, ce, dmi, gce, fw and lccn, five seeds, batch size 128, images as in CIFAR-10; SGD\n"
      "  with momentum 0.9, weight decay 1e-4 and rate 1e-5 for dmi; the other rates and the epochs are the published\n"
      "  code's. The methods that the paper does not have take gce's schedule. --data is the folder that Kaggle's\n"
      "  train.zip unpacks to: https://www.kaggle.com/c/dogs-vs-cats/data";
  table.class_names = {"cat", "dog"};
  table.noises.assign(kDogsVsCatsNoises.begin(), kDogsVsCatsNoises.end());
  table.transition = dogs_vs_cats_noise;
  const auto flags = std::make_shared<Flags>();
  table.add_flags = [flags](CLI::App& app) { add_flags(app, *flags); };
  table.check_flags = [flags] { check_image_flags(flags->images); };
  table.load = [flags](const std::filesystem::path& directory) { return load(directory, *flags); };
  table.pretraining = sgd_plan(1e-4, 50);
  table.finetuning = {{"dmi", sgd_plan(1e-5, 50)}};
  table.finetune_others(table.pretraining);
  table.loss.lccn = {.warmup_steps = 1000, .update_every = 100};
  table.default_data = "dogs_vs_cats";
  table.default_noises = {"cat-to-dog"};
  table.default_methods = {"ce", "dmi", "gce", "fw", "lccn"};
  table.default_rates = {0.2, 0.6};
  table.default_workers = std::max(1, usable_cores() - 1);  // the training thread reads too, where it would wait
  return table;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main("dogs_vs_cats", [&] { return run_experiment(dogs_vs_cats(), argc, argv); });
}
