// How well a network knows each class.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

// An RFC 4180 table: class,labelled,predicted,correct,precision,recall,f1
std::string class_scores_csv(const std::vector<std::string>& classes, const std::vector<ClassScore>& scores);

// In columns, for people.
std::string format_class_scores(const std::vector<std::string>& classes, const std::vector<ClassScore>& scores);

}  // namespace cofactor
