// Clothing1M with ResNet-50 (paper, section 5.3 and Table 1).
#include "data/sets/clothing1m.h"

#include <algorithm>

#include "engine/cores.h"
#include "experiments/own_data/run_model.h"
#include "experiments/report/full_protocol.h"
#include "experiments/sweep/image_experiment.h"
#include "experiments/sweep/protocol.h"

namespace {

using namespace cofactor;

ExperimentTable make_table() {
  ExperimentTable table;
  table.name = "clothing1m";
  table.description = "Clothing1M, a million images with the noisy labels of shops (L_DMI, section 5.3, Table 1)";
  table.paper =
      "ResNet-50, ce, dmi, gce, fw and lccn, batch size 256; dmi with SGD, momentum 0.9, weight decay\n"
      "  1e-3 and rate 1e-6, from the sixth of ten epochs on 0.5e-6. ce has the published code's rates, 0.01\n"
      "  and then 0.001. For gce, fw and lccn neither gives any: here they, and methods that the paper does\n"
      "  not have, take those of dmi. The noise is the labels' own, so validation and test are clean. --init\n"
      "  starts from weights such as ImageNet's (docs/experiments.md says how to make the file).\n"
      "The data: --data is the folder that has annotations/ and images/; its authors provide it on request,\n"
      "  https://github.com/Cysu/noisy_label";
  table.class_names.assign(kClothing1mClasses.begin(), kClothing1mClasses.end());
  TrainingPlan plan = sgd_plan(0.01, full_protocol(table.name).pretraining_epochs);
  plan.batch_size = 256;
  plan.weight_decay = 1e-3;
  plan.lr_steps = {{5, 1e-3}};
  table.pretraining = plan;
  plan.lr = 1e-6;
  plan.lr_steps = {{5, 0.5e-6}};
  table.finetuning = {{"dmi", plan}};
  table.finetune_others(plan);
  table.default_data = "clothing1m";
  table.default_noises = {"none"};
  table.default_methods = {"ce", "dmi", "gce", "fw", "lccn"};
  table.default_rates = {0.0};
  table.default_workers = std::max(1, usable_cores() - 1);  // the training thread reads too, where it would wait
  return table;
}

// A shorter side in the proportion of 256 to 224, of which the middle or a random window is cropped.
ImageTransform sized(ImageTransform transform, std::optional<int> size) {
  if (!size) return transform;
  transform.resize_shorter = *size * 256 / 224;
  transform.crop_h = transform.crop_w = *size;
  return transform;
}

class Clothing1mExperiment : public ImageExperiment {
 public:
  Clothing1mExperiment()
      : ImageExperiment(make_table(), {.model = "resnet50",
                                       .default_size = "224, cut out of images whose shorter side is brought to 256"}) {
  }

  ExperimentData load(const Folders& folders, const std::vector<std::string>& classes) const override {
    Clothing1mOptions options{.training = sized(clothing1m_training_transform(), images().image_size),
                              .evaluation = sized(clothing1m_evaluation_transform(), images().image_size),
                              .skip_broken = images().skip_broken,
                              .threads = usable_cores()};
    if (images().no_augmentation) options.training = options.evaluation;
    const Shape shape = transformed_shape(options.evaluation);
    Network network = select_network(images().model, static_cast<int64_t>(classes.size()), shape[0], shape[1]);
    RunModel model{.network = images().model,
                   .classes = classes,
                   .input = ImageInput{.network = network.options, .transform = options.evaluation}};
    Clothing1m data = load_clothing1m(folders.data, options);
    std::vector<BrokenSample> broken = std::move(data.broken_train);
    for (const auto* more : {&data.broken_validation, &data.broken_test})
      broken.insert(broken.end(), more->begin(), more->end());
    ExperimentData joined =
        join({std::move(data.train), std::move(data.validation), std::move(data.test)}, std::move(network),
             {{"image_size", shape[0]}}, {.account = std::move(data.account), .broken = std::move(broken)});
    joined.describe = describe_runs(std::move(model));
    return joined;
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run_main("clothing1m", [&] {
    Clothing1mExperiment experiment;
    return run_experiment(experiment, argc, argv);
  });
}
