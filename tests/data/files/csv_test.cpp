#include "data/files/csv.h"

#include <doctest/doctest.h>

#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

using Fields = std::vector<std::string>;

std::string csv_error(std::string_view text) {
  return error_of([&] { parse_csv(text, "t.csv"); });
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("CSV fields may be quoted and hold commas quotes and line breaks") {
    const CsvTable table = parse_csv(
        "\xEF\xBB\xBF"
        "File, split ,note\r\n"
        "\"a,1.jpg\",train,\"say \"\"no\"\"\"\r\n"
        "\r\n"
        "b.jpg,,\"two\r\nlines\"\n"
        "\"\",\"val\", c \r"
        "d,e,f",
        "t.csv");
    CHECK(table.columns == Fields{"File", "split", "note"});
    CHECK(table.rows() == 4);
    CHECK(table.fields ==
          Fields{"a,1.jpg", "train", "say \"no\"", "b.jpg", "", "two\r\nlines", "", "val", " c ", "d", "e", "f"});
    CHECK(table.lines == std::vector<int64_t>{2, 4, 6, 7});
    CHECK(table.find("file") == 0);
    CHECK(table.find("NOTE") == 2);
    CHECK(!table.find("index"));
    CHECK(table.at(3, 1) == "e");
    CHECK(parse_csv("a", "t.csv").rows() == 0);
    CHECK(parse_csv("a,b\n,", "t.csv").fields == Fields{"", ""});
    CHECK(parse_csv("a\n\"\"\n", "t.csv").fields == Fields{""});
    CHECK(parse_csv("a\n\xE9\n", "t.csv").fields == Fields{"\xE9"});
  }

  TEST_CASE("malformed CSV is an error that names the line") {
    CHECK(csv_error("") == "t.csv: the table is empty; expected a header row of column names, then rows");
    CHECK(contains(csv_error("\r\n\n"), "t.csv: the table is empty"));
    CHECK(csv_error("a,b\n1,2\n3\n") == "t.csv, line 3: 1 field, but the header row has 2 columns");
    CHECK(csv_error("a,b\n1,2,3,4\n") == "t.csv, line 2: 4 fields, but the header row has 2 columns");
    CHECK(csv_error("a,b\n\"1\n\n\",2\n\"3,4\n5,6") ==
          "t.csv, line 5: the quoted field that begins here is not closed");
    CHECK(contains(csv_error("a\n1\"2\"\n"), "t.csv, line 2: a quote inside the unquoted field '1'"));
    CHECK(contains(csv_error("a\n\"1\"2\n"), "t.csv, line 2: the quoted field '1' must be followed by"));
    CHECK(csv_error("a,b, A\n") == "t.csv, line 1: two columns are named 'A'");
    CHECK(csv_error(std::string_view("a\n1\n\0\n", 6)) ==
          "t.csv, line 3: a zero byte, which a text file does not contain");
    CHECK(contains(csv_error("\xFF\xFE"
                             "a"),
                   "UTF-16"));
    CHECK(csv_error("\x1F\x8B\x08") == "t.csv: the file is not text, it is compressed with gzip: decompress it first");
    CHECK(csv_error(std::string(1000, ',')) == "t.csv, line 1: more than 1000 fields");
    CHECK(csv_error("a\n1,2") == "t.csv, line 2: 2 fields, but the header row has 1 column");
  }
}

}  // namespace cofactor::testing
