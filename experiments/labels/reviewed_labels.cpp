#include "experiments/labels/reviewed_labels.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "data/files/csv.h"
#include "data/noise/labelled_predictions.h"
#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/utf8.h"
#include "experiments/labels/label_files.h"

namespace cofactor {

namespace {

constexpr std::array kDecisions = {Decision::keep, Decision::change, Decision::leave_out};

// Where something stands, for messages: "reviewed labels: 'FILE', line 7".
std::string place(const std::filesystem::path& file, int64_t line) {
  return fmt::format("reviewed labels: '{}', line {}", printable(file.string()), line);
}

size_t required_column(const CsvTable& table, std::string_view column, const std::filesystem::path& file) {
  const auto found = table.find(column);
  check(found.has_value(), "reviewed labels: '{}' has no column \"{}\", expected id, given_label, decision and label",
        printable(file.string()), column);
  return *found;
}

class ReviewedTable {
 public:
  ReviewedTable(const std::filesystem::path& file, const std::vector<std::string>& classes)
      : file_(file),
        classes_(classes),
        table_(parse_csv(read_file(file), fmt::format("'{}'", printable(file.string())))),
        id_(required_column(table_, "id", file)),
        given_(required_column(table_, "given_label", file)),
        decision_(required_column(table_, "decision", file)),
        label_(required_column(table_, "label", file)) {
    for (size_t c = 0; c < classes.size(); ++c) by_name_.emplace(classes[c], static_cast<int32_t>(c));
  }

  std::vector<ReviewedLabel> read() const {
    std::vector<ReviewedLabel> reviewed;
    std::unordered_map<std::string_view, int64_t> lines;
    for (int64_t row = 0; row < table_.rows(); ++row) {
      reviewed.push_back(read_row(row));
      const auto [earlier, is_new] = lines.emplace(table_.at(row, id_), reviewed.back().line);
      check(is_new, "{}: '{}' is decided on line {} too", place(file_, reviewed.back().line),
            printable(reviewed.back().id), earlier->second);
    }
    return reviewed;
  }

 private:
  ReviewedLabel read_row(int64_t row) const {
    const int64_t line = table_.lines[static_cast<size_t>(row)];
    ReviewedLabel reviewed{.id = table_.at(row, id_), .line = line};
    check(!reviewed.id.empty(), "{}: the id is empty", place(file_, line));
    reviewed.given = label_of(table_.at(row, given_), "given_label", line);
    const std::string& name = table_.at(row, decision_);
    const auto decision = std::ranges::find(kDecisions, name, [](Decision d) { return name_of(d); });
    check(decision != kDecisions.end(), "{}: the decision is '{}', expected keep, change or leave_out",
          place(file_, line), legible(name));
    reviewed.decision = *decision;
    reviewed.label = *decision == Decision::keep     ? reviewed.given
                     : *decision == Decision::change ? label_of(table_.at(row, label_), "label", line)
                                                     : kMissingLabel;
    return reviewed;
  }

  int32_t label_of(const std::string& name, std::string_view column, int64_t line) const {
    const auto found = by_name_.find(name);
    check(found != by_name_.end(), "{}: {} is '{}', which is none of the {} classes", place(file_, line), column,
          legible(name), classes_.size());
    return found->second;
  }

  const std::filesystem::path& file_;
  const std::vector<std::string>& classes_;
  CsvTable table_;
  size_t id_, given_, decision_, label_;
  std::unordered_map<std::string, int32_t> by_name_;
};

std::string label_text(int32_t label, const std::vector<std::string>& classes) {
  return label == kMissingLabel ? "missing" : fmt::format("'{}'", printable(classes.at(static_cast<size_t>(label))));
}

}  // namespace

std::string_view name_of(Decision decision) {
  switch (decision) {
    case Decision::keep: return "keep";
    case Decision::change: return "change";
    case Decision::leave_out: break;
  }
  return "leave_out";
}

std::vector<ReviewedLabel> read_reviewed_labels(const std::filesystem::path& file,
                                                const std::vector<std::string>& classes) {
  return ReviewedTable(file, classes).read();
}

ReviewedSamples apply_reviewed_labels(const std::filesystem::path& file, const std::vector<ReviewedLabel>& reviewed,
                                      const std::vector<std::string>& ids, const std::vector<int32_t>& given,
                                      const std::vector<std::string>& classes) {
  check(ids.size() == given.size(), "reviewed labels: {} ids for {} labels", ids.size(), given.size());
  // Only the ids that were decided on are looked up, so memory does not grow with the samples.
  constexpr size_t kNone = SIZE_MAX;
  std::unordered_map<std::string_view, size_t> samples;
  for (const ReviewedLabel& decided : reviewed) samples.emplace(decided.id, kNone);
  std::vector<size_t> repeated;
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto found = samples.find(written_id(ids[i]));
    if (found == samples.end()) continue;
    if (found->second == kNone)
      found->second = i;
    else
      repeated.push_back(found->second);
  }
  ReviewedSamples result{given, std::vector<uint8_t>(given.size(), 0)};
  for (const ReviewedLabel& decided : reviewed) {
    const size_t i = samples.at(decided.id);
    check(i != kNone, "{}: no sample has the id '{}'", place(file, decided.line), printable(decided.id));
    check(std::ranges::find(repeated, i) == repeated.end(), "{}: more than one sample has the id '{}'",
          place(file, decided.line), printable(decided.id));
    check(given[i] == decided.given || given[i] == decided.label,
          "{}: the label of '{}' was {} when it was reviewed and is {} now", place(file, decided.line),
          printable(decided.id), label_text(decided.given, classes), label_text(given[i], classes));
    result.labels[i] = decided.label;
    result.kept[i] = decided.decision == Decision::leave_out ? 0 : 1;
  }
  return result;
}

}  // namespace cofactor
