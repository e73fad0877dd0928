// A person's own images, texts or features, with labels that may be wrong: any network, any method, and a report of the
// labels.
#include <fmt/ranges.h>

#include <algorithm>

#include "data/checksum.h"
#include "data/images/decode.h"
#include "data/sets/cifar10.h"
#include "data/sets/reviewed_labels.h"
#include "engine/cores.h"
#include "experiments/labels/amend.h"
#include "experiments/labels/label_report.h"
#include "experiments/own_data/own_data_flags.h"
#include "experiments/own_data/run_model.h"
#include "experiments/sweep/image_experiment.h"
#include "experiments/sweep/paper_noises.h"
#include "experiments/sweep/protocol.h"
#include "experiments/sweep/text_flags.h"

namespace {

using namespace cofactor;
namespace fs = std::filesystem;

constexpr int kSide = 224;
constexpr double kCut = 224.0 / 256.0;  // the part of a side that a crop leaves, as is usual with ImageNet's networks

ExperimentTable make_table() {
  ExperimentTable table;
  table.name = "train";
  table.description =
      "Train on your own images, texts or features, with labels that may be wrong, and report the labels that look "
      "wrong";
  table.paper =
      "it does not have this experiment.\n"
      "The data: --data has one folder of images per class, or --labels names a table of images or\n"
      "  texts, or of the labels of --features. A fifth of each class is held out for validation, unless\n"
      "  the data or --split say otherwise. Each run writes to its folder labels.csv (all samples),\n"
      "  suspects.csv (the labels that look wrong, the surest first), probabilities.npy, joint.csv and\n"
      "  transition.csv (the noise), per_class.csv (precision, recall and F1 on the test set), report.html\n"
      "  (to look at the suspects and decide), and what predict needs. --noise adds noise to correct\n"
      "  labels, to try this out.";
  table.noises = {"similar-classes", "uniform", "symmetric"};
  const TrainingPlan adam{.optimizer = OptimizerKind::adam,
                          .lr = 1e-4,
                          .lr_steps = {{20, 1e-5}, {27, 1e-6}},
                          .epochs = 30,
                          .batch_size = 128};
  table.pretraining = with_lr(adam, 1e-3);
  table.steps_follow_epochs = true;
  table.finetune_others(adam);
  table.loss = {{"lccn", {{"warmup_steps", 1000}, {"update_every", 100}}}};
  table.default_noises = {"none"};
  table.default_methods = {"ce", "dmi"};
  table.default_rates = {0.2};
  table.default_workers = std::max(1, usable_cores() - 1);  // the training thread reads too, where it would wait
  return table;
}

std::vector<std::string> all_networks() {
  std::vector<std::string> names;
  for (const SampleKind kind : {SampleKind::images, SampleKind::text, SampleKind::features}) {
    for (std::string& name : run_network_names(kind)) names.push_back(std::move(name));
  }
  return names;
}

// A network, as the flags and the data decide it.
struct OwnNetwork {
  RunModel model;
  std::function<std::unique_ptr<Module>(uint64_t seed, Device device)> make;
  SettingList settings{}, data_settings{};  // of ExperimentData
  std::vector<std::string> notes{};
};

class OwnDataExperiment : public ImageExperiment {
 public:
  OwnDataExperiment()
      : ImageExperiment(
            make_table(),
            {.model = "",
             .default_size = fmt::format("{}", kSide),
             .split_seed_help = "Seed of the split of each class into training, validation and test",
             .split_help = "Column of --labels that assigns samples to parts (train, validation, test), or a table "
                           "that does: columns id or file, and split",
             .models = all_networks(),
             .model_text = "resnet34; word_cnn for texts, mlp for features"}) {}

  void add_flags(Flags& flags) override {
    own_.add(flags);
    judging_.add(flags);
    ImageExperiment::add_flags(flags);
    text_.add(flags);
    flags.start_group("Features");
    hidden_flag_ = flags.add("--hidden", hidden_, "Of mlp: the outputs of each hidden layer").default_text("256,256");
  }

  void check_flags() const override {
    ImageExperiment::check_flags();
    own_.check();
    text_.check(OwnDataOptions{}.min_length);
    for (const int64_t size : hidden_)
      if (size < 1) usage("--hidden {}: expected positive numbers", size);
  }

  CrossFitting cross_fitting(const std::vector<std::string>& methods) const override {
    return judging_.cross_fitting(methods);
  }

  std::vector<std::string> find_classes(const Folders& folders) const override {
    const SampleKind kind = own_.kind();
    check_for(kind);
    return own_classes(reading(kind, folders));
  }

  Transition transition(const std::vector<std::string>& classes, std::string_view noise, double rate) const override {
    if (noise == "similar-classes" && !std::ranges::equal(classes, kCifar10Classes)) {
      usage("--noise {}: which classes are similar is known for CIFAR-10's ten only; there is --noise transition",
            noise);
    }
    return paper_noise(noise, classes, rate);
  }

