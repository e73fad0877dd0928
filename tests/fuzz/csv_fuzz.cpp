// CSV tables: an accepted table has a field per column in every row, and is the same when it is written and read again;
// and split files.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "data/files/csv.h"
#include "data/sets/split_file.h"
#include "engine/io/utf8.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

std::string quoted_row(const std::string* fields, size_t count) {
  std::string row;
  for (size_t i = 0; i < count; ++i) {
    row += i == 0 ? "\"" : ",\"";
    for (const char c : fields[i]) row += c == '"' ? std::string("\"\"") : std::string(1, c);
    row += '"';
  }
  return row + "\n";
}

void read_tables(std::string_view bytes) {
  const CsvTable table = parse_csv(bytes, "fuzzed");
  const size_t width = table.columns.size();
  if (width == 0 || table.fields.size() != width * table.lines.size()) std::abort();
  if (table.fields.size() > bytes.size() || !std::ranges::is_sorted(table.lines)) std::abort();
  std::string again = quoted_row(table.columns.data(), width);
  for (size_t row = 0; row < table.lines.size(); ++row) again += quoted_row(&table.fields[row * width], width);
  const CsvTable same = parse_csv(again, "written");
  if (same.columns != table.columns || same.fields != table.fields) std::abort();
  for (const std::string& field : table.fields)
    if (!is_utf8(printable(field)) || !is_utf8(legible(field)) || !is_utf8(unmistakable(field))) std::abort();
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  parse_or_error([&] { read_tables(bytes); });
  return parse_or_error([&] { cofactor::parse_split_file(bytes, "fuzzed"); });
}
