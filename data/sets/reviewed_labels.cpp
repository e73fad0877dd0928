#include "data/sets/reviewed_labels.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "data/files/csv.h"
#include "data/files/file_account.h"
#include "data/files/label_table.h"
#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr std::array<std::string_view, 3> kDecisions = {"keep", "change", "leave_out"};  // by their Decision
constexpr std::array<std::string_view, 4> kReviewColumns = {"id", "given_label", "decision", "label"};
constexpr size_t kMaxClassesListed = 300;  // bytes of the names of classes in a message

std::array<size_t, 4> find_review_columns(const CsvTable& table, const std::string& name) {
  std::array<size_t, 4> places{};
  for (size_t i = 0; i < places.size(); ++i) {
    const auto found = table.find(kReviewColumns[i]);
    check(found.has_value(), "{}: there is no column '{}'; reviewed labels have the columns {}", name,
          kReviewColumns[i], fmt::join(kReviewColumns, ", "));
    places[i] = *found;
  }
  return places;
}

}  // namespace

std::string_view name_of(Decision decision) {
  return kDecisions.at(static_cast<size_t>(decision));
}

ReviewedLabels::ReviewedLabels(std::string name, std::vector<std::string> classes)
    : name_(std::move(name)), classes_(std::move(classes)) {}

ReviewedLabels::ReviewedLabels(const std::filesystem::path& file, const std::vector<std::string>& classes)
    : ReviewedLabels(parse(read_file(file), fmt::format("'{}'", printable(file.string())), classes)) {}

ReviewedLabels ReviewedLabels::parse(std::string_view text, const std::string& name,
                                     const std::vector<std::string>& classes) {
  const CsvTable table = parse_csv(text, name);
  const auto [id, given, decision, label] = find_review_columns(table, name);
  // A class as it is, or without the white space that a person has put around it.
  const auto class_in = [&](std::string_view field) {
    return std::string(std::ranges::find(classes, field) != classes.end() ? field : trimmed(field));
  };
  ReviewedLabels reviewed(name, classes);
  for (int64_t row = 0; row < table.rows(); ++row) {
    const int64_t line = table.lines[static_cast<size_t>(row)];
    const std::string action = lower_case(trimmed(table.at(row, decision)));
    const auto found = std::ranges::find(kDecisions, action);
    check(found != kDecisions.end(), "{}, line {}: the decision '{}' is not one of {}", name, line, legible(action, 60),
          fmt::join(kDecisions, ", "));
    ReviewedLabel read{.id = std::string(trimmed(table.at(row, id))),
                       .given = class_in(table.at(row, given)),
                       .decision = static_cast<Decision>(found - kDecisions.begin()),
                       .label = {},
                       .line = line};
    if (read.decision == Decision::keep) read.label = read.given;
    if (read.decision == Decision::change) {
      read.label = class_in(table.at(row, label));
      check(std::ranges::find(classes, read.label) != classes.end(),
            "{}, line {}: the label '{}' to change to is not one of the classes: {}", name, line,
            legible(read.label, 60), legible(fmt::format("{}", fmt::join(classes, ", ")), kMaxClassesListed));
    }
    reviewed.add(std::move(read));
  }
  return reviewed;
}

void ReviewedLabels::add(ReviewedLabel decision) {
  check(!decision.id.empty(), "{}, line {}: the id is missing", name_, decision.line);
  const auto [place, added] = places_.try_emplace(decision.id, decisions_.size());
  check(added, "{}, line {}: the id '{}' is also on line {}", name_, decision.line, printable(decision.id),
        added ? 0 : decisions_[place->second].line);
  decisions_.push_back(std::move(decision));
  applied_.push_back(0);
}

std::vector<uint8_t> ReviewedLabels::apply(std::vector<int32_t>& labels,
                                           const std::function<std::string(int64_t)>& name_of) {
  std::vector<uint8_t> confirmed(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::string name = name_of(static_cast<int64_t>(i));
    const auto found = places_.find(std::string(trimmed(is_utf8(name) ? name : printable(name))));
    if (found == places_.end()) continue;
    confirmed[i] = apply_to(labels[i], decisions_[found->second]) ? 1 : 0;
    applied_[found->second] = 1;
  }
  return confirmed;
}

// Returns whether the label is confirmed.
bool ReviewedLabels::apply_to(int32_t& label, const ReviewedLabel& decision) const {
  const bool missing = label == Categories::kMissing;
  const std::string now = missing ? std::string() : classes_.at(static_cast<size_t>(label));
  check(decision.given == now || (decision.label == now && decision.decision != Decision::keep),
        "{}, line {}: the decision about '{}' is for the given label '{}', but its label in the data is {}; the data "
        "has changed since the labels were reviewed: remove the row, or review the label again",
        name_, decision.line, printable(decision.id), legible(decision.given, 60),
        missing ? std::string("missing") : "'" + legible(now, 60) + "'");
  check(!missing || decision.decision != Decision::keep, "{}, line {}: the label of '{}' is missing and cannot be kept",
        name_, decision.line, printable(decision.id));
  if (decision.decision == Decision::leave_out) label = Categories::kMissing;
  if (decision.decision == Decision::change)
    label = static_cast<int32_t>(std::ranges::find(classes_, decision.label) - classes_.begin());
  return decision.decision != Decision::leave_out;
}

void ReviewedLabels::check_applied() const {
  const auto unknown = std::ranges::find(applied_, 0);
  if (unknown == applied_.end()) return;
  const ReviewedLabel& decision = decisions_[static_cast<size_t>(unknown - applied_.begin())];
  fail("{}, line {}: the data has no sample '{}' whose label can be reviewed", name_, decision.line,
       printable(decision.id));
}

std::string ReviewedLabels::summary() const {
  std::array<int64_t, kDecisions.size()> counts{};
  for (const ReviewedLabel& one : decisions_) ++counts.at(static_cast<size_t>(one.decision));
  return fmt::format("{}: {} kept, {} changed and {} left out", name_, counted(counts[0], "label is", "labels are"),
                     in_thousands(counts[1]), in_thousands(counts[2]));
}

}  // namespace cofactor
