// The parts of table_samples.h: rows are dealt, reviewed and left out.
#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "data/sets/deal_parts.h"
#include "data/sets/reviewed_labels.h"
#include "data/sets/table_samples.h"
#include "engine/error.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr size_t kMaxClassShown = 60;  // bytes of a class's name in a message

std::string class_shown(const TableSamples& samples, size_t c) {
  return legible(samples.classes[c], kMaxClassShown);
}

// Where the first row with the label is.
std::string first_place(const TableSamples& samples, size_t c) {
  return samples.place(std::ranges::find(samples.labels, static_cast<int32_t>(c)) - samples.labels.begin());
}

void check_sizes(const TableSamples& samples, const std::vector<int32_t>& dealt, const DealOptions& options) {
  const std::vector<int64_t> sizes = class_sizes(dealt, static_cast<int64_t>(samples.classes.size()));
  const auto small = std::ranges::find_if(sizes, [&](int64_t size) { return size < options.parts(); });
  if (small == sizes.end()) return;
  const auto c = static_cast<size_t>(small - sizes.begin());
  check(options.parts() > 1, "{}: no row with the label '{}' is for training", first_place(samples, c),
        class_shown(samples, c));
  const auto rare = std::ranges::count_if(sizes, [&](int64_t size) { return size < options.parts(); });
  const bool most_rare = 2 * rare > std::ssize(sizes) && samples.table != nullptr;
  fail("{}: the label '{}' has {} to train on, expected at least {}, one for each part of the split{}; {}",
       first_place(samples, c), class_shown(samples, c), counted(sizes[c], "row", "rows"), options.parts(),
       rare == 1 ? ""
                 : fmt::format(" ({} of {} labels have fewer)", in_thousands(rare), in_thousands(std::ssize(sizes))),
       most_rare ? fmt::format("is '{}' the column of the labels? --label-column names another",
                               printable(*samples.table->column(TableRole::label)))
                 : "check that it is meant, or give the parts by a split");
}

// Notes how many groups the split has torn apart.
void note_torn_groups(const TableSamples& samples, FileAccount& account) {
  if (samples.groups.empty()) return;
  std::vector<uint8_t> seen(static_cast<size_t>(*std::ranges::max_element(samples.groups)) + 1);
  for (size_t i = 0; i < samples.parts.size(); ++i)
    if (samples.parts[i] != RowPart::none && samples.parts[i] != RowPart::unlabelled)
      seen[static_cast<size_t>(samples.groups[i])] |=
          static_cast<uint8_t>(1U << static_cast<unsigned>(samples.parts[i]));
  const auto torn = std::ranges::count_if(seen, [](uint8_t parts) { return (parts & (parts - 1)) != 0; });
  if (torn > 0)
    account.note(fmt::format("warning: the split has {} in several parts",
                             counted(torn, "group with samples", "groups with samples")));
}

void note_parts(const TableSamples& samples, FileAccount& account) {
  std::array<int64_t, 5> counts{};
  for (const RowPart part : samples.parts) ++counts.at(static_cast<size_t>(part));
  const auto of = [&](RowPart part) { return in_thousands(counts.at(static_cast<size_t>(part))); };
  account.note(
      fmt::format("{}: {} for training, {} for validation{}, {} for test{}{}", samples.name, of(RowPart::train),
                  of(RowPart::validation), samples.split_validation ? "" : " (dealt at random)", of(RowPart::test),
                  samples.split_test || counts[static_cast<size_t>(RowPart::test)] == 0 ? "" : " (dealt at random)",
                  counts[static_cast<size_t>(RowPart::unlabelled)] == 0
                      ? ""
                      : fmt::format(", {} without a label", of(RowPart::unlabelled))));
}

}  // namespace

std::vector<int64_t> TableSamples::rows_of(RowPart part) const {
  std::vector<int64_t> found;
  for (size_t i = 0; i < parts.size(); ++i)
    if (parts[i] == part) found.push_back(static_cast<int64_t>(i));
  return found;
}

std::vector<int64_t> TableSamples::rows_in_use() const {
  std::vector<int64_t> found;
  for (size_t i = 0; i < parts.size(); ++i)
    if (parts[i] != RowPart::none) found.push_back(static_cast<int64_t>(i));
  return found;
}

