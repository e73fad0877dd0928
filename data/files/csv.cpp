#include "data/files/csv.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "data/files/file_account.h"
#include "data/files/look_alikes.h"
#include "engine/error.h"

namespace cofactor {

namespace {

constexpr size_t kMaxColumns = 1000;
constexpr size_t kMaxShown = 60;  // bytes of a text in a message

std::string shown_text(std::string_view text) {
  return printable(text.substr(0, kMaxShown)) + (text.size() > kMaxShown ? "..." : "");
}

bool same_letters(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

void trim_blanks(std::string& text) {
  constexpr std::string_view kAround = " \t";
  const size_t first = text.find_first_not_of(kAround);
  text = first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(kAround) - first + 1);
}

// Reads one field after the other.
class CsvReader {
 public:
  CsvReader(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  bool done() const { return at_ == text_.size(); }
  int64_t line() const { return line_; }

  void skip_blank_lines() {
    while (!done() && (text_[at_] == '\n' || text_[at_] == '\r')) end_row();
  }

  // The next field. Whether it is the last of its row.
  bool read(std::string& field) {
    if (!done() && text_[at_] == '"') {
      read_quoted(field);
    } else {
      const size_t end = std::min(text_.find_first_of(",\r\n\"", at_), text_.size());
      field = text_.substr(at_, end - at_);
      at_ = end;
      check(done() || text_[at_] != '"',
            "{}, line {}: a quote within the field '{}', which does not begin with one; such a field is quoted as a "
            "whole, with its quotes twice",
            name_, line_, shown_text(field));
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
      check(end != std::string_view::npos, "{}, line {}: a field's quote is not closed", name_, began);
      field += text_.substr(at_, end - at_);
      at_ = end + 1;
      if (done() || text_[at_] != '"') break;
      field += '"';
    }
    for (size_t i = 0; i < field.size(); ++i)
      line_ += field[i] == '\n' || (field[i] == '\r' && (i + 1 == field.size() || field[i + 1] != '\n')) ? 1 : 0;
    check(done() || text_[at_] == ',' || text_[at_] == '\r' || text_[at_] == '\n',
          "{}, line {}: behind the quoted field '{}' stands more than a comma or the line's end", name_, line_,
          shown_text(field));
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

// The text behind a byte order mark.
std::string_view without_mark(std::string_view text, std::string_view name) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  check(!text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF"),
        "{}: it is UTF-16, as some spreadsheets write; save it as CSV in UTF-8", name);
  for (const auto& [beginning, what] : {std::pair{"\xFD"
                                                  "7zXZ",
                                                  "compressed with xz: unpack it first"},
                                        std::pair{"\x1F\x8B", "compressed with gzip: unpack it first"},
                                        std::pair{"PK\x03\x04", "a spreadsheet or a zip archive: save it as CSV"}})
    check(!text.starts_with(beginning), "{}: it is no text, but {}", name, what);
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    fail("{}, line {}: a byte 0, which no text has", name, 1 + std::ranges::count(text.substr(0, zero), '\n'));
  }
  return text;
}

void read_head(CsvReader& reader, CsvTable& table, std::string_view name) {
  const int64_t line = reader.line();
  for (bool last = false; !last;) {
    check(table.columns.size() < kMaxColumns, "{}, line {}: the head has more than {} columns", name, line,
          kMaxColumns);
    std::string column;
    last = reader.read(column);
    trim_blanks(column);
    check(column.empty() || !table.find(column), "{}, line {}: two columns are named '{}'", name, line,
          shown_text(column));
    table.columns.push_back(std::move(column));
  }
}

}  // namespace

std::optional<size_t> CsvTable::find(std::string_view column) const {
  const auto found = std::ranges::find_if(columns, [&](const std::string& name) { return same_letters(name, column); });
  if (found == columns.end()) return std::nullopt;
  return static_cast<size_t>(found - columns.begin());
}

CsvTable parse_csv(std::string_view text, std::string_view name) {
  CsvReader reader(without_mark(text, name), name);
  reader.skip_blank_lines();
  check(!reader.done(), "{}: it is empty, where a head of column names and rows are expected", name);
  CsvTable table;
  read_head(reader, table, name);
  for (reader.skip_blank_lines(); !reader.done(); reader.skip_blank_lines()) {
    const int64_t line = reader.line();
    const size_t before = table.fields.size();
    for (bool last = false; !last;) {
      std::string field;
      last = reader.read(field);
      const size_t count = table.fields.size() - before;
      const auto found = static_cast<int64_t>(count) + 1, expected = static_cast<int64_t>(table.columns.size());
      check(found <= expected && (!last || found == expected), "{}, line {}: {}{}, where the head has {}", name, line,
            last ? "" : "more than ", counted(last ? found : expected, "field", "fields"),
            counted(expected, "column", "columns"));
      table.fields.push_back(std::move(field));
    }
    table.lines.push_back(line);
  }
  return table;
}

}  // namespace cofactor
