// Reading tables of text: comma-separated values as RFC 4180 has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

// A head of column names, and rows with a field for each.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::string> fields;  // row by row
  std::vector<int64_t> lines;       // where each row begins, from 1

  int64_t rows() const { return static_cast<int64_t>(lines.size()); }
  const std::string& at(int64_t row, size_t column) const {
    return fields.at(static_cast<size_t>(row) * columns.size() + column);
  }
  // The place of a column, in capitals or not; nothing where there is none.
  std::optional<size_t> find(std::string_view column) const;
};

// Fields are separated by commas, rows by CR LF, LF or CR. A field that begins with a quote ends with one, and may hold
// commas, line breaks and quotes, which stand there twice. Blank lines, a byte order mark, and blanks around the names
// of columns are left out; fields are taken as they are. Takes memory in proportion to the text, at most a hundred
// times as much. Throws Error, with `name` and the line, for a text without a head, of another encoding (UTF-16) or
// packed, with a byte 0, more than 1,000 columns, two columns of one name, a row of more or fewer fields, and misplaced
// or unclosed quotes.
CsvTable parse_csv(std::string_view text, std::string_view name);

}  // namespace cofactor
