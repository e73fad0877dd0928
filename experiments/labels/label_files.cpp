#include "experiments/labels/label_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/files/npy.h"
#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/utf8.h"
#include "experiments/report/csv_field.h"

namespace cofactor {

namespace {

constexpr size_t kPiece = 1 << 16;  // bytes that are collected before they are written

// A table that is written in pieces.
class TableFile {
 public:
  explicit TableFile(const std::filesystem::path& path) : file_(path) {}

  std::string& line() {
    if (text_.size() >= kPiece) flush();
    return text_;
  }
  void commit() {
    flush();
    file_.commit();
  }

 private:
  void flush() {
    file_.append(text_);
    text_.clear();
  }

  AtomicFile file_;
  std::string text_;
};

// Writes lines of labels.csv and suspects.csv.
class SampleLines {
 public:
  SampleLines(const JudgedLabels& labels, const Verdict& verdict) : labels_(labels), verdict_(verdict) {
    for (const std::string& name : labels.classes) classes_.push_back(csv_field(name));
  }

  static void append_head(std::string& text) {
    text +=
        "id,given_label,predicted_label,given_probability,predicted_probability,quality,suspect,"
        "fold\n";
  }
  void append(int64_t sample, std::string& text) const {
    const auto i = static_cast<size_t>(sample);
    const std::span<const float> row = labels_.predictions().row(sample);
    const auto predicted = static_cast<size_t>(verdict_.predicted[i]);
    const auto out = std::back_inserter(text);
    text += csv_field(written_id(labels_.ids[i]));
    if (labels_.given[i] == kMissingLabel) {
      fmt::format_to(out, ",,{},,{:.6g},,no,{}\n", classes_[predicted], row[predicted], labels_.fold[i]);
      return;
    }
    const auto given = static_cast<size_t>(labels_.given[i]);
    fmt::format_to(out, ",{},{},{:.6g},{:.6g},{:.6g},{},{}\n", classes_[given], classes_[predicted], row[given],
                   row[predicted], verdict_.quality[i], verdict_.suspect[i] != 0 ? "yes" : "no", labels_.fold[i]);
  }

 private:
  const JudgedLabels& labels_;
  const Verdict& verdict_;
  std::vector<std::string> classes_;
};

// `at` is called with the row and the column.
template <class At>
void write_matrix(const std::filesystem::path& path, std::string_view corner, const std::vector<std::string>& classes,
                  const At& at) {
  TableFile file(path);
  file.line() += corner;
  for (const std::string& name : classes) file.line() += ',' + csv_field(name);
  file.line() += '\n';
  for (size_t row = 0; row < classes.size(); ++row) {
    file.line() += csv_field(classes[row]);
    for (size_t column = 0; column < classes.size(); ++column)
      file.line() += fmt::format(",{:.6g}", at(static_cast<int64_t>(row), static_cast<int64_t>(column)));
    file.line() += '\n';
  }
  file.commit();
}

}  // namespace

std::string written_id(std::string_view id) {
  return is_utf8(id) ? std::string(id) : printable(id);
}

std::vector<int64_t> suspects_by_quality(const Verdict& verdict) {
  std::vector<int64_t> suspects;
  for (size_t i = 0; i < verdict.suspect.size(); ++i)
    if (verdict.suspect[i] != 0) suspects.push_back(static_cast<int64_t>(i));
  std::ranges::stable_sort(suspects, {}, [&](int64_t i) { return verdict.quality[static_cast<size_t>(i)]; });
  return suspects;
}

void write_label_files(const std::filesystem::path& folder, const JudgedLabels& labels, const Verdict& verdict) {
  check(verdict.predicted.size() == labels.given.size() && verdict.suspect.size() == labels.given.size(),
        "label files: a verdict on {} samples for {} labels", verdict.predicted.size(), labels.given.size());
  const SampleLines lines(labels, verdict);
  TableFile all(folder / kLabelsFile);
  SampleLines::append_head(all.line());
  for (int64_t i = 0; i < labels.samples(); ++i) lines.append(i, all.line());
  all.commit();

  TableFile suspects(folder / kSuspectsFile);
  SampleLines::append_head(suspects.line());
  for (const int64_t i : suspects_by_quality(verdict)) lines.append(i, suspects.line());
  suspects.commit();

  write_npy<float>(folder / kProbabilitiesFile, labels.probabilities,
                   {labels.samples(), static_cast<int64_t>(labels.classes.size())});
  const LabelJoint& joint = verdict.joint();
  write_matrix(folder / kJointFile, "given \\ true", labels.classes,
               [&](int64_t given, int64_t true_class) { return joint.at(given, true_class); });
  const Transition& transition = verdict.errors.transition;
  write_matrix(folder / kTransitionFile, "true \\ given", labels.classes,
               [&](int64_t true_class, int64_t given) { return transition.at(true_class, given); });
}

}  // namespace cofactor
