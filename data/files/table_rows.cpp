#include "data/files/table_rows.h"

#include <algorithm>
#include <filesystem>

#include "engine/error.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr size_t kCheckedAhead = size_t{1} << 16;  // bytes that are checked to be text at once
constexpr size_t kMaxValueShown = 60;              // bytes of a value in a message

// The separators outside quotes of a row, which is taken off the text.
struct Separators {
  size_t commas = 0, semicolons = 0;
};
Separators take_separators(std::string_view& text) {
  Separators found;
  text.remove_prefix(std::min(text.find_first_not_of("\r\n"), text.size()));
  bool quoted = false;
  size_t at = 0;
  for (; at < text.size() && (quoted || (text[at] != '\n' && text[at] != '\r')); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (quoted) continue;
    found.commas += text[at] == ',' ? 1 : 0;
    found.semicolons += text[at] == ';' ? 1 : 0;
  }
  text.remove_prefix(at);
  return found;
}

TableKind csv_kind(std::string_view text) {
  const Separators first = take_separators(text);
  if (first.commas > 0 || first.semicolons == 0) return TableKind::csv;
  const bool only_row = text.find_first_not_of("\r\n") == std::string_view::npos;
  return only_row || take_separators(text).semicolons == first.semicolons ? TableKind::semicolon_csv : TableKind::csv;
}

char separator_of(TableKind kind) {
  return kind == TableKind::tsv ? '\t' : kind == TableKind::semicolon_csv ? ';' : ',';
}

}  // namespace

TableKind table_kind(std::string_view file_name, std::string_view text) {
  const std::string extension = lower_case(std::filesystem::path(file_name).extension().string());
  if (extension == ".csv") return csv_kind(text);
  if (extension == ".tsv" || extension == ".tab") return TableKind::tsv;
  if (extension == ".jsonl" || extension == ".ndjson") return TableKind::jsonl;
  std::string_view line;
  for (std::string_view rest = text; line.empty() && !rest.empty();) line = trimmed(take_line(rest));
  if (line.starts_with('{') || (extension == ".json" && !line.empty())) return TableKind::jsonl;
  return line.find('\t') == std::string_view::npos ? csv_kind(text) : TableKind::tsv;
}

TableRows::TableRows(std::string_view text, std::string_view name, TableKind kind) : TableRows(text, name, kind, 0) {
  checked_ = 0;
}

TableRows::TableRows(std::string_view text, std::string_view name, TableKind kind, size_t at)
    : text_(text),
      name_(name),
      kind_(kind),
      checked_(text.size()),
      at_(at),
      scanner_(text, name, separator_of(kind), at) {}

bool TableRows::next() {
  if (kind_ == TableKind::jsonl) return next_object();
  check_text(scanner_.position());
  const bool found = scanner_.next(fields_);
  if (!found) check_text(text_.size());
  line_ = scanner_.line();
  begin_ = scanner_.begin();
  return found;
}

bool TableRows::next_object() {
  while (at_ < text_.size()) {
    const size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string_view line = trimmed(text_.substr(at_, end - at_));
    begin_ = at_;
    check_text(end);
    at_ = std::min(end + 1, text_.size());
    ++line_;
    if (line.empty()) continue;
    try {
      object_ = parse_json(line);
    } catch (const Error& error) {
      fail("{}, line {}: {}; expected an object on each line", name_, line_, error.what());
    }
    check(object_.is_object(), "{}, line {}: a JSON {}, expected an object on each line", name_, line_,
          object_.type_name());
    return true;
  }
  return false;
}

// Checks the text up to `end`, and some of what follows.
void TableRows::check_text(size_t end) {
  while (checked_ < end || (checked_ == end && end < text_.size())) {
    size_t size = std::min(std::max(end - checked_, kCheckedAhead), text_.size() - checked_);
    // The last character may lie across the end of the piece.
    const auto continues = [&](size_t i) {
      return i < text_.size() && (static_cast<uint8_t>(text_[i]) & 0xC0) == 0x80;
    };
    for (int i = 0; i < 3 && size > 1 && continues(checked_ + size); ++i) --size;
    const std::string_view piece = text_.substr(checked_, size);
    const size_t zero = piece.find('\0'), other = first_not_utf8(piece);
    if (zero < other || other < piece.size()) {
      const size_t found = std::min(zero, other);
      const int64_t line = 1 + count_line_ends(text_.substr(0, checked_ + found));
      check(zero > other, "{}, line {}: a zero byte, which a text file does not contain", name_, line);
      const std::string_view shown = piece.substr(found, piece.find_first_of("\r\n", found) - found);
      fail("{}, line {}: '{}' is not UTF-8; save the file in UTF-8", name_, line, legible(shown, 16));
    }
    checked_ += size;
  }
}

std::optional<std::string_view> TableRows::value(const Column& column, std::string& room, bool text_only) const {
  if (kind_ != TableKind::jsonl) {
    const CsvField& field = fields_.at(column.index);
    if (!field.doubled) return field.raw;
    room = field.text();
    return room;
  }
  const auto found = object_.find(column.name);
  if (found == object_.end() || found->is_null()) return std::nullopt;
  if (found->is_string()) return found->get_ref<const std::string&>();
  room = write_json(*found);
  check(found->is_number() && !text_only, "{}, line {}: '{}' is {}, expected a string{}", name_, line_,
        printable(column.name), legible(room, kMaxValueShown), text_only ? "" : " or a number");
  return room;
}

}  // namespace cofactor
