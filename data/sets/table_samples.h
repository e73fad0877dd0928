// The rows of a table, or of an array of labels, as samples: labels, parts and groups, whatever the samples are.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/label_table.h"
#include "data/sets/own_data.h"

namespace cofactor {

// What a row is used for; none: for nothing.
enum class RowPart : uint8_t { none, train, validation, test, unlabelled };

// "images", "texts" or "rows".
std::string_view nouns_of(SampleKind kind);
std::string_view noun_of(SampleKind kind);

struct TableSamples {
  SampleKind kind = SampleKind::images;
  std::string name;                         // of the table or array, for messages
  std::shared_ptr<const LabelTable> table;  // null where the labels are an array
  std::function<std::string(int64_t)> sample_name;
  std::vector<std::string> classes;
  std::vector<int32_t> labels;  // of each row, or Categories::kMissing
  std::vector<int32_t> groups;  // of each row; empty if there are none
  std::vector<RowPart> wanted;  // the split of each row as it was given; none: it has none
  std::vector<RowPart> parts;   // of each row; before deal_rows all labelled rows without a split are for training
  bool split_validation = false, split_test = false;  // whether the split has rows for these parts

  int64_t rows() const { return static_cast<int64_t>(labels.size()); }
  // "'labels.csv', line 7"
  std::string place(int64_t row) const;
  // The labels as a Dataset has them: 0 where there is none.
  std::vector<int32_t> labels_or_zero() const;
  // The rows of a part, ascending.
  std::vector<int64_t> rows_of(RowPart part) const;
  std::vector<int64_t> rows_in_use() const;
};

// By what a row is looked up: its name; for images the same for all ways to write a path.
std::string key_of(const TableSamples& samples, int64_t row);
std::string key_of(SampleKind kind, std::string_view name);

// A row with the key of an earlier one.
struct RepeatedRow {
  int64_t row = 0, first = 0;
};
// All of them, ascending.
std::vector<RepeatedRow> repeated_rows(const TableSamples& samples);

// The labels' classes alone.
std::vector<std::string> read_table_classes(const OwnDataOptions& options);

// Reads options.labels, with options.split, and adds notes about it.
TableSamples read_table_samples(const OwnDataOptions& options, FileAccount& account);
// Reads options.test, a table: its labelled rows are for test, and their labels are indices of `classes`.
TableSamples read_test_table(const OwnDataOptions& options, const std::vector<std::string>& classes,
                             FileAccount& account);

// Deals rows for training to validation, and to test if `test`, where the split has no rows for them (deal_parts.h).
// Throws Error if a class has too few rows for that.
void deal_rows(TableSamples& samples, bool test, uint64_t seed, FileAccount& account);
// Applies the decisions of options.reviewed; returns which labels are confirmed. A row that gets its first label is for
// the part of its group, or for training.
std::vector<uint8_t> review_rows(TableSamples& samples, const OwnDataOptions& options, FileAccount& account);
// Leaves broken rows out, which are ascending, or throws Error if they are not to be skipped. The reasons get the
// places of the rows, and are appended to `all`.
void leave_broken_rows_out(TableSamples& samples, std::vector<BrokenSample> broken, bool skip,
                           std::vector<BrokenSample>& all);
// Throws Error if a class has no row for training or validation. `broken` have been left out.
void check_classes_present(const TableSamples& samples, const std::vector<BrokenSample>& broken);

}  // namespace cofactor