  ExperimentData load(const Folders& folders, const std::vector<std::string>&) const override {
    const SampleKind kind = own_.kind();
    const OwnDataOptions options = reading(kind, folders);
    const auto own = std::make_shared<const OwnData>(load_own_data(options));
    OwnNetwork network = kind == SampleKind::images ? image_network(*own, options)
                         : kind == SampleKind::text ? text_network(*own)
                                                    : feature_network(*own);
    const std::vector<std::string>& classes = own->classes;
    ExperimentData data =
        join({own->train, own->validation, own->test, own->unlabelled},
             {.make = network.make, .options = {}, .settings = network.settings, .notes = network.notes}, {},
             {.account = own->account, .classes = classes, .broken = own->broken});
    data.data_settings = {{"classes", classes}};
    for (auto& setting : network.data_settings) data.data_settings.push_back(std::move(setting));
    add_groups(*own, data);
    add_notes(*own, data);
    data.describe = describe_runs(network.model);
    add_judging(own, data);
    return data;
  }

 private:
  // Refuses what other kinds of samples alone have.
  void check_for(SampleKind kind) const {
    const std::string_view samples = name_of(kind);
    const std::vector<std::string> networks = run_network_names(kind);
    const std::string model = model_name(kind);
    if (std::ranges::find(networks, model) == networks.end()) {
      usage("--model {}: the samples are {}, for which there are {}", model, samples, fmt::join(networks, ", "));
    }
    if (const std::string flag = given_image_flag(); kind != SampleKind::images && !flag.empty()) {
      usage("{}: it is for images, and the samples are {}", flag, samples);
    }
    if (const std::string flag = text_.given(); kind != SampleKind::text && !flag.empty()) {
      usage("{}: it is for texts, and the samples are {}", flag, samples);
    }
    if (hidden_flag_->given() && model != "mlp") usage("--hidden: it is for --model mlp, not {}", model);
  }

  std::string model_name(SampleKind kind) const {
    if (!images().model.empty()) return images().model;
    return kind == SampleKind::images ? "resnet34" : kind == SampleKind::text ? "word_cnn" : "mlp";
  }

  // Training images are cropped at random out of a slightly larger side and flipped; the others show the middle.
  OwnDataOptions reading(SampleKind kind, const Folders& folders) const {
    const int side = images().image_size.value_or(kSide);
    OwnDataOptions options = own_.options(kind, folders);
    options.evaluation = {
        .resize_shorter = std::max(side, static_cast<int>(side / kCut)), .crop_h = side, .crop_w = side};
    options.training = options.evaluation;
    options.training.random_crop = options.training.flip = !images().no_augmentation;
    options.split = images().split;
    options.split_seed = images().split_seed;
    options.skip_broken = images().skip_broken;
    options.threads = usable_cores();
    options.max_length = text_.max_length();
    return options;
  }

  OwnNetwork image_network(const OwnData& own, const OwnDataOptions& options) const {
    const int side = options.evaluation.crop_h;
    const std::string model = model_name(SampleKind::images);
    Network network = select_network(model, std::ssize(own.classes), side, side);
    SettingList settings = {{"image_size", side}};
    settings.insert(settings.end(), network.settings.begin(), network.settings.end());
    return {.model = {.network = model,
                      .classes = own.classes,
                      .input = ImageInput{.network = network.options, .transform = options.evaluation}},
            .make = std::move(network.make),
            .settings = std::move(settings),
            .notes = std::move(network.notes)};
  }

  OwnNetwork text_network(const OwnData& own) const {
    OwnNetwork network;
    WordCnnOptions words = text_.network(*own.vocabulary, network.notes);
    words.classes = std::ssize(own.classes);
    network.model = text_model(words, Tokeniser::unicode, *own.vocabulary, own.length, own.classes);
    network.settings = {{"model", network.model.network}};
    for (auto& setting : text_.settings()) network.settings.push_back(std::move(setting));
    network.data_settings = TextFlags::data_settings(words, own.length);
    network.make = maker(network.model, words.vectors);
    return network;
  }

  OwnNetwork feature_network(const OwnData& own) const {
    const std::string name = model_name(SampleKind::features);
    MlpOptions options{.features = own.train.data->sample_shape().numel(), .classes = std::ssize(own.classes)};
    if (name == "linear") {
      options.hidden.clear();
    } else if (!hidden_.empty()) {
      options.hidden = hidden_;
    }
    OwnNetwork network;
    network.model = {
        .network = name, .classes = own.classes, .input = FeatureInput{.network = options, .scaling = *own.scaling}};
    network.settings = {{"model", name}, {"hidden", fmt::format("{}", fmt::join(options.hidden, ","))}};
    network.make = maker(network.model, {});
    return network;
  }

