#include "data/files/csv.h"

#include <algorithm>
#include <utility>

#include "data/files/file_account.h"
#include "engine/error.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr size_t kMaxColumns = 1000;
constexpr size_t kMaxShown = 60;  // bytes of a field in a message

// Reads the fields in order.
class CsvReader {
 public:
  CsvReader(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  bool done() const { return at_ == text_.size(); }
  int64_t line() const { return line_; }

  void skip_blank_lines() {
    while (!done() && (text_[at_] == '\n' || text_[at_] == '\r')) end_row();
  }

  // Reads the next field; returns whether it is the last of its row.
  bool read(std::string& field) {
    if (!done() && text_[at_] == '"') {
      read_quoted(field);
    } else {
      const size_t end = std::min(text_.find_first_of(",\r\n\"", at_), text_.size());
      field = text_.substr(at_, end - at_);
      at_ = end;
      check(
          done() || text_[at_] != '"',
          "{}, line {}: a quote inside the unquoted field '{}'; a field with quotes must be quoted as a whole, and the "
          "quotes inside it written twice",
          name_, line_, legible(field, kMaxShown));
    }
    if (done() || text_[at_] != ',') {
      end_row();
      return true;
    }
    ++at_;
    return false;
  }

 private:
  void read_quoted(std::string& field) {
    const int64_t began = line_;
    field.clear();
    for (++at_;; ++at_) {
      const size_t end = text_.find('"', at_);
      check(end != std::string_view::npos, "{}, line {}: the quoted field that begins here is not closed", name_,
            began);
      field += text_.substr(at_, end - at_);
      at_ = end + 1;
      if (done() || text_[at_] != '"') break;
      field += '"';
    }
    for (size_t i = 0; i < field.size(); ++i)
      line_ += field[i] == '\n' || (field[i] == '\r' && (i + 1 == field.size() || field[i + 1] != '\n')) ? 1 : 0;
    check(done() || text_[at_] == ',' || text_[at_] == '\r' || text_[at_] == '\n',
          "{}, line {}: the quoted field '{}' must be followed by a comma or the end of the line", name_, line_,
          legible(field, kMaxShown));
  }

  void end_row() {
    if (done()) return;
    if (text_.substr(at_).starts_with("\r\n")) ++at_;
    ++at_;
    ++line_;
  }

  std::string_view text_, name_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

// The text without a byte order mark. Throws Error for what is not a text file.
std::string_view without_mark(std::string_view text, std::string_view name) {
  check(!has_utf16_mark(text), "{}: the file is UTF-16, as some spreadsheets write it; save it as CSV in UTF-8", name);
  for (const auto& [beginning, what] : {std::pair{"\xFD"
                                                  "7zXZ",
                                                  "compressed with xz: decompress it first"},
                                        std::pair{"\x1F\x8B", "compressed with gzip: decompress it first"},
                                        std::pair{"PK\x03\x04", "a spreadsheet or a zip archive: save it as CSV"}})
    check(!text.starts_with(beginning), "{}: the file is not text, it is {}", name, what);
  if (text.starts_with(kUtf8Mark)) text.remove_prefix(kUtf8Mark.size());
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    fail("{}, line {}: a zero byte, which a text file does not contain", name,
         1 + std::ranges::count(text.substr(0, zero), '\n'));
  }
  return text;
}

void read_header_row(CsvReader& reader, CsvTable& table, std::string_view name) {
  const int64_t line = reader.line();
  for (bool last = false; !last;) {
    check(table.columns.size() < kMaxColumns, "{}, line {}: the header row has more than {} columns", name, line,
          kMaxColumns);
    std::string column;
    last = reader.read(column);
    column = std::string(trimmed(column));
    check(column.empty() || !table.find(column), "{}, line {}: two columns are named '{}'", name, line,
          legible(column, kMaxShown));
    table.columns.push_back(std::move(column));
  }
}

}  // namespace

std::optional<size_t> CsvTable::find(std::string_view column) const {
  const auto found =
      std::ranges::find_if(columns, [&](const std::string& name) { return lower_case(name) == lower_case(column); });
  if (found == columns.end()) return std::nullopt;
  return static_cast<size_t>(found - columns.begin());
}

CsvTable parse_csv(std::string_view text, std::string_view name) {
  CsvReader reader(without_mark(text, name), name);
  reader.skip_blank_lines();
  check(!reader.done(), "{}: the table is empty; expected a header row of column names, then rows", name);
  CsvTable table;
  read_header_row(reader, table, name);
  for (reader.skip_blank_lines(); !reader.done(); reader.skip_blank_lines()) {
    const int64_t line = reader.line();
    const size_t before = table.fields.size();
    for (bool last = false; !last;) {
      std::string field;
      last = reader.read(field);
      const size_t count = table.fields.size() - before;
      const auto found = static_cast<int64_t>(count) + 1, expected = static_cast<int64_t>(table.columns.size());
      check(found <= expected && (!last || found == expected), "{}, line {}: {}{}, but the header row has {}", name,
            line, last ? "" : "more than ", counted(last ? found : expected, "field", "fields"),
            counted(expected, "column", "columns"));
      table.fields.push_back(std::move(field));
    }
    table.lines.push_back(line);
  }
  return table;
}

}  // namespace cofactor
