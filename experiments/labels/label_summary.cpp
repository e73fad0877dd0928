#include "experiments/labels/label_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/files/file_account.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr size_t kMostClasses = 10, kMostPairs = 5;
constexpr double kLeastCount = 0.5;
constexpr int64_t kReviewable = 500;  // suspects that a person looks through in about an hour
constexpr double kNoisy = 0.2;        // of all labels
constexpr double kWeak = 0.7;         // of the labels that are right, both beyond chance

double ratio(double part, double whole) {
  return whole > 0.0 ? std::clamp(part / whole, 0.0, 1.0) : 0.0;
}

std::string whole_number(double count) {
  return in_thousands(std::llround(count));
}

std::string class_name(const JudgedLabels& labels, int32_t label) {
  return printable(labels.classes[static_cast<size_t>(label)]);
}

std::string class_table(const JudgedLabels& labels, const Verdict& verdict) {
  const std::vector<ClassNoise> classes = noise_by_class(labels, verdict);
  const size_t shown = std::min(classes.size(), kMostClasses);
  size_t width = 5;
  for (size_t i = 0; i < shown; ++i) width = std::max(width, class_name(labels, classes[i].label).size());
  std::string text = fmt::format("  {:<{}}     labels  wrong labels  mislabelled samples\n", "class", width);
  for (size_t i = 0; i < shown; ++i) {
    const ClassNoise& noise = classes[i];
    text += fmt::format("  {:<{}} {:>10}  {:>11.1f}%  {:>18.1f}%\n", class_name(labels, noise.label), width,
                        in_thousands(noise.given), 100.0 * noise.wrong_share(), 100.0 * noise.missed_share());
  }
  if (shown < classes.size()) text += fmt::format("  and {} other classes\n", classes.size() - shown);
  return text;
}

// Whether the network predicts far fewer of the given labels than are right. What chance would predict counts for
// neither, so that a weak network is noticed with two classes too. docs/label_errors.md has how well this works.
bool is_weak(const JudgedLabels& labels, const Verdict& verdict) {
  const double right = 1.0 - ratio(verdict.errors.wrong.count, static_cast<double>(labels.labelled()));
  const double chance = verdict.chance_agreement;
  return verdict.agreement - chance < kWeak * (right - chance);
}

}  // namespace

double ClassNoise::wrong_share() const {
  return ratio(wrong, static_cast<double>(given));
}

double ClassNoise::missed_share() const {
  return ratio(missed, members);
}

std::vector<ClassNoise> noise_by_class(const JudgedLabels& labels, const Verdict& verdict) {
  const LabelJoint& joint = verdict.joint();
  const auto count = static_cast<double>(labels.labelled());
  std::vector<ClassNoise> classes(labels.classes.size());
  for (size_t i = 0; i < classes.size(); ++i) classes[i].label = static_cast<int32_t>(i);
  for (const int32_t label : labels.given)
    if (label != kMissingLabel) ++classes[static_cast<size_t>(label)].given;
  for (ClassNoise& noise : classes) {
    for (int64_t other = 0; other < joint.classes(); ++other) {
      noise.members += count * joint.at(other, noise.label);
      if (other == noise.label) continue;
      noise.wrong += count * joint.at(noise.label, other);
      noise.missed += count * joint.at(other, noise.label);
    }
  }
  std::ranges::stable_sort(classes, std::greater(), &ClassNoise::wrong_share);
  return classes;
}

std::vector<ConfusedPair> confused_pairs(const JudgedLabels& labels, const Verdict& verdict, size_t most) {
  const LabelJoint& joint = verdict.joint();
  const auto count = static_cast<double>(labels.labelled());
  std::vector<ConfusedPair> pairs;
  for (int32_t given = 0; given < joint.classes(); ++given) {
    for (int32_t true_class = 0; true_class < joint.classes(); ++true_class) {
      const double expected = count * joint.at(given, true_class);
      if (given != true_class && expected >= kLeastCount) pairs.push_back({given, true_class, expected});
    }
  }
  std::ranges::stable_sort(pairs, std::greater(), &ConfusedPair::count);
  if (pairs.size() > most) pairs.resize(most);
  return pairs;
}