  static std::function<std::unique_ptr<Module>(uint64_t, Device)> maker(RunModel model, std::vector<float> vectors) {
    return [model = std::move(model), vectors = std::move(vectors)](uint64_t seed, Device device) {
      Initializer init(device, seed);
      return make_run_network(model, init, vectors);
    };
  }

  static void add_groups(const OwnData& own, ExperimentData& data) {
    data.folds = {.unaugmented = own.unaugmented,
                  .judges_test = !own.clean_test,
                  .train_groups = own.train_groups,
                  .validation_groups = own.validation_groups};
    if (own.train_groups.empty()) return;
    Checksum groups;
    for (const auto* part : {&own.train_groups, &own.validation_groups})
      for (const int32_t group : *part) groups.mix(static_cast<uint64_t>(group));
    data.data_settings.emplace_back("groups", groups.text());
  }

  void add_notes(const OwnData& own, ExperimentData& data) const {
    if (own.unlabelled.size() > 0)
      data.notes.push_back(fmt::format("{} without a label: predicted and never trained on",
                                       counted(own.unlabelled.size(), "sample", "samples")));
    if (own.clean_test) return;
    data.notes.push_back(fmt::format(
        "{} for testing; their labels are used as given and may be wrong",
        images().split.empty() ? "no test set: a tenth of the samples is held out" : "--split says which samples are"));
  }

  void add_judging(const std::shared_ptr<const OwnData>& own, ExperimentData& data) const {
    const QualityScore score = judging_.score();
    data.report_settings = {{"quality", std::string(name_of(score))}, {"clean_test", own->clean_test}};
    if (!own_.reviewed().empty()) data.report_inputs = {{"reviewed", checksum_of_decisions(*own)}};
    data.report = [own, score, reviewed = own_.reviewed()](const FinishedRun& run) {
      const RunLabels labels = labels_of_run(run, parts_of(*own, run.noisy), own->classes, score);
      report_labels(run, labels.labels, own->clean_test, page_of(*own, labels, reviewed));
    };
    const std::string amendment = judging_.amendment();
    if (amendment.empty()) return;
    data.amend = [own, score, amendment](const NoisyData& given, const CrossFitted& found, const std::string& method) {
      const RunLabels labels = labels_of(parts_of(*own, given), found, method, own->classes, score);
      return amended(given, labels, judge(labels.labels),
                     amendment == "relabel" ? Amendment::relabel : Amendment::drop_suspects);
    };
  }

  std::string checksum_of_decisions(const OwnData& own) const {
    const ReviewedLabels reviewed(own_.reviewed(), own.classes);
    std::vector<ReviewedLabel> decisions = reviewed.decisions();
    std::ranges::sort(decisions, {}, &ReviewedLabel::id);  // their order in the file decides nothing
    Checksum checksum;
    for (const ReviewedLabel& one : decisions) {
      checksum.mix(static_cast<uint64_t>(one.decision));
      for (const std::string* text : {&one.id, &one.given, &one.label}) checksum.mix(*text);
    }
    return checksum.text();
  }

  static LabelledParts parts_of(const OwnData& own, const NoisyData& noisy) {
    LabelledParts parts{.train = noisy.train,
                        .validation = noisy.validation,
                        .test = own.test,
                        .unlabelled = own.unlabelled,
                        .clean_test = own.clean_test,
                        .train_confirmed = own.train_confirmed,
                        .validation_confirmed = own.validation_confirmed,
                        .test_confirmed = own.test_confirmed};
    parts.train.data = own.unaugmented;
    return parts;
  }

  static LabelPageOptions page_of(const OwnData& own, const RunLabels& labels, const fs::path& reviewed) {
    LabelPageOptions page;
    page.threads = usable_cores();
    if (!reviewed.empty()) page.reviewed = ReviewedLabels(reviewed, own.classes).decisions();
    const auto sample_of = [&labels](int64_t i) { return labels.samples[static_cast<size_t>(i)]; };
    if (own.kind == SampleKind::text) {
      page.text = [sample_of](int64_t i) { return sample_of(i).data->sample_text(sample_of(i).index); };
    }
    if (own.kind == SampleKind::images) {
      page.image = [sample_of](int64_t i) -> std::optional<RgbImage> {
        const auto* images = dynamic_cast<const ImageFileDataset*>(sample_of(i).data);
        if (images == nullptr) return std::nullopt;
        return read_image(images->list().path(sample_of(i).index));
      };
    }
    return page;
  }

  OwnDataFlags own_;
  JudgingFlags judging_;
  TextFlags text_;
  std::vector<int64_t> hidden_;
  std::optional<Flag> hidden_flag_;
};

}  // namespace

int main(int argc, char** argv) {
  return run_main("train", [&] {
    OwnDataExperiment experiment;
    return run_experiment(experiment, argc, argv);
  });
}
