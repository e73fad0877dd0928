// A report of the labels that a network was trained with: a score per class, the joint matrix of its outputs and the
// labels, and the samples whose labels look wrong.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/report/finished_run.h"
#include "experiments/training/evaluate.h"

namespace cofactor {

// The samples of a class, counted. Scores are shares in [0, 1], and 0 in place of 0 / 0.
struct ClassScore {
  int64_t labelled = 0;   // with this label
  int64_t predicted = 0;  // predicted by the network
  int64_t correct = 0;    // both

  double precision() const;  // correct / predicted
  double recall() const;     // correct / labelled
  double f1() const;         // their harmonic mean
};
std::vector<ClassScore> class_scores(const Confusion& confusion);

// A sample whose predicted class is not its label.
struct Suspect {
  std::string file;
  int32_t label = 0, predicted = 0;
  double probability = 0.0;  // of the predicted class
  std::string part;          // "training", "validation", "test"
};

// The suspects of one part. `names` are the files of the data set that batch.indices point into.
std::vector<Suspect> find_suspects(const Predictions& predictions, const std::vector<std::string>& names,
                                   const std::string& part);

// RFC 4180 tables: a head, then one line per entry; a field with a comma, a quote or a line break is quoted.

// class,labelled,predicted,correct,precision,recall,f1
std::string class_scores_csv(const std::vector<std::string>& classes, const std::vector<ClassScore>& scores);
// predicted \ given,<class>,...
// U(c, y), the mean over all samples of p(c | x) 1[label is y] (paper, section 4.1).
std::string joint_matrix_csv(const std::vector<std::string>& classes, const Tensor& joint);
// file,given_label,predicted_label,probability,part
// Ordered by falling probability. A file name that is not UTF-8 is written as printable (engine/io/utf8.h), so that
// the table is valid UTF-8.
std::string suspects_csv(const std::vector<std::string>& classes, std::vector<Suspect> suspects);

// The class scores in columns, for people.
std::string format_class_scores(const std::vector<std::string>& classes, const std::vector<ClassScore>& scores);

// The data that the run was trained with, read without augmentation, with the labels that training saw.
struct LabelledParts {
  Split train, validation;
  bool clean_test = false;  // the test's labels are known to be correct, so it is not searched for suspects
  // The files of the data sets: `names` of training, and of the test where it is searched.
  std::vector<std::string> names, validation_names;
};

// Writes per_class.csv (of the test), joint_matrix.csv (of the held-out samples with labels as given, since a network
// may memorise the training samples) and suspects.csv (of all parts with labels as given) into the run's folder, each
// whole or not at all, and notes a summary.
void write_label_report(const FinishedRun& run, const LabelledParts& parts, const std::vector<std::string>& classes);

}  // namespace cofactor
