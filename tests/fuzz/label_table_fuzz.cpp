// Tables of labels. The first byte of the input says which format, whether there is a header, and which columns are
// wanted; the rest is the table. An accepted table has a value of each category for each row, and its rows can be read
// again.
#include "data/files/label_table.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/io/utf8.h"
#include "tests/fuzz/parse.h"

namespace cofactor::testing {

namespace {

void check_rows(const LabelTable& table, TableRole role) {
  const bool category = role == TableRole::label || role == TableRole::split || role == TableRole::group;
  if (category) {
    const Categories& found = table.categories(role);
    if (found.values.size() != static_cast<size_t>(table.rows())) std::abort();
    const auto names = static_cast<int32_t>(found.names.size());
    std::vector<bool> used(found.names.size());
    for (const int32_t value : found.values) {
      if (value < Categories::kMissing || value >= names) std::abort();
      if (value >= 0) used[static_cast<size_t>(value)] = true;
    }
    if (std::ranges::find(used, false) != used.end()) std::abort();
    std::vector<std::string> distinct = found.names;
    std::ranges::sort(distinct);
    if (std::ranges::adjacent_find(distinct) != distinct.end()) std::abort();
  }
  // Each call reads a row again: not all of them, so that time stays linear.
  for (int64_t row = 0; row < table.rows(); row += 1 + table.rows() / 50) {
    const std::string value = table.value(row, role);
    if (!is_utf8(value) || ((role == TableRole::path || role == TableRole::id) && value.empty())) std::abort();
    if (row == 0 && table.line(row) < 1) std::abort();
  }
}

void read_table(uint8_t first, std::string_view text) {
  constexpr std::array kKinds = {TableKind::csv, TableKind::tsv, TableKind::jsonl};
  LabelTableOptions options;
  if (first % 4 < 3) options.kind = kKinds[first % 4];  // else by its content, which semicolons are part of
  if ((first & 4) != 0) options.header = (first & 8) != 0;
  if ((first & 16) != 0) {
    options.path = {.need = Need::unused};
    options.text = {.need = Need::optional};
  }
  if ((first & 32) != 0) options.label.column = "2";
  if ((first & 64) != 0) options.label = {};
  if ((first & 128) != 0) options.id = {.need = Need::optional};
  const LabelTable table = LabelTable::parse(text, "fuzzed", options);
  if (table.rows() < 1 || table.columns().empty()) std::abort();
  for (const TableRole role :
       {TableRole::path, TableRole::text, TableRole::label, TableRole::split, TableRole::group, TableRole::id})
    if (table.column(role)) check_rows(table, role);
}

}  // namespace

}  // namespace cofactor::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cofactor::testing;
  if (size == 0) return parse_or_error([] { read_table(0, {}); });
  return parse_or_error([&] { read_table(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1}); });
}
