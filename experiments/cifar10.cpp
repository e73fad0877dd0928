// CIFAR-10 with a residual network (paper, section 5.2 and Figure 3).
#include "data/sets/cifar10.h"

#include "engine/cores.h"
#include "experiments/own_data/run_model.h"
#include "experiments/report/full_protocol.h"
#include "experiments/sweep/image_experiment.h"
#include "experiments/sweep/protocol.h"

namespace {

using namespace cofactor;

// From epoch 40 on the rate is a tenth, and from epoch 80 on a hundredth.
TrainingPlan stepped_plan(double lr) {
  TrainingPlan plan = sgd_plan(lr, full_protocol("cifar10").pretraining_epochs);
  plan.lr_steps = {{40, lr / 10}, {80, lr / 100}};
  return plan;
}

ExperimentTable make_table() {
  ExperimentTable table;
  table.name = "cifar10";
  table.description = "CIFAR-10, noise between similar classes (L_DMI, section 5.2, Figure 3)";
  table.paper =
      "ResNet-34, --noise similar-classes, --rate 0 to 0.9, ce, dmi, gce, fw and lccn, five seeds,\n"
      "  batch size 128; SGD with momentum 0.9 and weight decay 1e-4. The rates, their steps and the epochs\n"
      "  are the published code's, whose batch size is 256. Methods that the paper does not have take the\n"
      "  schedule of gce.";
  table.class_names.assign(kCifar10Classes.begin(), kCifar10Classes.end());
  table.noises = {"similar-classes", "uniform", "symmetric"};
  TrainingPlan lccn = sgd_plan(0.5, full_protocol(table.name).finetuning_epochs("lccn"));
  lccn.lr_steps = {{40, 0.1}, {80, 0.01}};
  table.pretraining = stepped_plan(0.1);
  table.finetuning = {{"dmi", sgd_plan(1e-6, full_protocol(table.name).finetuning_epochs("dmi"))},
                      {"gce", stepped_plan(0.01)},
                      {"fw", stepped_plan(0.01)},
                      {"lccn", lccn}};
  table.finetune_others(stepped_plan(0.01));
  table.loss = {{"lccn", {{"warmup_steps", 20000}, {"update_every", 200}}}};
  table.default_data = "cifar10";
  table.default_noises = {"similar-classes"};
  table.default_methods = {"ce", "dmi", "gce", "fw", "lccn"};
  table.default_rates = {0.2, 0.6};
  return table;
}

// Images of files as the data set has them.
constexpr ImageTransform kCifar10Transform{.resize_h = 32, .resize_w = 32, .mean = kCifar10Mean, .std = kCifar10Std};

class Cifar10Experiment : public ImageExperiment {
 public:
  Cifar10Experiment()
      : ImageExperiment(
            make_table(),
            {.head = "linear",
             .split_seed_help = "Divides training from validation where images come in class folders, without --split",
             .split = true}) {}

  ExperimentData load(const Folders& folders, const std::vector<std::string>& classes) const override {
    Network network = select_network(static_cast<int64_t>(classes.size()), 32, 32);
    RunModel model{.network = images().model,
                   .classes = classes,
                   .input = ImageInput{.network = network.options, .transform = kCifar10Transform}};
    Cifar10 data = load_cifar10(folders.data, {.augment = !images().no_augmentation,
                                               .split_seed = images().split_seed,
                                               .split = images().split,
                                               .threads = usable_cores()});
    ExperimentData joined = join({std::move(data.train), std::move(data.validation), std::move(data.test)},
                                 std::move(network), {}, {.account = std::move(data.account)});
    joined.describe = describe_runs(std::move(model));
    return joined;
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run_main("cifar10", [&] {
    Cifar10Experiment experiment;
    return run_experiment(experiment, argc, argv);
  });
}
