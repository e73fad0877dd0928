// The numbers of docs/theorem.md against the command that the page names.
#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <sstream>

#include "engine/io/text.h"
#include "tests/experiments/process.h"

// Other tests run the same code under AddressSanitizer, on less.
#if !defined(__SANITIZE_ADDRESS__)
namespace cofactor::theorem {
namespace {

using namespace testing;

using Row = std::vector<std::string>;
struct MarkdownTable {
  Row head;
  std::vector<Row> rows;
};

// The cells of "| a | b |"; bars within a cell are written "\|".
Row cells_of(std::string_view line) {
  Row cells;
  std::string cell;
  for (size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '|' && line[i - 1] != '\\') {
      cells.emplace_back(trimmed(cell));
      cell.clear();
    } else {
      cell += line[i];
    }
  }
  return cells;
}

std::vector<MarkdownTable> tables_of(const std::string& text) {
  std::vector<MarkdownTable> tables;
  std::istringstream lines(text);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| ")) {
      inside = false;
      continue;
    }
    if (!inside) {
      tables.push_back({cells_of(line), {}});
    } else if (!line.starts_with("| ---")) {
      tables.back().rows.push_back(cells_of(line));
    }
    inside = true;
  }
  return tables;
}

std::optional<double> number_in(const std::string& cell) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size()) return std::nullopt;
  return value;
}

// Numbers within half a percent, since rounding may differ between machines; other text letter by letter.
bool same_cell(const std::string& a, const std::string& b) {
  const std::optional<double> x = number_in(a), y = number_in(b);
  if (!x || !y) return a == b;
  return std::abs(*x - *y) <= 0.005 * std::max(std::abs(*x), std::abs(*y));
}

bool same_row(const Row& a, const Row& b) {
  return std::ranges::equal(a, b, same_cell);
}

// Every row of `written` that no row of the table with the same head in `computed` agrees with.
std::vector<std::string> wrong_rows(const std::vector<MarkdownTable>& written,
                                    const std::vector<MarkdownTable>& computed) {
  std::vector<std::string> wrong;
  for (const MarkdownTable& table : written) {
    const auto found = std::ranges::find(computed, table.head, &MarkdownTable::head);
    if (found == computed.end()) {
      wrong.push_back(fmt::format("no table begins with '{}'", table.head.at(0)));
      continue;
    }
    for (const Row& row : table.rows) {
      if (std::ranges::none_of(found->rows, [&](const Row& other) { return same_row(row, other); }))
        wrong.push_back(fmt::format("{}: {}", table.head.at(0), row.at(0)));
    }
  }
  return wrong;
}

// "DMI: 0 of 12640 pairs reversed" and the like.
std::vector<std::string> reversed_pairs(const std::string& svg) {
  static const std::string words = " pairs reversed";
  std::vector<std::string> found;
  for (size_t at = svg.find(words); at != std::string::npos; at = svg.find(words, at + 1)) {
    const size_t from = svg.rfind('>', at);
    found.push_back(svg.substr(from + 1, at - from - 1));
  }
  return found;
}

TEST_SUITE("experiment") {
  TEST_CASE("docs/theorem.md: every number of its tables and of its first figure is what derive theorem computes") {
    const std::filesystem::path docs = std::filesystem::path(COFACTOR_SOURCE_DIR) / "docs";
    const std::string page = read_file(docs / "theorem.md");
    REQUIRE(page.find("\nscripts/run derive theorem --out build/theorem && cp build/theorem/*.svg docs/figures/\n") !=
            std::string::npos);
    const TemporaryFolder folder;
    const std::filesystem::path out = folder / "out";
    const Outcome outcome =
        Process({program("derive"), "theorem", "--out", out.string(), "--format", "markdown"}, folder.path()).wait();
    REQUIRE(outcome.code == 0);
    CHECK(outcome.out.find("does not hold") == std::string::npos);

    const std::vector<MarkdownTable> written = tables_of(page), computed = tables_of(outcome.out);
    CHECK(written.size() == 7);
    for (const std::string& row : wrong_rows(written, computed)) FAIL_CHECK(row);

    for (const auto& file : files_below(out)) {
      if (!file.first.ends_with(".svg")) continue;
      CAPTURE(file.first);
      CHECK(page.find("(figures/" + file.first + ")") != std::string::npos);
      CHECK(std::filesystem::exists(docs / "figures" / file.first));
    }
    const std::vector<std::string> drawn = reversed_pairs(read_file(docs / "figures/theorem_order.svg"));
    CHECK(drawn.size() == 4);
    CHECK(drawn == reversed_pairs(read_file(out / "theorem_order.svg")));
  }

  TEST_CASE("docs/theorem.md: a wrong number in a table is found") {
    const std::string computed = "| N | \\|det T\\| |\n| --- | ---: |\n| 10 | 0.36 |\n| exact |  |\n";
    const auto wrong = [&](const std::string& written) { return wrong_rows(tables_of(written), tables_of(computed)); };
    CHECK(wrong(computed).empty());
    CHECK(wrong("| N | \\|det T\\| |\n| --- | ---: |\n| 10 | 0.3601 |\n").empty());
    CHECK(wrong("| N | \\|det T\\| |\n| --- | ---: |\n| 10 | 0.37 |\n") == std::vector<std::string>{"N: 10"});
    CHECK(wrong("| N | \\|det T\\| |\n| --- | ---: |\n| exact | 1 |\n") == std::vector<std::string>{"N: exact"});
    CHECK(wrong("| N | det |\n| --- | ---: |\n| 10 | 0.36 |\n") ==
          std::vector<std::string>{"no table begins with 'N'"});
  }
}

}  // namespace
}  // namespace cofactor::theorem
#endif
