// CIFAR-10 with a residual network (paper, section 5.2 and Figure 3).
#include "data/cifar10.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "engine/io/json.h"
#include "experiments/program.h"
#include "experiments/protocol.h"
#include "models/make_model.h"

namespace {

using namespace cofactor;

// The flags of this experiment alone.
struct Flags {
  std::string model = "resnet34";
  uint64_t split_seed = Cifar10Options{}.split_seed;
  bool no_augmentation = false;
};

void add_flags(CLI::App& app, Flags& flags) {
  app.add_option("--model", flags.model,
                 fmt::format("{}; ResNet with the stem for small images, VGG with one linear layer",
                             fmt::join(network_names(), ", ")))
      ->check(CLI::IsMember(network_names()))
      ->capture_default_str()
      ->group("Images");
  app.add_option("--split-seed", flags.split_seed, "Parts training from validation where images come in class folders")
      ->capture_default_str()
      ->group("Images");
  app.add_flag("--no-augmentation", flags.no_augmentation, "Train on the images as they are: no crops, no flips")
      ->group("Images");
}

ExperimentData load(const std::filesystem::path& directory, const Flags& flags) {
  Cifar10 data = load_cifar10(
      directory, {.augment = !flags.no_augmentation, .split_seed = flags.split_seed, .threads = usable_cores()});
  const NetworkOptions options{
      .classes = 10, .image_height = 32, .image_width = 32, .stem = ResNetStem::cifar, .head = VggHead::linear};
  const Json settings = {{"model", flags.model}, {"augmentation", !flags.no_augmentation}};
  return {{std::move(data.train), std::move(data.validation), std::move(data.test)},
          [options, model = flags.model](uint64_t seed, Device device) {
            Initializer init(device, seed);
            return make_network(model, init, options);
          },
          write_json(settings)};
}

// SGD with momentum 0.9 and weight decay 1e-4, its rate a tenth from epoch 40 and a hundredth from 80 where `steps`.
TrainingPlan sgd(double lr, int epochs, bool steps) {
  TrainingPlan plan{.optimizer = OptimizerKind::sgd,
                    .lr = lr,
                    .momentum = 0.9,
                    .weight_decay = 1e-4,
                    .epochs = epochs,
                    .batch_size = 128};
  if (steps) plan.lr_steps = {{40, lr / 10}, {80, lr / 100}};
  return plan;
}

void add_hyperparameters(Experiment& table) {
  table.pretraining = sgd(0.1, 120, true);
  table.finetuning.push_back({"dmi", sgd(1e-6, 100, false)});
  for (const auto* method : {"gce", "fw"}) table.finetuning.push_back({method, sgd(0.01, 120, true)});
  TrainingPlan lccn = sgd(0.5, 120, false);
  lccn.lr_steps = {{40, 0.1}, {80, 0.01}};
  table.finetuning.push_back({"lccn", lccn});
  for (const auto* method : {"mae", "bw", "bootstrap-soft", "bootstrap-hard", "sce"}) {
    table.finetuning.push_back({method, sgd(0.01, 120, true)});
  }
  table.loss.lccn = {.warmup_steps = 20000, .update_every = 200};
}

Experiment cifar10() {
  Experiment table;
  table.name = "cifar10";
  table.description = "CIFAR-10, noise between similar classes (L_DMI, section 5.2, Figure 3)";
  table.paper =
      "ResNet-34, --noise similar-classes, --rate 0 to 0.9, ce, dmi, gce, fw and lccn, five seeds, batch size 128;\n"
      "  SGD with momentum 0.9 and weight decay 1e-4; rates, their steps and epochs are the published code's, whose\n"
      "  batch size is 256. The methods that the paper does not have take gce's schedule.";
  table.class_names.assign(kCifar10Classes.begin(), kCifar10Classes.end());
  table.noises.assign(kCifar10Noises.begin(), kCifar10Noises.end());
  table.transition = cifar10_noise;
  const auto flags = std::make_shared<Flags>();
  table.add_flags = [flags](CLI::App& app) { add_flags(app, *flags); };
  table.load = [flags](const std::filesystem::path& directory) { return load(directory, *flags); };
  add_hyperparameters(table);
  table.default_data = "cifar10";
  table.default_noises = {"similar-classes"};
  table.default_methods = {"ce", "dmi", "gce", "fw", "lccn"};
  table.default_rates = {0.2, 0.6};
  return table;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main("cifar10", [&] { return run_experiment(cifar10(), argc, argv); });
}
