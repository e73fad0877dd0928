// Reads tables of fields separated by commas (CSV, RFC 4180) or tabs (TSV).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

inline constexpr size_t kMaxCsvColumns = 1000;

// One field of a row: a part of the table's text.
struct CsvField {
  std::string_view raw;  // without the quotes around it
  bool doubled = false;  // whether quotes inside it are written twice

  std::string text() const;
};

// Reads the rows of a table one after the other, without copies. Fields end at the separator, rows at CR LF, LF or CR.
// A quoted field may contain separators, line breaks, and quotes written twice. Blank lines are skipped; fields are
// kept unchanged. Where tabs separate the fields, a quote inside an unquoted field is an ordinary character.
class CsvScanner {
 public:
  // Views of `text` and `name` (the table's, in messages) are kept. Scanning begins at byte `at`, which is the
  // beginning of a row.
  CsvScanner(std::string_view text, std::string_view name, char separator = ',', size_t at = 0);

  // Replaces `fields` by those of the next row; false if there is none. Throws Error, with the line, if a quote is
  // misplaced or not closed, and if there are more than kMaxCsvColumns fields.
  bool next(std::vector<CsvField>& fields);
  // Of the row that next() returned: its first line, and its first byte.
  int64_t line() const { return row_line_; }
  size_t begin() const { return row_begin_; }
  // Of the first byte that was not read.
  size_t position() const { return at_; }

 private:
  bool done() const { return at_ == text_.size(); }
  CsvField read();
  CsvField read_quoted();
  void end_line();

  std::string_view text_, name_;
  std::array<bool, 256> ends_{};  // whether a byte ends an unquoted field
  size_t at_, row_begin_ = 0;
  int64_t line_ = 1, row_line_ = 1;
};

// Throws Error if a row that begins on `line` has not `expected` fields. `what` has the expected number: "header row".
void check_csv_width(std::string_view name, int64_t line, size_t found, size_t expected, std::string_view what);

// The text without a byte order mark. Throws Error, with `name`, if its beginning is that of UTF-16, or of a file that
// is compressed or a spreadsheet.
std::string_view without_csv_mark(std::string_view text, std::string_view name);

// A header row of column names, and rows with one field per column.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::string> fields;  // row by row, rows() * columns.size() of them
  std::vector<int64_t> lines;       // the line of the text, from 1, on which each row begins

  int64_t rows() const { return static_cast<int64_t>(lines.size()); }
  const std::string& at(int64_t row, size_t column) const {
    return fields.at(static_cast<size_t>(row) * columns.size() + column);
  }
  // The index of a column, whose name is compared without regard to case; nothing if there is no such column.
  std::optional<size_t> find(std::string_view column) const;
};

// The index of a column by its name, without regard to case; nothing if there is none.
std::optional<size_t> find_csv_column(const std::vector<std::string>& columns, std::string_view name);

// The names of a header row, without spaces around them. Throws Error if two are the same.
std::vector<std::string> csv_column_names(const std::vector<CsvField>& header, std::string_view name, int64_t line);

// Parses a table whose fields are separated by commas, whole. A byte order mark and spaces around column names are
// ignored. Memory is proportional to the text, at most a hundred times its size. `name` is the table's name in
// messages.
//
// Throws Error, with `name` and the line, if the text has no header row, is UTF-16, compressed, or contains a zero
// byte; if there are more than kMaxCsvColumns columns or two of the same name; if a row has more or fewer fields than
// there are columns; and if a quote is misplaced or not closed.
CsvTable parse_csv(std::string_view text, std::string_view name);

}  // namespace cofactor
