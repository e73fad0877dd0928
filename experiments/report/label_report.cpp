#include "experiments/report/label_report.h"

#include <algorithm>
#include <tuple>

#include "data/noise/estimate.h"
#include "engine/io/file.h"
#include "engine/io/utf8.h"
#include "experiments/report/csv_field.h"
#include "losses/dmi.h"

namespace cofactor {
namespace {

constexpr int64_t kReportBatch = 256;
constexpr size_t kMaxShown = 20;  // classes that are shown on the console

double share(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

Predictions predict_part(const FinishedRun& run, const Split& split, const std::string& part) {
  Loader loader(
      split,
      {.batch_size = kReportBatch, .sampler = SamplerKind::sequential, .device = run.device, .workers = run.workers});
  return predict(run.model, loader, part);
}

// The predictions of both, concatenated.
Predictions joined(const Predictions& a, const Predictions& b) {
  std::vector<float> logits = a.logits.to_vector<float>();
  const std::vector<float> more = b.logits.to_vector<float>();
  logits.insert(logits.end(), more.begin(), more.end());
  std::vector<int32_t> labels = a.batch.host_labels;
  labels.insert(labels.end(), b.batch.host_labels.begin(), b.batch.host_labels.end());
  const auto count = static_cast<int64_t>(labels.size());
  Predictions both;
  both.logits = Tensor::from(logits, Shape{count, a.logits.dim(1)}, a.logits.device());
  both.batch.labels = Tensor::from(labels, Shape{count}, a.logits.device());
  both.batch.host_labels = std::move(labels);
  return both;
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

std::vector<Suspect> find_suspects(const Predictions& predictions, const std::vector<std::string>& names,
                                   const std::string& part) {
  const std::vector<double> probabilities = softmax_on_host("label report", predictions.logits);
  const int64_t classes = predictions.logits.dim(1);
  std::vector<Suspect> suspects;
  for (int64_t i = 0; i < predictions.batch.size(); ++i) {
    const auto row = probabilities.begin() + i * classes;
    const auto likeliest = std::max_element(row, row + classes);
    const auto predicted = static_cast<int32_t>(likeliest - row);
    const auto sample = static_cast<size_t>(i);
    if (predicted == predictions.batch.host_labels[sample]) continue;
    suspects.push_back({names.at(static_cast<size_t>(predictions.batch.indices[sample])),
                        predictions.batch.host_labels[sample], predicted, *likeliest, part});
  }
  return suspects;
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

std::string joint_matrix_csv(const std::vector<std::string>& classes, const Tensor& joint) {
  const std::vector<double> values = joint.to_vector<double>();
  std::string text = "predicted \\ given";
  for (const std::string& name : classes) text += ',' + csv_field(name);
  text += '\n';
  for (size_t c = 0; c < classes.size(); ++c) {
    text += csv_field(classes[c]);
    for (size_t y = 0; y < classes.size(); ++y) text += fmt::format(",{:.6g}", values.at(c * classes.size() + y));
    text += '\n';
  }
  return text;
}

std::string suspects_csv(const std::vector<std::string>& classes, std::vector<Suspect> suspects) {
  std::ranges::sort(suspects, {},
                    [](const Suspect& s) { return std::tuple<double, const std::string&>(-s.probability, s.file); });
  std::string text = "file,given_label,predicted_label,probability,part\n";
  for (const Suspect& suspect : suspects) {
    text +=
        fmt::format("{},{},{},{:.4f},{}\n", csv_field(is_utf8(suspect.file) ? suspect.file : printable(suspect.file)),
                    csv_field(classes.at(static_cast<size_t>(suspect.label))),
                    csv_field(classes.at(static_cast<size_t>(suspect.predicted))), suspect.probability, suspect.part);
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

void write_label_report(const FinishedRun& run, const LabelledParts& parts, const std::vector<std::string>& classes) {
  const Predictions train = predict_part(run, parts.train, "training");
  const Predictions validation = predict_part(run, parts.validation, "validation");
  const Predictions& test = run.test;
  const std::vector<ClassScore> scores = class_scores(confusion(test));
  write_file_atomically(run.folder / "per_class.csv", class_scores_csv(classes, scores));

  const Predictions held_out = parts.clean_test ? validation : joined(validation, test);
  const Tensor joint = joint_matrix(held_out.logits, held_out.batch.labels, true);
  write_file_atomically(run.folder / "joint_matrix.csv", joint_matrix_csv(classes, joint));

  std::vector<Suspect> suspects = find_suspects(train, parts.names, "training");
  int64_t looked_at = train.batch.size() + validation.batch.size();
  for (Suspect& suspect : find_suspects(validation, parts.validation_names, "validation"))
    suspects.push_back(std::move(suspect));
  if (!parts.clean_test) {
    looked_at += test.batch.size();
    for (Suspect& suspect : find_suspects(test, parts.names, "test")) suspects.push_back(std::move(suspect));
  }
  write_file_atomically(run.folder / "suspects.csv", suspects_csv(classes, suspects));

  const std::string against = parts.clean_test ? "" : ", against the labels as given, which may be wrong themselves";
  run.progress.note(fmt::format("{}: the test set by class{}", run.result.label(), against));
  if (classes.size() <= kMaxShown) run.progress.note(format_class_scores(classes, scores));
  run.progress.note(
      fmt::format("  {} of {} labels look wrong; {} holds suspects.csv, joint_matrix.csv and per_class.csv",
                  suspects.size(), looked_at, run.folder.string()));
  if (looks_permuted(confusion(held_out))) {
    run.progress.note(
        "  the outputs look like the classes in another order, so that nearly every label looks wrong; pre-train "
        "longer, "
        "or try another --seed");
  }
}

}  // namespace cofactor
