#include "experiments/own_data/own_data_flags.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>

#include "data/files/label_table.h"
#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxFolds = 100;

bool is_npy(const fs::path& file) {
  return file.extension() == ".npy";
}

}  // namespace

void OwnDataFlags::add(Flags& flags) {
  OwnDataOptions& o = options_;
  flags.start_group("Labels");
  flags.add("--labels", o.labels,
            "Table of the samples, CSV, TSV or JSON Lines, with a label and a path or a text in each row; for "
            "--features also an .npy array of whole numbers, -1 where the label is missing [the folders in --data]");
  flags.add("--features", o.features,
            "Samples are the rows of this .npy array (N, D) of f4 or f8, such as the embeddings of another network");
  path_column_ = flags.add("--path-column", o.path_column,
                           "Column of the images' paths: absolute, or relative to --data or to the table [path, file, "
                           "... by name]");
  text_column_ =
      flags.add("--text-column", o.text_column, "Column of the texts, which are then the samples [text, ... by name]");
  columns_ = {*path_column_,
              *text_column_,
              flags.add("--label-column", o.label_column,
                        "Column of the labels; empty: the sample is predicted and never trained on [label, ... by "
                        "name]"),
              flags.add("--id-column", o.id_column, "Column of the samples' names [the path, or the row's number]"),
              flags.add("--group-column", o.group_column,
                        "Column of groups: samples of one group stay in one part and in one fold [none]"),
              flags.add("--header", header_, "Whether the first row has the columns' names: yes or no")
                  .one_of({"yes", "no"})
                  .default_text("by its content")};
  flags.add("--test", o.test,
            "Test samples whose labels are right: a folder with folders of the same names, or a table like --labels "
            "[test in --data where that has train and test; else a tenth of the samples, with their labels as given]");
  flags.add("--clean-test", o.clean_test, "The labels of the samples that --split says are for test are right");
  flags.add("--labels-reviewed", o.reviewed,
            "Decisions about labels, the table that report.html saves: columns id, given_label, decision and label");
}

void OwnDataFlags::check() const {
  const OwnDataOptions& o = options_;
  if (!o.features.empty() && o.labels.empty()) {
    usage("--features {}: --labels names the table or the .npy array of their labels", o.features.string());
  }
  if (o.features.empty() && is_npy(o.labels)) {
    usage("--labels {}: an array of labels is for --features", o.labels.string());
  }
  for (const Flag& flag : columns_) {
    if (flag.given() && (o.labels.empty() || is_npy(o.labels))) {
      usage("{} {}: it is for the columns of a table that --labels names", flag.name(), flag.text());
    }
  }
  if (!o.path_column.empty() && !o.text_column.empty()) {
    usage("--path-column {} and --text-column {}: samples are images or texts", o.path_column, o.text_column);
  }
  if (!o.features.empty() && !o.test.empty()) {
    usage("--test {}: samples for test are rows of --features, which --split names", o.test.string());
  }
  for (const auto& flag : {path_column_, text_column_}) {
    if (flag && flag->given() && !o.features.empty()) {
      usage("{} {}: the samples are the rows of --features", flag->name(), flag->text());
    }
  }
}

SampleKind OwnDataFlags::kind() const {
  if (!kind_) kind_ = find_kind();
  return *kind_;
}

SampleKind OwnDataFlags::find_kind() const {
  const OwnDataOptions& o = options_;
  if (!o.features.empty()) return SampleKind::features;
  if (o.labels.empty() || !o.path_column.empty()) return SampleKind::images;
  if (!o.text_column.empty()) return SampleKind::text;
  LabelTableOptions columns{.path = {}, .text = {.need = Need::optional}, .label = {.column = o.label_column}};
  if (header_) columns.header = header_ == "yes";
  const LabelTable table = LabelTable::open(o.labels, columns);
  if (table.column(TableRole::path)) return SampleKind::images;
  if (table.column(TableRole::text)) return SampleKind::text;
  const std::string usual =
      fmt::format("the usual name of paths ({}) or of texts ({})", fmt::join(usual_columns(TableRole::path), ", "),
                  fmt::join(usual_columns(TableRole::text), ", "));
  if (!table.has_header()) {
    usage("--labels {}: its first row does not have {}; --path-column or --text-column gives a column's number",
          o.labels.string(), usual);
  }
  usage("--labels {}: none of its columns ({}) has {}; --path-column or --text-column names it", o.labels.string(),
        fmt::join(table.columns(), ", "), usual);
}

OwnDataOptions OwnDataFlags::options(SampleKind kind, const Folders& folders) const {
  if (options_.labels.empty() && folders.data.empty()) {
    usage("--data: name the folder of your images, in which each folder is a class; or --labels, a table of samples");
  }
  if (kind == SampleKind::images && !options_.id_column.empty()) {
    usage("--id-column {}: images are known by their paths", options_.id_column);
  }
  std::error_code ignored;
  if (fs::is_regular_file(folders.data, ignored)) {
    usage("--data {}: a file, expected a folder of images; {}", folders.data.string(),
          is_npy(folders.data) ? "--features takes an array, with --labels" : "--labels takes a table");
  }
  OwnDataOptions o = options_;
  o.kind = kind;
  o.data = folders.data;
  o.out = folders.out;
  if (header_) o.header = header_ == "yes";
  return o;
}

void JudgingFlags::add(Flags& flags) {
  flags.start_group("Judging labels");
  flags.add("--folds", folds_,
            "Judge each sample by a network that has not seen it: before the others, one is trained for each of so "
            "many parts, on the rest; 5 is usual. 0: the labels are judged by the network that was trained on them");
  std::vector<std::string> scores;
  for (const QualityScore score :
       {QualityScore::self_confidence, QualityScore::normalized_margin, QualityScore::posterior}) {
    scores.emplace_back(name_of(score));
  }
  flags.add("--quality", quality_, "Score of the labels, which ranks the suspects").one_of(scores);
  const Flag drop = flags.add("--drop-suspects", drop_suspects_, "With --folds: train on all samples but the suspects");
  flags
      .add("--relabel", relabel_,
           "With --folds: train on all samples, suspects with the label that is suggested for "
           "them")
      .excludes(drop);
  flags.add("--judge", judge_, "The method whose folds find the suspects of these two [the first of --method]");
}

CrossFitting JudgingFlags::cross_fitting(const std::vector<std::string>& methods) const {
  if (folds_ != 0 && (folds_ < 2 || folds_ > kMaxFolds)) usage("--folds {}: expected 2 to {}, or 0", folds_, kMaxFolds);
  const std::string amendment = this->amendment();
  if (!amendment.empty() && folds_ == 0) {
    usage("--{}: it needs --folds, whose networks find the suspects; --folds 5 is usual", amendment);
  }
  if (!judge_.empty() && amendment.empty()) {
    usage("--judge {}: it finds the suspects of --drop-suspects and --relabel", judge_);
  }
  if (!judge_.empty() && std::ranges::find(methods, judge_) == methods.end()) {
    usage("--judge {}: it is none of the methods ({})", judge_, fmt::join(methods, ", "));
  }
  return {.folds = folds_,
          .amendment = amendment,
          .judge = amendment.empty() ? ""
                   : judge_.empty()  ? methods.front()
                                     : judge_};
}

std::string JudgingFlags::amendment() const {
  return drop_suspects_ ? "drop-suspects" : relabel_ ? "relabel" : "";
}

QualityScore JudgingFlags::score() const {
  return *parse_quality_score(quality_);
}

}  // namespace cofactor
