// Reads the labels of a data set from a table: CSV, TSV or JSON Lines.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/table_rows.h"
#include "engine/io/file.h"

namespace cofactor {

// What a column is for: a sample's file, or its text; its label; its part, such as "train"; the group of related
// samples that it belongs to; and the name by which it is known elsewhere.
enum class TableRole : uint8_t { path, text, label, split, group, id };
inline constexpr size_t kTableRoles = 6;

enum class Need : uint8_t { unused, optional, required };

struct ColumnChoice {
  Need need = Need::optional;
  // Its name, in any case, or its number, from 1; then it is required. Empty: the first of the role's usual names
  // (usual_columns) that the table has.
  std::string column = {};
};

struct LabelTableOptions {
  std::optional<TableKind> kind{};  // none: table_kind decides
  // Whether the first row of CSV or TSV has the columns' names. None: it does if all required columns are found in it,
  // one of them by its name; or if all labels but its own are whole numbers.
  std::optional<bool> header{};
  ColumnChoice path{}, text{.need = Need::unused}, label{.need = Need::required}, split{}, group{},
      id{.need = Need::unused};
};

// The names that are looked for, the preferred one first: "label", "class", "given_label" and others for labels.
std::vector<std::string_view> usual_columns(TableRole role);

// The values of a column that has few distinct ones. White space around values is ignored.
struct Categories {
  static constexpr int32_t kMissing = -1;
  std::vector<std::string> names;  // sorted: as numbers if all are whole ("-1", "2", "10", "10.0"), otherwise by bytes
  std::vector<int32_t> values;     // of each row: an index of `names`, or kMissing where the row has none
};

// Memory, beside the file's mapping: 8 bytes per row, 4 per row and column of labels, splits or groups, and their
// distinct values. Paths, texts and ids are read from the file when they are asked for, by several threads at once if
// need be. That ids differ is not checked.
//
// A row of CSV or TSV that has one empty field and no quotes is a blank line, which is skipped: in a table of one
// column a missing label is written "".
class LabelTable {
 public:
  // Reads the whole file once. Throws Error, with the file, and the line where one is at fault, if the file cannot be
  // read or has no rows; as CsvScanner and TableRows do; if a row has more or fewer fields than the first; if a column
  // that is required does not exist (the message lists those that do); if two columns have the same name; and if a path
  // is empty, or an object of JSON Lines has no text.
  static LabelTable open(const std::filesystem::path& file, const LabelTableOptions& options = {});
  // The same for a text that outlives the table. `name` is the table's name, in messages and for its format.
  static LabelTable parse(std::string_view text, const std::string& name, const LabelTableOptions& options = {});

  const std::string& name() const { return name_; }
  TableKind kind() const { return kind_; }
  bool has_header() const { return has_header_; }
  int64_t rows() const { return static_cast<int64_t>(begins_.size()); }
  // The names of CSV's and TSV's columns, "1", "2", ... without a header; the keys of JSON Lines' first objects.
  const std::vector<std::string>& columns() const { return columns_; }
  // The name of the column that was chosen; nothing if there is none.
  std::optional<std::string> column(TableRole role) const;

  // The labels, splits or groups; Error if there is no such column.
  const Categories& categories(TableRole role) const;
  // A row's path or text, or another role's value as the file has it, empty if it is missing. Throws Error if there is
  // no such column or row, or the file was written to since it was opened.
  std::string value(int64_t row, TableRole role) const;
  // The line of the file, from 1, on which a row begins. It is counted, which takes time: for messages.
  int64_t line(int64_t row) const;
  // The lines of several rows, which are ascending, counted together.
  std::vector<int64_t> lines(const std::vector<int64_t>& rows) const;

 private:
  using Choices = std::array<const ColumnChoice*, kTableRoles>;
  class Interner;
  using Interners = std::array<Interner, kTableRoles>;

  LabelTable(std::string_view text, std::string name, std::string_view file_name, const LabelTableOptions& options);

  void find_keys(const Choices& choices);
  void find_columns(const std::vector<CsvField>& first, int64_t line, std::optional<bool> header,
                    const Choices& choices);
  std::optional<size_t> find_column(TableRole role, const ColumnChoice& choice) const;
  bool resolve(const Choices& choices);
  void require(const Choices& choices) const;
  void read_rows(std::optional<bool> header);
  void check_sample(const TableRows& rows) const;
  void take_header_off(Interners& interners);
  const TableRows::Column& chosen(TableRole role) const;
  std::string listed_columns() const;

  std::shared_ptr<const MappedFile> file_;  // null if the text is the caller's
  std::string_view text_;
  std::string name_;
  TableKind kind_;
  bool has_header_ = false;
  std::vector<std::string> columns_;
  std::array<std::optional<TableRows::Column>, kTableRoles> chosen_;
  std::array<Categories, kTableRoles> categories_;  // empty for paths, texts and ids
  std::vector<uint64_t> begins_;                    // the byte at which each row begins
};

// Whether the first row of CSV or TSV, or one of the first objects of JSON Lines, has this name, in any case. Throws
// Error as LabelTable::open does, for what is read.
bool names_column(const std::filesystem::path& file, std::string_view name);

}  // namespace cofactor
