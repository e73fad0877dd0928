// Reads tables of comma-separated values (CSV, RFC 4180).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

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

// Parses a table. Fields are separated by commas, rows by CR LF, LF or CR. A quoted field may contain commas, line
// breaks, and quotes written twice. Blank lines, a byte order mark and spaces around column names are ignored; fields
// are kept unchanged. Memory is proportional to the text, at most a hundred times its size. `name` is the table's name
// in messages.
//
// Throws Error, with `name` and the line, if the text has no header row, is UTF-16, compressed, or contains a zero
// byte; if there are more than 1,000 columns or two of the same name; if a row has more or fewer fields than there are
// columns; and if a quote is misplaced or not closed.
CsvTable parse_csv(std::string_view text, std::string_view name);

}  // namespace cofactor
