// The rows of a table in one of these formats: CSV, whose fields commas separate, or semicolons, as spreadsheets write
// where the comma is the decimal sign; TSV; and JSON Lines (one object per line).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/csv.h"
#include "engine/io/json.h"

namespace cofactor {

enum class TableKind : uint8_t { csv, semicolon_csv, tsv, jsonl };

// The format of a file: by its extension (.csv; .tsv, .tab; .jsonl, .ndjson), otherwise by its first line, which begins
// with "{" in JSON Lines and contains a tab in TSV. Semicolons separate the fields of CSV if its first row has some and
// no comma outside quotes, and the second row, if any, has as many.
TableKind table_kind(std::string_view file_name, std::string_view text);

// Reads rows one after the other. The first row of CSV and TSV is returned like any other, whether or not it is a
// header. Throws Error, with the table's name and the line, for what the format does not allow, for a zero byte, and
// for bytes that are not UTF-8.
class TableRows {
 public:
  // Views of `text`, which has no byte order mark, and of `name` are kept.
  TableRows(std::string_view text, std::string_view name, TableKind kind);
  // Begins at byte `at`, where a row begins, in a text that was read to its end before.
  TableRows(std::string_view text, std::string_view name, TableKind kind, size_t at);

  // Reads the next row; false if there is none.
  bool next();
  // Of the row: its first line, counted from where reading began, and its first byte.
  int64_t line() const { return line_; }
  size_t begin() const { return begin_; }

  // The fields of a row of CSV or TSV.
  const std::vector<CsvField>& fields() const { return fields_; }
  // The object of a row of JSON Lines.
  const Json& object() const { return object_; }

  // The value in a column: its index in CSV and TSV, its key in JSON Lines. Nothing where an object has no such key, or
  // null. A number of JSON is its text. `room` holds the value where the file does not have it as it is. Throws Error,
  // with the line and the key, for JSON's lists, objects, true and false, and for numbers if `text_only`.
  struct Column {
    size_t index = 0;
    std::string name = {};
  };
  std::optional<std::string_view> value(const Column& column, std::string& room, bool text_only = false) const;

 private:
  bool next_object();
  void check_text(size_t end);

  std::string_view text_, name_;
  TableKind kind_;
  size_t checked_, at_;  // bytes found to be text; the next line of JSON Lines
  size_t begin_ = 0;
  int64_t line_ = 0;
  CsvScanner scanner_;
  std::vector<CsvField> fields_;
  Json object_;
};

}  // namespace cofactor
