// What is found of the labels, in sentences and by class.
#pragma once

#include <string>
#include <vector>

#include "experiments/labels/judged_labels.h"

namespace cofactor {

// The estimated noise of one class.
struct ClassNoise {
  int32_t label = 0;
  int64_t given = 0;     // samples with this label
  double wrong = 0.0;    // of them, how many are of another class
  double missed = 0.0;   // samples of this class that have another label
  double members = 0.0;  // samples of this class

  double wrong_share() const;   // wrong / given, in [0, 1]; 0 where there are none
  double missed_share() const;  // missed / members, likewise
};
// One for each class, the highest share of wrong labels first.
std::vector<ClassNoise> noise_by_class(const JudgedLabels& labels, const Verdict& verdict);

// How many samples that are labelled `given` are of class `true_class`.
struct ConfusedPair {
  int32_t given = 0, true_class = 0;
  double count = 0.0;
};
// The pairs with the highest counts, at most `most` and none below half a sample, the highest first.
std::vector<ConfusedPair> confused_pairs(const JudgedLabels& labels, const Verdict& verdict, size_t most);

// "About 312 of 5,000 labels are wrong (95% interval: 280 to 350)."
std::string wrong_labels_sentence(const JudgedLabels& labels, const Verdict& verdict);
// What to know before one believes the estimate, a sentence each.
std::vector<std::string> cautions(const JudgedLabels& labels, const Verdict& verdict);
// What to do next, in one sentence, by what was found.
std::string next_step(const JudgedLabels& labels, const Verdict& verdict);

// All of it on some lines, for a terminal: at most 10 classes and 5 pairs.
std::string format_label_summary(const JudgedLabels& labels, const Verdict& verdict);

}  // namespace cofactor
