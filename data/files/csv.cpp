#include "data/files/csv.h"

#include <algorithm>
#include <utility>

#include "data/files/file_account.h"
#include "engine/error.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr size_t kMaxShown = 60;  // bytes of a field in a message

}  // namespace

std::string CsvField::text() const {
  std::string whole(raw);
  if (doubled) {
    // The second of two quotes is left out.
    size_t size = 0;
    for (size_t i = 0; i < raw.size(); ++i) {
      whole[size++] = raw[i];
      if (raw[i] == '"') ++i;
    }
    whole.resize(size);
  }
  return whole;
}

CsvScanner::CsvScanner(std::string_view text, std::string_view name, char separator, size_t at)
    : text_(text), name_(name), at_(at) {
  for (const char c : {separator, '\n', '\r'}) ends_[static_cast<uint8_t>(c)] = true;
  if (separator != '\t') ends_[static_cast<uint8_t>('"')] = true;
}

bool CsvScanner::next(std::vector<CsvField>& fields) {
  while (!done() && (text_[at_] == '\n' || text_[at_] == '\r')) end_line();
  if (done()) return false;
  row_line_ = line_;
  row_begin_ = at_;
  fields.clear();
  for (;; ++at_) {
    check(fields.size() < kMaxCsvColumns, "{}, line {}: more than {} fields", name_, row_line_, kMaxCsvColumns);
    fields.push_back(read());
    if (done()) return true;
    if (text_[at_] == '\n' || text_[at_] == '\r') {
      end_line();
      return true;
    }
  }
}

// Reads the next field, up to its separator or the end of the line.
CsvField CsvScanner::read() {
  if (!done() && text_[at_] == '"') return read_quoted();
  const char *begin = text_.data() + at_, *const end = text_.data() + text_.size();
  const char* p = begin;
  while (p != end && !ends_[static_cast<uint8_t>(*p)]) ++p;
  const std::string_view raw(begin, static_cast<size_t>(p - begin));
  at_ += raw.size();
  if (!done() && text_[at_] == '"') {
    fail(
        "{}, line {}: a quote inside the unquoted field '{}'; a field with quotes must be quoted as a whole, and the "
        "quotes inside it written twice",
        name_, line_, legible(raw, kMaxShown));
  }
  return {raw, false};
}

CsvField CsvScanner::read_quoted() {
  CsvField field;
  const size_t begin = ++at_;
  for (;; ++at_) {
    const size_t end = text_.find('"', at_);
    check(end != std::string_view::npos, "{}, line {}: the quoted field that begins here is not closed", name_, line_);
    at_ = end + 1;
    if (done() || text_[at_] != '"') break;
    field.doubled = true;
  }
  field.raw = text_.substr(begin, at_ - 1 - begin);
  line_ += count_line_ends(field.raw);
  if (!done() && !ends_[static_cast<uint8_t>(text_[at_])]) {
    fail("{}, line {}: the quoted field '{}' must be followed by a {} or the end of the line", name_, line_,
         legible(field.raw, kMaxShown), ends_[static_cast<uint8_t>('\t')] ? "tab" : "comma");
  }
  return field;
}

void CsvScanner::end_line() {
  if (text_.substr(at_).starts_with("\r\n")) ++at_;
  ++at_;
  ++line_;
}

void check_csv_width(std::string_view name, int64_t line, size_t found, size_t expected, std::string_view what) {
  if (found == expected) return;
  fail("{}, line {}: {}, but the {} has {}", name, line, counted(static_cast<int64_t>(found), "field", "fields"), what,
       counted(static_cast<int64_t>(expected), "column", "columns"));
}

std::string_view without_csv_mark(std::string_view text, std::string_view name) {
  check(!has_utf16_mark(text), "{}: the file is UTF-16, as some spreadsheets write it; save it as CSV in UTF-8", name);
  for (const auto& [beginning, what] : {std::pair{"\xFD"
                                                  "7zXZ",
                                                  "compressed with xz: decompress it first"},
                                        std::pair{"\x1F\x8B", "compressed with gzip: decompress it first"},
                                        std::pair{"PK\x03\x04", "a spreadsheet or a zip archive: save it as CSV"}})
    check(!text.starts_with(beginning), "{}: the file is not text, it is {}", name, what);
  if (text.starts_with(kUtf8Mark)) text.remove_prefix(kUtf8Mark.size());
  return text;
}

std::optional<size_t> find_csv_column(const std::vector<std::string>& columns, std::string_view name) {
  const std::string wanted = lower_case(name);
  const auto found = std::ranges::find_if(columns, [&](const std::string& column) {
    return column.size() == wanted.size() && lower_case(column) == wanted;
  });
  if (found == columns.end()) return std::nullopt;
  return static_cast<size_t>(found - columns.begin());
}

std::vector<std::string> csv_column_names(const std::vector<CsvField>& header, std::string_view name, int64_t line) {
  std::vector<std::string> columns;
  for (const CsvField& field : header) {
    const std::string text = field.text();
    const std::string column(trimmed(text));
    check(column.empty() || !find_csv_column(columns, column), "{}, line {}: two columns are named '{}'", name, line,
          legible(column, kMaxShown));
    columns.push_back(column);
  }
  return columns;
}

std::optional<size_t> CsvTable::find(std::string_view column) const {
  return find_csv_column(columns, column);
}

CsvTable parse_csv(std::string_view text, std::string_view name) {
  text = without_csv_mark(text, name);
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos)
    fail("{}, line {}: a zero byte, which a text file does not contain", name,
         1 + count_line_ends(text.substr(0, zero)));
  CsvScanner scanner(text, name);
  std::vector<CsvField> row;
  check(scanner.next(row), "{}: the table is empty; expected a header row of column names, then rows", name);
  CsvTable table;
  table.columns = csv_column_names(row, name, scanner.line());
  while (scanner.next(row)) {
    check_csv_width(name, scanner.line(), row.size(), table.columns.size(), "header row");
    for (const CsvField& field : row) table.fields.push_back(field.text());
    table.lines.push_back(scanner.line());
  }
  return table;
}

}  // namespace cofactor
