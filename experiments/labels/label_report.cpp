#include "experiments/labels/label_report.h"

#include <algorithm>
#include <numeric>

#include "data/files/file_account.h"
#include "engine/io/file.h"
#include "experiments/labels/class_scores.h"
#include "experiments/labels/label_files.h"
#include "experiments/labels/label_summary.h"
#include "losses/make_loss.h"

namespace cofactor {
namespace {

constexpr size_t kMaxShown = 20;  // classes whose scores are shown on the console
constexpr std::string_view kScoresFile = "per_class.csv";

// What the run's own network says, in no fold.
CrossFitted own_predictions(const FinishedRun& run, const LabelledParts& parts) {
  const auto say = [&run](const Split& split, SamplePart part) {
    return predict_probabilities(run.model, split, run.device, run.workers, name_of(part));
  };
  CrossFitted found;
  found.train_fold.assign(parts.train.indices.size(), 0);
  found.validation_fold.assign(parts.validation.indices.size(), 0);
  found.train = say(parts.train, SamplePart::training);
  found.validation = say(parts.validation, SamplePart::validation);
  if (!parts.clean_test) found.test = say(parts.test, SamplePart::test);
  found.unlabelled = say(parts.unlabelled, SamplePart::unlabelled);
  return found;
}

// The samples of all parts, before they are put in order.
class Collector {
 public:
  explicit Collector(size_t classes) : classes_(classes) {}

  // `folds` and `confirmed` have a value per sample, or are empty.
  void add(const Split& split, SamplePart part, const std::vector<float>& probabilities,
           const std::vector<int32_t>& folds, const std::vector<uint8_t>& confirmed) {
    if (split.size() == 0) return;
    const size_t set = set_of(split.data.get());
    probabilities_.insert(probabilities_.end(), probabilities.begin(), probabilities.end());
    for (size_t i = 0; i < split.indices.size(); ++i) {
      entries_.push_back({.set = set,
                          .index = split.indices[i],
                          .label = part == SamplePart::unlabelled ? kMissingLabel : split.labels[i],
                          .fold = folds.empty() ? 0 : folds[i],
                          .part = part,
                          .confirmed = confirmed.empty() ? uint8_t{0} : confirmed[i],
                          .row = entries_.size()});
    }
  }

  RunLabels in_order() {
    std::ranges::stable_sort(entries_, {}, [](const Entry& e) { return std::pair(e.set, e.index); });
    RunLabels run;
    JudgedLabels& labels = run.labels;
    labels.probabilities.reserve(probabilities_.size());
    for (const Entry& entry : entries_) {
      const Dataset* data = sets_[entry.set];
      const std::string name = data->sample_name(entry.index);
      labels.ids.push_back(name.empty() ? fmt::format("{}", entry.index + 1) : name);
      labels.given.push_back(entry.label);
      labels.part.push_back(entry.part);
      labels.fold.push_back(entry.fold);
      labels.kept.push_back(entry.confirmed);
      const auto row = probabilities_.begin() + static_cast<std::ptrdiff_t>(entry.row * classes_);
      labels.probabilities.insert(labels.probabilities.end(), row, row + static_cast<std::ptrdiff_t>(classes_));
      run.samples.push_back({data, entry.index});
    }
    return run;
  }

 private:
  struct Entry {
    size_t set;
    int64_t index;
    int32_t label, fold;
    SamplePart part;
    uint8_t confirmed;
    size_t row;
  };

  size_t set_of(const Dataset* data) {
    const auto found = std::ranges::find(sets_, data);
    if (found != sets_.end()) return static_cast<size_t>(found - sets_.begin());
    sets_.push_back(data);
    return sets_.size() - 1;
  }

  size_t classes_;
  std::vector<const Dataset*> sets_;
  std::vector<Entry> entries_;
  std::vector<float> probabilities_;
};

void fill_in(const FinishedRun& run, LabelPageOptions& options) {
  const Result& result = run.result;
  if (options.title.empty()) options.title = result.label();
  if (options.run.empty()) options.run = result.folder().string();
  const std::filesystem::path metrics = run.folder / "metrics.jsonl";
  if (options.history.empty() && std::filesystem::exists(metrics)) options.history = read_metrics(metrics);
  if (options.version.empty()) options.version = result.version;
  options.threads = std::max(options.threads, run.workers);
}

}  // namespace

RunLabels labels_of(const LabelledParts& parts, const CrossFitted& found, const std::string& method,
                    const std::vector<std::string>& classes, QualityScore score) {
  Collector collector(classes.size());
  collector.add(parts.train, SamplePart::training, found.train, found.train_fold, parts.train_confirmed);
  collector.add(parts.validation, SamplePart::validation, found.validation, found.validation_fold,
                parts.validation_confirmed);
  if (!parts.clean_test) collector.add(parts.test, SamplePart::test, found.test, {}, parts.test_confirmed);
  collector.add(parts.unlabelled, SamplePart::unlabelled, found.unlabelled, {}, {});
  RunLabels all = collector.in_order();
  all.labels.classes = classes;
  all.labels.outputs = make_loss(method)->outputs();
  all.labels.score = score;
  all.labels.out_of_sample = !found.train_fold.empty() && found.train_fold.front() > 0;
  return all;
}

RunLabels labels_of_run(const FinishedRun& run, const LabelledParts& parts, const std::vector<std::string>& classes,
                        QualityScore score) {
  return labels_of(parts, run.folds ? *run.folds : own_predictions(run, parts), run.result.method, classes, score);
}

void report_labels(const FinishedRun& run, const JudgedLabels& labels, bool clean_test, LabelPageOptions options) {
  const std::vector<ClassScore> scores = class_scores(confusion(run.test));
  write_file_atomically(run.folder / kScoresFile, class_scores_csv(labels.classes, scores));
  const Verdict verdict = judge(labels);
  write_label_files(run.folder, labels, verdict);
  fill_in(run, options);
  write_label_page(run.folder / kLabelPageFile, labels, verdict, options);

  const std::string against = clean_test ? "" : ", against the labels as given, which may be wrong themselves";
  run.progress.note(fmt::format("{}: the test set by class{}", run.result.label(), against));
  if (labels.classes.size() <= kMaxShown) run.progress.note(format_class_scores(labels.classes, scores));
  run.progress.note(format_label_summary(labels, verdict));
  run.progress.note(fmt::format("  Suspects: {}; look at {}", in_thousands(verdict.suspects),
                                (run.folder / kLabelPageFile).string()));
}

}  // namespace cofactor
