// What a trained network says of the labels that it was given: a score a class, the joint matrix of its outputs and the
// labels, and the samples whose labels look wrong.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/report/finished_run.h"
#include "experiments/training/evaluate.h"

namespace cofactor {

// How a class fares, as counts of samples. Scores are shares in [0, 1], 0 where they are 0 / 0.
struct ClassScore {
  int64_t labelled = 0;   // with this label
  int64_t predicted = 0;  // given this class by the network
  int64_t correct = 0;    // both

  double precision() const;  // correct / predicted
  double recall() const;     // correct / labelled
  double f1() const;         // their harmonic mean
};
std::vector<ClassScore> class_scores(const Confusion& confusion);

// A sample to which the network gives another class than its label.
struct Suspect {
  std::string file;
  int32_t label = 0, predicted = 0;
  double probability = 0.0;  // of the predicted class, by the network
  std::string part;          // "training", "validation", "test"
};

// Of one part; `names` are the files of the data set that batch.indices point into.
std::vector<Suspect> find_suspects(const Predictions& predictions, const std::vector<std::string>& names,
                                   const std::string& part);

// Tables as RFC 4180 has them: a head, then a line each; a field with a comma, a quote or a line break is quoted.

// class,labelled,predicted,correct,precision,recall,f1
std::string class_scores_csv(const std::vector<std::string>& classes, const std::vector<ClassScore>& scores);
// predicted \ given,<class>,...
// U(c, y), the mean over all samples of p(c | x) 1[label is y] (paper, section 4.1).
std::string joint_matrix_csv(const std::vector<std::string>& classes, const Tensor& joint);
// file,given_label,predicted_label,probability,part
// The most certain first. A file whose name is not UTF-8 is written as printable (data/files/names.h), so that the
// table is.
std::string suspects_csv(const std::vector<std::string>& classes, std::vector<Suspect> suspects);

// The first of them for people, in columns.
std::string format_class_scores(const std::vector<std::string>& classes, const std::vector<ClassScore>& scores);

// The parts of the data that the run learned from, read without augmentation, with the labels that it saw.
struct LabelledParts {
  Split train, validation;
  bool clean_test = false;  // the test's labels are known to be correct: it is no part of what is looked through
  // The files of the data sets of the parts: names is that of training, and of the test where that is looked through.
  std::vector<std::string> names, validation_names;
};

// Writes per_class.csv (of the test), joint_matrix.csv (of what was held out from training and has labels as they are
// given: a network may know the training part by heart) and suspects.csv (of all parts with labels as given) into the
// run's folder, each whole or not at all, and says so.
void write_label_report(const FinishedRun& run, const LabelledParts& parts, const std::vector<std::string>& classes);

}  // namespace cofactor
