// The flags that say where a person's own samples are, how they are read, and how their labels are judged.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/noise/label_quality.h"
#include "data/sets/own_data.h"
#include "experiments/sweep/experiment.h"
#include "experiments/sweep/flags.h"

namespace cofactor {

class OwnDataFlags {
 public:
  // --labels, --features, the columns, --test, --clean-test and --labels-reviewed, under the heading "Labels".
  void add(Flags& flags);
  // Throws UsageError where flags contradict each other.
  void check() const;
  // The form of the samples: features with --features, images without --labels, and else what the table has: a column
  // of paths, or of texts. Reads the table where its columns are not named. Throws UsageError where it has neither, and
  // Error as LabelTable does.
  SampleKind kind() const;  // read once
  // How to read them, without what is particular to a kind. `data` is --data. Throws UsageError for class folders
  // without it.
  OwnDataOptions options(SampleKind kind, const Folders& folders) const;
  // The file of decisions; empty: none.
  const std::filesystem::path& reviewed() const { return options_.reviewed; }

 private:
  SampleKind find_kind() const;

  OwnDataOptions options_;
  mutable std::optional<SampleKind> kind_;  // once it is found
  std::optional<std::string> header_;
  std::vector<Flag> columns_;
  std::optional<Flag> path_column_, text_column_;
};

class JudgingFlags {
 public:
  // --folds, --quality, --drop-suspects, --relabel and --judge, under the heading "Judging labels".
  void add(Flags& flags);
  // What they ask of a sweep with these methods. Throws UsageError where they contradict each other.
  CrossFitting cross_fitting(const std::vector<std::string>& methods) const;
  // CrossFitting::amendment.
  std::string amendment() const;
  QualityScore score() const;

 private:
  int folds_ = 0;
  std::string quality_ = "posterior", judge_;
  bool drop_suspects_ = false, relabel_ = false;
};

}  // namespace cofactor
