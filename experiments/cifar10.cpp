// CIFAR-10 with a residual network (paper, section 5.2 and Figure 3).
#include "data/sets/cifar10.h"

#include <CLI/CLI.hpp>

#include "experiments/sweep/image_network.h"
#include "experiments/sweep/protocol.h"

namespace {

using namespace cofactor;

void add_flags(CLI::App& app, ImageFlags& flags) {
  add_network_flags(app, flags);
  add_split_seed_flag(app, flags, "Parts training from validation where images come in class folders, without --split");
  add_split_flag(app, flags);
}

ExperimentData load(const std::filesystem::path& directory, const ImageFlags& flags) {
  const ImageNetwork network = image_network(flags, 10, 32, 32);
  Cifar10 data = load_cifar10(directory, {.augment = !flags.no_augmentation,
                                          .split_seed = flags.split_seed,
                                          .split = flags.split,
                                          .threads = usable_cores()});
  return image_data({std::move(data.train), std::move(data.validation), std::move(data.test)}, network, flags,
                    Json::object(), {.account = std::move(data.account)});
}

// With its rate a tenth from epoch 40 and a hundredth from 80.
TrainingPlan stepped_plan(double lr) {
  TrainingPlan plan = sgd_plan(lr, 120);
  plan.lr_steps = {{40, lr / 10}, {80, lr / 100}};
  return plan;
}

void add_hyperparameters(Experiment& table) {
  TrainingPlan lccn = sgd_plan(0.5, 120);
  lccn.lr_steps = {{40, 0.1}, {80, 0.01}};
  table.pretraining = stepped_plan(0.1);
  table.finetuning = {
      {"dmi", sgd_plan(1e-6, 100)}, {"gce", stepped_plan(0.01)}, {"fw", stepped_plan(0.01)}, {"lccn", lccn}};
  table.finetune_others(stepped_plan(0.01));
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
  const auto flags = std::make_shared<ImageFlags>(ImageFlags{.head = "linear"});
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