std::string wrong_labels_sentence(const JudgedLabels& labels, const Verdict& verdict) {
  const WrongLabels& wrong = verdict.errors.wrong;
  return fmt::format("About {} of {} are wrong (95% interval: {} to {}).", whole_number(wrong.count),
                     counted(labels.labelled(), "label", "labels"), whole_number(wrong.low), whole_number(wrong.high));
}

std::vector<std::string> cautions(const JudgedLabels& labels, const Verdict& verdict) {
  std::vector<std::string> sentences;
  if (verdict.permuted) {
    sentences.emplace_back(
        "The outputs look like the classes in another order, so nearly every label looks wrong: do not believe these "
        "numbers.");
  }
  if (!labels.out_of_sample) {
    sentences.emplace_back(
        "The training samples were judged by a network that was trained on their labels; it may have memorised wrong "
        "ones, which then look right.");
  }
  if (!verdict.permuted && is_weak(labels, verdict)) {
    sentences.push_back(
        fmt::format("The network predicts the given label of {:.0f}% of the samples; chance would predict {:.0f}%. A "
                    "weak network's own errors count as wrong labels, so there may be far fewer.",
                    100.0 * verdict.agreement, 100.0 * verdict.chance_agreement));
  }
  return sentences;
}

std::string next_step(const JudgedLabels& labels, const Verdict& verdict) {
  if (verdict.permuted)
    return "Train for more --epochs or with another --seed, so that the outputs stand for their own classes.";
  if (!labels.out_of_sample)
    return "Repeat with --folds 5, so that each sample is judged by a network that has not seen it.";
  if (verdict.suspects == 0) return "No label looks wrong: there is nothing to correct.";
  if (is_weak(labels, verdict))
    return "Train for more --epochs, or another --model, in another --out: a network that predicts more labels judges "
           "them better. The first suspects can be reviewed already.";
  const double share = ratio(verdict.errors.wrong.count, static_cast<double>(labels.labelled()));
  if (verdict.suspects <= kReviewable) {
    return fmt::format("Look through {} in report.html, save your decisions, and train with --labels-reviewed.",
                       counted(verdict.suspects, "suspect", "suspects"));
  }
  if (share < kNoisy) {
    return fmt::format(
        "Review the first {} suspects in report.html, then train with --labels-reviewed, and with --drop-suspects "
        "for the others, in another --out.",
        kReviewable);
  }
  if (labels.outputs == Outputs::given_label)
    return "Too many labels are wrong to review them all: train with --method dmi, whose loss cancels such noise.";
  return "Too many labels are wrong to review them all: train with --relabel and another --out: suspects get the "
         "most probable class.";
}

std::string format_label_summary(const JudgedLabels& labels, const Verdict& verdict) {
  std::string text = wrong_labels_sentence(labels, verdict) + '\n';
  for (const std::string& caution : cautions(labels, verdict)) text += "  " + caution + '\n';
  text += class_table(labels, verdict);
  const std::vector<ConfusedPair> pairs = confused_pairs(labels, verdict, kMostPairs);
  if (!pairs.empty()) text += "  Most often confused:\n";
  for (const ConfusedPair& pair : pairs) {
    text += fmt::format("    labelled {}, probably {}: {}\n", class_name(labels, pair.given),
                        class_name(labels, pair.true_class), whole_number(pair.count));
  }
  text += fmt::format(
      "  Other estimates of the number of wrong labels: confident learning {}; DMI's joint matrix {}, which counts the "
      "network's own errors too.\n",
      whole_number(verdict.confident_learning), whole_number(verdict.dmi));
  return text + "  Next: " + next_step(labels, verdict);
}

}  // namespace cofactor
