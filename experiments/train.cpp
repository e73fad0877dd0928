// A person's own images, one folder per class, with labels that may be wrong: any network, any method, and a report of
// the labels.
#include <algorithm>

#include "data/images/decode.h"
#include "data/sets/cifar10.h"
#include "data/sets/image_folder.h"
#include "engine/cores.h"
#include "experiments/own_data/run_model.h"
#include "experiments/report/label_report.h"
#include "experiments/labels/label_report.h"
#include "experiments/sweep/image_experiment.h"
#include "experiments/sweep/paper_noises.h"
#include "experiments/sweep/protocol.h"

namespace {

using namespace cofactor;
namespace fs = std::filesystem;

constexpr int kMaxFolds = 100;
constexpr int kSide = 224;
constexpr double kCut = 224.0 / 256.0;  // the part of a side that a crop leaves, as is usual with ImageNet's networks

ExperimentTable make_table() {
  ExperimentTable table;
  table.name = "train";
  table.description =
      "Train on your own images, one folder per class, with labels that may be wrong, and report the labels that look "
      "wrong";
  table.paper =
      "it does not have this experiment.\n"
      "The data: --data has one folder of images per class. A fifth of each class is held out for\n"
      "  validation, unless there is a folder val beside train, or --split. Each run writes to its folder\n"
      "  report.html (the noise, and the images whose labels look wrong, to decide on), suspects.csv and\n"
      "  labels.csv (the same as tables), probabilities.npy, joint.csv and transition.csv (the estimated noise)\n"
      "  and per_class.csv (precision, recall and F1 on the test set). --noise adds noise to correct labels, to\n"
      "  try this out.";
  table.noises = {"similar-classes", "uniform", "symmetric"};
  const TrainingPlan adam{.optimizer = OptimizerKind::adam, .lr = 1e-4, .epochs = 30, .batch_size = 128};
  table.pretraining = adam;
  table.pretraining.lr = 1e-3;
  table.finetune_others(adam);
  table.loss = {{"lccn", {{"warmup_steps", 1000}, {"update_every", 100}}}};
  table.default_noises = {"none"};
  table.default_methods = {"ce", "dmi"};
  table.default_rates = {0.2};
  table.default_workers = std::max(1, usable_cores() - 1);  // the training thread reads too, where it would wait
  return table;
}

class OwnImagesExperiment : public ImageExperiment {
 public:
  OwnImagesExperiment()
      : ImageExperiment(make_table(),
                        {.default_size = fmt::format("{}", kSide),
                         .split_seed_help = "Seed of the split of each class into training, validation and test",
                         .split = true}) {}

  void add_flags(Flags& flags) override {
    ImageExperiment::add_flags(flags);
    flags.add("--folds", folds_,
              "Judge each sample by a network that has not seen it: one is trained for each of so many parts, on the "
              "others; 5 is usual [0: the labels are judged by the network that was trained on them]");
    flags.add("--test", test_,
              "Folder of test images whose labels are right, with folders of the same names [test in --data where "
              "that has train and test; else a tenth of the images, with their labels as they are]");
  }

  void check_flags() const override {
    ImageExperiment::check_flags();
    if (folds_ != 0 && (folds_ < 2 || folds_ > kMaxFolds)) usage("--folds {}: expected 2 to {}", folds_, kMaxFolds);
  }

  CrossFitting cross_fitting(const std::vector<std::string>&) const override { return {.folds = folds_}; }

  std::vector<std::string> find_classes(const Folders& folders) const override {
    if (folders.data.empty()) usage("--data: name the folder of your images; each folder in it is a class");
    return image_folder_classes(folders.data, folders.out);
  }

  Transition transition(const std::vector<std::string>& classes, std::string_view noise, double rate) const override {
    if (noise == "similar-classes" && !std::ranges::equal(classes, kCifar10Classes)) {
      usage("--noise {}: which classes are similar is known for CIFAR-10's ten only; there is --noise transition",
            noise);
    }
    return paper_noise(noise, classes, rate);
  }

  ExperimentData load(const Folders& folders, const std::vector<std::string>& classes) const override {
    const ImageFolderOptions options = reading(folders.out);
    const int side = options.evaluation.crop_h;
    Network network = select_network(images().model, static_cast<int64_t>(classes.size()), side, side);
    RunModel model{.network = images().model,
                   .classes = classes,
                   .input = ImageInput{.network = network.options, .transform = options.evaluation}};
    const ImageFolder folder = load_image_folder(folders.data, options);
    ExperimentData data =
        join({folder.train, folder.validation, folder.test}, std::move(network), {{"image_size", side}},
             {.account = folder.account, .classes = classes, .broken = folder.broken});
    data.data_settings = {{"classes", classes}};
    if (!folder.clean_test) {
      data.notes.push_back(fmt::format("{} for testing; their labels are used as given and may be wrong",
                                       images().split.empty() ? "no test folder: a tenth of the images is held out"
                                                              : "--split says which images are"));
    }
    data.folds = {.unaugmented = folder.images, .judges_test = !folder.clean_test};
    data.describe = describe_runs(std::move(model));
    data.report = [folder, classes](const FinishedRun& run) { report_labels(run, folder, classes); };
    data.report = [folder, classes](const FinishedRun& run) { report(run, folder, classes); };
    return data;
  }

 private:
  // Training images are cropped at random out of a slightly larger side and flipped; the others show the middle.
  ImageFolderOptions reading(const fs::path& out) const {
    const int side = images().image_size.value_or(kSide);
    ImageTransform evaluation{
        .resize_shorter = std::max(side, static_cast<int>(side / kCut)), .crop_h = side, .crop_w = side};
    ImageTransform training = evaluation;
    training.random_crop = training.flip = !images().no_augmentation;
    return {.training = training,
            .evaluation = evaluation,
            .test = test_,
            .split = images().split,
            .out = out,  // results in the folder of the images are not images
            .split_seed = images().split_seed,
            .skip_broken = images().skip_broken,
            .threads = usable_cores()};
  }

  static void report(const FinishedRun& run, const ImageFolder& folder, const std::vector<std::string>& classes) {
    LabelledParts parts{.train = run.noisy.train,
                        .validation = run.noisy.validation,
                        .test = folder.test,
                        .clean_test = folder.clean_test};
    parts.train.data = folder.images;  // without augmentation
    const RunLabels labels = labels_of_run(run, parts, classes);
    LabelPageOptions page;
    page.image = [&labels](int64_t i) -> std::optional<RgbImage> {
      const SampleOfSet& sample = labels.samples[static_cast<size_t>(i)];
      const auto* images = dynamic_cast<const ImageFileDataset*>(sample.data);
      if (images == nullptr) return std::nullopt;
      return read_image(images->list().path(sample.index));
    };
    report_labels(run, labels.labels, folder.clean_test, std::move(page));
  }

  fs::path test_;
  int folds_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  return run_main("train", [&] {
    OwnImagesExperiment experiment;
    return run_experiment(experiment, argc, argv);
  });
}
