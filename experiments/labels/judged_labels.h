// The labels of a run's samples, what its networks say of them, and which of them are probably wrong.
// docs/label_errors.md derives the estimates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/noise/label_errors.h"

namespace cofactor {

enum class SamplePart : uint8_t { training, validation, test, unlabelled };
// "training", "validation", "test", "unlabelled".
std::string_view name_of(SamplePart part);

// N samples in the input's order, and C classes. A test set whose labels are known to be right is not among them.
struct JudgedLabels {
  std::vector<std::string> classes;  // (C)
  std::vector<std::string> ids;      // (N), each once
  std::vector<int32_t> given;        // (N), the labels that training saw, in [0, C) or kMissingLabel
  std::vector<float> probabilities;  // (N, C), row-major
  std::vector<int32_t> fold;         // (N), the fold whose network judged the sample, from 1; 0: none
  std::vector<SamplePart> part;      // (N)
  std::vector<uint8_t> kept;         // (N), 1 where a person has confirmed the label, which is then never a suspect
  Outputs outputs = Outputs::given_label;
  QualityScore score = QualityScore::posterior;
  bool out_of_sample = false;  // whether each sample was judged by a network that was not trained on it

  int64_t samples() const { return static_cast<int64_t>(given.size()); }
  int64_t labelled() const;  // samples that have a label
  LabelledPredictions predictions() const {
    return {.probabilities = probabilities, .labels = given, .classes = static_cast<int64_t>(classes.size())};
  }
};

// What is found of them. A confirmed label counts as right: it has the quality 1, and adds to the diagonal of the joint
// but to no other estimate of this struct.
struct Verdict {
  LabelErrors errors;               // its joint is that of all labels; its suspects are those by the posterior
  std::vector<float> quality;       // (N), by JudgedLabels::score, in [0, 1]; kNoQuality where the label is missing
  std::vector<uint8_t> suspect;     // (N), 1 or 0: as many as the joint says, of the lowest quality
  std::vector<int32_t> predicted;   // (N), the most probable class of the network, the first among equals
  std::vector<int32_t> suggested;   // (N), of a suspect, the most probable true class beside its label (posterior);
                                    // kMissingLabel for other samples
  int64_t suspects = 0;             // their number
  double confident_learning = 0.0;  // wrong labels by confident_joint, for comparison
  double dmi = 0.0;                 // by joint_of_perfect_outputs: a weak classifier's errors count as wrong labels
  // The share of labels that the network predicts, among the samples that it was not trained on, if there are any.
  double agreement = 0.0;
  double chance_agreement = 0.0;  // what it would be if predictions did not depend on labels, with as many of each
  bool permuted = false;          // whether the outputs look like the classes in another order (looks_permuted)

  const LabelJoint& joint() const { return errors.judgement.joint; }
};

// Time and memory are those of find_label_errors and of the comparisons, both proportional to N C beside the posterior.
// Throws Error, naming the sizes, where those of `labels` do not fit; where a label is outside [0, C), or the
// probabilities are not distributions (check_predictions); and where no sample has a label.
Verdict judge(const JudgedLabels& labels);

}  // namespace cofactor
