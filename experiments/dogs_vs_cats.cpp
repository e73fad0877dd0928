// Dogs vs. Cats with VGG-16 (paper, section 5.2 and Figure 3).
#include "data/sets/dogs_vs_cats.h"

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
  table.name = "dogs_vs_cats";
  table.description = "Dogs vs. Cats, cats labelled as dogs (L_DMI, section 5.2, Figure 3)";
  table.paper =
      "VGG-16, --rate 0 to 0.9, ce, dmi, gce, fw and lccn, five seeds, batch size 128, images as in\n"
      "  CIFAR-10; SGD with momentum 0.9, weight decay 1e-4 and, for dmi, rate 1e-5. The other rates and the\n"
      "  epochs are the published code's. Methods that the paper does not have take the schedule of gce.\n"
      "The data: --data is the folder that Kaggle's train.zip unpacks to,\n"
      "  https://www.kaggle.com/c/dogs-vs-cats/data";
  table.class_names = {"cat", "dog"};
  table.noises = {"cat-to-dog"};
  table.pretraining = sgd_plan(1e-4, full_protocol(table.name).pretraining_epochs);
  table.finetuning = {{"dmi", sgd_plan(1e-5, full_protocol(table.name).finetuning_epochs("dmi"))}};
  table.finetune_others(table.pretraining);
  table.loss = {{"lccn", {{"warmup_steps", 1000}, {"update_every", 100}}}};
  table.default_data = "dogs_vs_cats";
  table.default_noises = {"cat-to-dog"};
  table.default_methods = {"ce", "dmi", "gce", "fw", "lccn"};
  table.default_rates = {0.2, 0.6};
  table.default_workers = std::max(1, usable_cores() - 1);  // the training thread reads too, where it would wait
  return table;
}

class DogsVsCatsExperiment : public ImageExperiment {
 public:
  DogsVsCatsExperiment()
      : ImageExperiment(make_table(), {.model = "vgg16",
                                       .head = "linear",
                                       .default_size = "32; 150 with --input code",
                                       .split_seed_help = "Seed of the split into training, validation and test"}) {}

  void add_flags(Flags& flags) override {
    ImageExperiment::add_flags(flags);
    flags
        .add("--input", input_,
             "paper: 32 x 32, padded by 4 and cropped, flipped; code, the published one: 150 x 150, flipped, turned "
             "by up to 45 degrees")
        .one_of({"paper", "code"});
  }

  ExperimentData load(const Folders& folders, const std::vector<std::string>& classes) const override {
    auto transforms = dogs_vs_cats_transforms(
        input_ == "paper" ? DogsVsCatsInput::paper : DogsVsCatsInput::published_code, images().image_size.value_or(0));
    if (images().no_augmentation) transforms.training = transforms.evaluation;
    const Shape shape = transformed_shape(transforms.evaluation);
    Network network = select_network(images().model, static_cast<int64_t>(classes.size()), shape[0], shape[1]);
    RunModel model{.network = images().model,
                   .classes = classes,
                   .input = ImageInput{.network = network.options, .transform = transforms.evaluation}};
    DogsVsCats data = load_dogs_vs_cats(folders.data, {.transforms = transforms,
                                                       .split_seed = images().split_seed,
                                                       .skip_broken = images().skip_broken,
                                                       .threads = usable_cores()});
    ExperimentData joined = join({std::move(data.train), std::move(data.validation), std::move(data.test)},
                                 std::move(network), {{"input", input_}, {"image_size", shape[0]}},
                                 {.account = std::move(data.account), .broken = std::move(data.broken)});
    joined.describe = describe_runs(std::move(model));
    return joined;
  }

 private:
  std::string input_ = "paper";
};

}  // namespace

int main(int argc, char** argv) {
  return run_main("dogs_vs_cats", [&] {
    DogsVsCatsExperiment experiment;
    return run_experiment(experiment, argc, argv);
  });
}
