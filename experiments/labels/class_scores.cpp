#include "experiments/labels/class_scores.h"

#include <algorithm>

#include "experiments/report/csv_field.h"

namespace cofactor {

namespace {

double share(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double ClassScore::precision() const {
  return share(correct, predicted);
}

double ClassScore::recall() const {
  return share(correct, labelled);
}

double ClassScore::f1() const {
  return share(2 * correct, labelled + predicted);
}

std::vector<ClassScore> class_scores(const Confusion& confusion) {
  std::vector<ClassScore> scores(static_cast<size_t>(confusion.classes));
  for (int64_t predicted = 0; predicted < confusion.classes; ++predicted) {
    for (int64_t label = 0; label < confusion.classes; ++label) {
      const int64_t count = confusion.at(predicted, label);
      scores[static_cast<size_t>(predicted)].predicted += count;
      scores[static_cast<size_t>(label)].labelled += count;
      if (predicted == label) scores[static_cast<size_t>(label)].correct = count;
    }
  }
  return scores;
}

std::string class_scores_csv(const std::vector<std::string>& classes, const std::vector<ClassScore>& scores) {
  std::string text = "class,labelled,predicted,correct,precision,recall,f1\n";
  for (size_t c = 0; c < classes.size(); ++c) {
    const ClassScore& score = scores.at(c);
    text += fmt::format("{},{},{},{},{:.4f},{:.4f},{:.4f}\n", csv_field(classes[c]), score.labelled, score.predicted,
                        score.correct, score.precision(), score.recall(), score.f1());
  }
  return text;
}

std::string format_class_scores(const std::vector<std::string>& classes, const std::vector<ClassScore>& scores) {
  size_t width = 5;
  for (const std::string& name : classes) width = std::max(width, name.size());
  std::string text = fmt::format("  {:<{}}  labelled  predicted  correct  precision  recall      f1", "class", width);
  for (size_t c = 0; c < classes.size(); ++c) {
    const ClassScore& score = scores.at(c);
    text += fmt::format("\n  {:<{}}  {:>8}  {:>9}  {:>7}  {:>9.4f}  {:>6.4f}  {:>6.4f}", classes[c], width,
                        score.labelled, score.predicted, score.correct, score.precision(), score.recall(), score.f1());
  }
  return text;
}

}  // namespace cofactor
