// The report of the labels that a run was trained with: judges them and writes all files and the page.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/images/rgb_image.h"
#include "experiments/labels/judged_labels.h"
#include "experiments/labels/label_page.h"
#include "experiments/report/cross_fitted.h"
#include "experiments/report/finished_run.h"

namespace cofactor {

// The data that a run was trained with, read without augmentation, with the labels as given.
struct LabelledParts {
  Split train, validation, test;
  Split unlabelled{};       // samples that are predicted alone; no data set: there are none
  bool clean_test = false;  // the test's labels are known to be right, so they are not judged
  // Of each sample, whether a person has confirmed its label; empty: none.
  std::vector<uint8_t> train_confirmed{}, validation_confirmed{}, test_confirmed{};
};

// A sample of a data set.
struct SampleOfSet {
  const Dataset* data = nullptr;
  int64_t index = 0;
};

struct RunLabels {
  JudgedLabels labels;
  std::vector<SampleOfSet> samples;  // (N), in the same order
};

// The labels of all parts and what is found of them. Samples come by data set, in the order in which the parts name
// them, then by index; ids are the data sets' names of samples, or numbers from 1. Whether outputs are those of the
// true class follows from the method (Loss::outputs).
RunLabels labels_of(const LabelledParts& parts, const CrossFitted& found, const std::string& method,
                    const std::vector<std::string>& classes, QualityScore score);
// The same of a run: found by its folds or, without them, by its own network, which was trained on some of the samples.
// Throws Error as predict does.
RunLabels labels_of_run(const FinishedRun& run, const LabelledParts& parts, const std::vector<std::string>& classes,
                        QualityScore score);

// Judges the labels and writes the files of label_files.h, per_class.csv (the test set's scores by class) and
// report.html into the run's folder, each whole or not at all, and notes a summary. Of the options, those that are
// empty and that the run knows are filled in: title, run, history, version and threads. Throws Error as judge and
// AtomicFile do. `clean_test` is for the note only.
void report_labels(const FinishedRun& run, const JudgedLabels& labels, bool clean_test, LabelPageOptions options);

}  // namespace cofactor