void deal_rows(TableSamples& samples, bool test, uint64_t seed, FileAccount& account) {
  const DealOptions options{.validation = !samples.split_validation, .test = test && !samples.split_test, .seed = seed};
  std::vector<int32_t> labels = samples.labels;
  for (size_t i = 0; i < labels.size(); ++i)
    if (samples.parts[i] != RowPart::train) labels[i] = Categories::kMissing;
  check_sizes(samples, labels, options);
  if (options.parts() > 1) {
    const auto classes = static_cast<int64_t>(samples.classes.size());
    const DealtParts dealt = samples.groups.empty() ? deal_by_class(labels, classes, options)
                                                    : deal_by_group(labels, classes, samples.groups, options);
    for (const int64_t row : dealt.validation) samples.parts[static_cast<size_t>(row)] = RowPart::validation;
    for (const int64_t row : dealt.test) samples.parts[static_cast<size_t>(row)] = RowPart::test;
  }
  note_torn_groups(samples, account);
  note_parts(samples, account);
}

std::vector<uint8_t> review_rows(TableSamples& samples, const OwnDataOptions& options, FileAccount& account) {
  if (options.reviewed.empty()) return {};
  ReviewedLabels reviewed(options.reviewed, samples.classes);
  const std::vector<int32_t> before = samples.labels;
  std::vector<uint8_t> confirmed = reviewed.apply(samples.labels, samples.sample_name);
  reviewed.check_applied();
  account.note(reviewed.summary());
  std::unordered_map<int32_t, RowPart> parts_of_groups;
  for (size_t i = 0; i < samples.groups.size(); ++i)
    if (samples.parts[i] != RowPart::none && samples.parts[i] != RowPart::unlabelled)
      parts_of_groups.emplace(samples.groups[i], samples.parts[i]);
  for (size_t i = 0; i < samples.labels.size(); ++i) {
    RowPart& part = samples.parts[i];
    if (part == RowPart::none || before[i] == samples.labels[i]) continue;
    if (samples.labels[i] == Categories::kMissing) {
      part = RowPart::unlabelled;
    } else if (before[i] == Categories::kMissing) {
      part = samples.wanted[i] != RowPart::none ? samples.wanted[i] : RowPart::train;
      if (samples.wanted[i] != RowPart::none || samples.groups.empty()) continue;
      if (const auto found = parts_of_groups.find(samples.groups[i]); found != parts_of_groups.end())
        part = found->second;
    }
  }
  return confirmed;
}

void leave_broken_rows_out(TableSamples& samples, std::vector<BrokenSample> broken, bool skip,
                           std::vector<BrokenSample>& all) {
  if (broken.empty()) return;
  const auto count = static_cast<int64_t>(broken.size());
  if (!skip) {
    fail("{}: {}; {} of {} {} broken, and --skip-broken leaves {} out", samples.place(broken[0].index),
         broken[0].reason, in_thousands(count),
         counted(static_cast<int64_t>(samples.rows_in_use().size()), noun_of(samples.kind), nouns_of(samples.kind)),
         count == 1 ? "is" : "are", count == 1 ? "it" : "them");
  }
  std::vector<int64_t> rows, lines;
  for (const BrokenSample& sample : broken) rows.push_back(sample.index);
  if (samples.table != nullptr) lines = samples.table->lines(rows);
  for (size_t i = 0; i < broken.size(); ++i) {
    const std::string place =
        lines.empty() ? samples.place(rows[i]) : fmt::format("{}, line {}", samples.name, lines[i]);
    broken[i].reason = fmt::format("{}: {}", place, broken[i].reason);
    samples.parts[static_cast<size_t>(rows[i])] = RowPart::none;
  }
  all.insert(all.end(), std::make_move_iterator(broken.begin()), std::make_move_iterator(broken.end()));
}

void check_classes_present(const TableSamples& samples, const std::vector<BrokenSample>& broken) {
  for (const auto& [part, name] :
       {std::pair{RowPart::train, "training"}, std::pair{RowPart::validation, "validation"}}) {
    std::vector<bool> present(samples.classes.size());
    for (size_t i = 0; i < samples.parts.size(); ++i)
      if (samples.parts[i] == part) present[static_cast<size_t>(samples.labels[i])] = true;
    const auto absent = static_cast<size_t>(std::ranges::find(present, false) - present.begin());
    if (absent == present.size()) continue;
    const auto of_class = std::ranges::find_if(broken, [&](const BrokenSample& sample) {
      return samples.labels[static_cast<size_t>(sample.index)] == static_cast<int32_t>(absent);
    });
    fail("{}: no row with the label '{}' is left for {}{}{}", samples.name, class_shown(samples, absent), name,
         samples.groups.empty() ? "" : "; groups are dealt as a whole, and this label is in too few of them",
         of_class == broken.end() ? "" : "; one that is broken: " + of_class->reason);
  }
}

}  // namespace cofactor
