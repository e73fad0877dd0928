// Your own images, a folder a class, with labels that may be wrong: any network, any method, and a report of the
// labels.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "data/sets/cifar10.h"
#include "data/sets/image_folder.h"
#include "experiments/report/label_report.h"
#include "experiments/sweep/image_network.h"
#include "experiments/sweep/protocol.h"

namespace {

using namespace cofactor;
namespace fs = std::filesystem;

constexpr int kSide = 224;
constexpr double kCut = 224.0 / 256.0;  // the part of a side that a crop leaves, as is usual with ImageNet's networks

struct Flags {
  ImageFlags images{};
  fs::path test{};
  fs::path out = "runs/train";  // as --out has it
};

void add_flags(CLI::App& app, Flags& flags) {
  add_network_flags(app, flags.images);
  add_file_flags(app, flags.images, fmt::format("{}", kSide));
  add_split_seed_flag(app, flags.images, "Deals the images of each class to training, validation and test");
  add_split_flag(app, flags.images);
  app.add_option("--test", flags.test,
                 "Folder of test images whose labels are right, with folders of the same names [test in --data where "
                 "that has train and test; else a tenth of the images, with their labels as they are]")
      ->group("Images");
  // Results below the images are no images.
  app.get_option("--out")->each([&flags](const std::string& out) { flags.out = out; });
}

std::vector<std::string> find_classes(const fs::path& directory, const fs::path& out) {
  if (directory.empty()) usage("--data: name the folder of your images; each folder in it is a class");
  return image_folder_classes(directory, out);
}

// The noise between CIFAR-10's similar classes, where the folders are its ten classes.
Transition noise_between(const std::vector<std::string>& classes, std::string_view noise, double rate) {
  const auto count = static_cast<int64_t>(classes.size());
  if (noise == "uniform") return uniform_noise(count, rate);
  if (noise == "symmetric") return symmetric_noise(count, rate);
  if (!std::ranges::equal(classes, kCifar10Classes)) {
    usage("--noise {}: which classes are similar is known for CIFAR-10's ten alone; there is --noise transition",
          noise);
  }
  return cifar10_noise(noise, rate);
}

// Training images are cut at random out of a slightly larger side and flipped; the others show the middle.
ImageFolderOptions reading(const Flags& flags) {
  const int side = flags.images.image_size.value_or(kSide);
  ImageTransform evaluation{
      .resize_shorter = std::max(side, static_cast<int>(side / kCut)), .crop_h = side, .crop_w = side};
  ImageTransform training = evaluation;
  training.random_crop = training.flip = !flags.images.no_augmentation;
  return {.training = training,
          .evaluation = evaluation,
          .test = flags.test,
          .split = flags.images.split,
          .out = flags.out,
          .split_seed = flags.images.split_seed,
          .skip_broken = flags.images.skip_broken,
          .threads = usable_cores()};
}

ExperimentData load(const fs::path& directory, const std::vector<std::string>& classes, const Flags& flags) {
  const ImageFolderOptions options = reading(flags);
  const int side = options.evaluation.crop_h;
  const ImageNetwork network = image_network(flags.images, static_cast<int64_t>(classes.size()), side, side);
  ImageFolder folder = load_image_folder(directory, options);
  ExperimentData result =
      image_data({folder.train, folder.validation, folder.test}, network, flags.images, {{"image_size", side}},
                 {.account = folder.account, .classes = classes, .broken = folder.broken});
  result.data_settings = write_json({{"classes", classes}});
  if (!folder.clean_test) {
    result.notes.push_back(
        fmt::format("{} tests, against labels as given, which may be wrong themselves",
                    flags.images.split.empty() ? "no test folder: a tenth of the images" : "what --split says"));
  }
  result.report = [folder, classes](const FinishedRun& run) {
    LabelledParts parts{.train = run.noisy.train,
                        .validation = run.noisy.validation,
                        .clean_test = folder.clean_test,
                        .names = folder.images->list().names,
                        .validation_names = folder.validation_images->list().names};
    parts.train.data = folder.images;  // without augmentation
    write_label_report(run, parts, classes);
  };
  return result;
}

Experiment train() {
  Experiment table;
  table.name = "train";
  table.description =
      "Train on your own images, a folder a class, with labels that may be wrong, and report the labels";
  table.paper =
      "this is none of its experiments. --data FOLDER has a folder of images for each class; of each class a fifth\n"
      "  validates (or val beside train does, or what --split says). Each run's folder gets per_class.csv (precision, "
      "recall and F1 on the test), joint_matrix.csv (of\n"
      "  outputs and given labels, on what was not trained on) and suspects.csv: the images whose labels look wrong,\n"
      "  the most certain first. --noise adds noise to labels that are right, to try this out.";
  table.noises = {"similar-classes", "uniform", "symmetric"};
  const auto flags = std::make_shared<Flags>();
  const auto classes = std::make_shared<std::vector<std::string>>();
  table.find_classes = [classes, flags](const fs::path& directory) {
    return *classes = find_classes(directory, flags->out);
  };
  table.transition = [classes](std::string_view noise, double rate) { return noise_between(*classes, noise, rate); };
  table.add_flags = [flags](CLI::App& app) { add_flags(app, *flags); };
  table.check_flags = [flags] { check_image_flags(flags->images); };
  table.load = [flags, classes](const fs::path& directory) { return load(directory, *classes, *flags); };
  const TrainingPlan adam{.optimizer = OptimizerKind::adam, .lr = 1e-4, .epochs = 30, .batch_size = 128};
  table.pretraining = adam;
  table.pretraining.lr = 1e-3;
  table.finetune_others(adam);
  table.loss.lccn = {.warmup_steps = 1000, .update_every = 100};
  table.default_noises = {"none"};
  table.default_methods = {"ce", "dmi"};
  table.default_rates = {0.2};
  table.default_workers = std::max(1, usable_cores() - 1);  // the training thread reads too, where it would wait
  return table;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main("train", [&] { return run_experiment(train(), argc, argv); });
}
