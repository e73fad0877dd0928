#include "data/files/label_table.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <thread>

#include "engine/io/file.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

using Names = std::vector<std::string>;
using Values = std::vector<int32_t>;

LabelTableOptions for_images() {
  return {.path = {.need = Need::required}};
}

LabelTableOptions for_texts() {
  return {.path = {.need = Need::unused}, .text = {.need = Need::required}};
}

std::string table_error(std::string_view text, const LabelTableOptions& options = for_images(),
                        const std::string& name = "t.csv") {
  return error_of([&] { LabelTable::parse(text, name, options); });
}

Names column_of(const LabelTable& table, TableRole role) {
  Names values;
  for (int64_t row = 0; row < table.rows(); ++row) values.push_back(table.value(row, role));
  return values;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("a label table gives paths labels splits and groups by the usual names of columns") {
    const std::string text =
        "\xEF\xBB\xBF"
        "Group,Filename,Label,split,note\r\n"
        "g2,\"a,1.jpg\",cat,train,\"two\r\nlines\"\r\n"
        "\r\n"
        "g1,\"say \"\"no\"\".jpg\", dog ,test,\n"
        "g2,c.jpg,,train,\n";
    const LabelTable table = LabelTable::parse(text, "t.csv", for_images());
    CHECK(table.has_header());
    CHECK(table.kind() == TableKind::csv);
    CHECK(table.columns() == Names{"Group", "Filename", "Label", "split", "note"});
    CHECK(table.column(TableRole::path) == "Filename");
    CHECK(!table.column(TableRole::text));
    CHECK(column_of(table, TableRole::path) == Names{"a,1.jpg", "say \"no\".jpg", "c.jpg"});
    CHECK(table.categories(TableRole::label).names == Names{"cat", "dog"});
    CHECK(table.categories(TableRole::label).values == Values{0, 1, Categories::kMissing});
    CHECK(table.categories(TableRole::split).names == Names{"test", "train"});
    CHECK(table.categories(TableRole::split).values == Values{1, 0, 1});
    CHECK(table.categories(TableRole::group).values == Values{1, 0, 1});
    CHECK(table.value(1, TableRole::label) == " dog ");
    CHECK(table.line(0) == 2);
    CHECK(table.line(1) == 5);
    CHECK(table.line(2) == 6);
    CHECK(error_of([&] { table.categories(TableRole::text); }) == "t.csv: the table has no column for the texts");
    CHECK(error_of([&] { table.categories(TableRole::path); }) == "t.csv: the paths are no categories");
    CHECK(error_of([&] { table.value(3, TableRole::path); }) == "t.csv: row 3 of 3");
    CHECK(error_of([&] { table.value(-1, TableRole::path); }) == "t.csv: row -1 of 3");
  }

  TEST_CASE("labels that are whole numbers sort as numbers and others by their bytes") {
    const auto names = [](std::string_view text) {
      return LabelTable::parse(text, "t.csv").categories(TableRole::label).names;
    };
    CHECK(names("label\n10\n9\n-1\n100\n9\n") == Names{"-1", "9", "10", "100"});
    CHECK(names("label\n2.0\n10.0\n1\n1.0\n") == Names{"1", "1.0", "2.0", "10.0"});
    CHECK(names("label\n10\n9\nx\n") == Names{"10", "9", "x"});
    CHECK(names("label\n1.5\n10\n9\n") == Names{"1.5", "10", "9"});
    CHECK(names("label\n-\n10\n9\n") == Names{"-", "10", "9"});
    CHECK(names("label\n\"\"\n\"\"\n").empty());
    CHECK(names("label\n123456789012345678901234567890\n9\n") == Names{"9", "123456789012345678901234567890"});
  }

  TEST_CASE("columns are named in any case or numbered and the first row may be data") {
    LabelTableOptions options = for_images();
    options.label.column = "LABEL2";
    CHECK(LabelTable::parse("path,label,label2\na,x,y\n", "t.csv", options).categories(TableRole::label).names ==
          Names{"y"});
    options.label.column = "2";
    const LabelTable mixed = LabelTable::parse("path,what\na,x\n", "t.csv", options);
    CHECK(mixed.column(TableRole::label) == "what");
    CHECK(mixed.rows() == 1);
    options.path.column = "1";
    const LabelTable bare = LabelTable::parse("a.jpg,x\nb.jpg,y\n", "t.csv", options);
    CHECK(!bare.has_header());
    CHECK(bare.columns() == Names{"1", "2"});
    CHECK(column_of(bare, TableRole::path) == Names{"a.jpg", "b.jpg"});
    // Only the labels tell that the first row is a header.
    const LabelTable told = LabelTable::parse("images,what\nb.jpg,3\nimages,\n", "t.csv", options);
    CHECK(told.has_header());
    CHECK(told.columns() == Names{"images", "what"});
    CHECK(told.column(TableRole::label) == "what");
    CHECK(column_of(told, TableRole::path) == Names{"b.jpg", "images"});
    CHECK(told.categories(TableRole::label).names == Names{"3"});
    CHECK(told.categories(TableRole::label).values == Values{0, Categories::kMissing});
    options.header = false;
    CHECK(LabelTable::parse("images,what\nb.jpg,3\n", "t.csv", options).rows() == 2);
    CHECK(LabelTable::parse("path,label\nb.jpg,3\n", "t.csv", options).rows() == 2);
    options.header = true;
    CHECK(LabelTable::parse("a.jpg,x\nb.jpg,y\n", "t.csv", options).rows() == 1);
    // A label that happens to be a usual name of a column makes no header.
    CHECK(contains(table_error("img1.jpg,text\nimg2.jpg,image\n"),
                   "t.csv: no column has a usual name (path, file, filename"));
  }

  TEST_CASE("tabs separate the fields of TSV in which quotes may stand anywhere") {
    const std::string text = "sentence\tlabel\nhe said \"hi, you\"\tgood\n\"a\tb \"\"c\"\"\"\tbad\n";
    for (const char* name : {"t.tsv", "t.TAB", "t.txt"}) {
      const LabelTable table = LabelTable::parse(text, name, for_texts());
      CHECK(table.kind() == TableKind::tsv);
      CHECK(column_of(table, TableRole::text) == Names{"he said \"hi, you\"", "a\tb \"c\""});
      CHECK(table.categories(TableRole::label).names == Names{"bad", "good"});
    }
    CHECK(contains(table_error("sentence\tlabel\n\"a\" b\tc\n", for_texts(), "t.tsv"),
                   "t.tsv, line 2: the quoted field 'a' must be followed by a tab or the end of the line"));
  }

  TEST_CASE("semicolons separate the fields of CSV where its first rows say so") {
    const std::string text = "text;score;label\r\n\"a;b, \"\"c\"\"\";0,5;good\r\nd, e;1;bad";
    for (const char* name : {"t.csv", "t.txt"}) {
      const LabelTable table = LabelTable::parse(text, name, for_texts());
      CHECK(table.kind() == TableKind::semicolon_csv);
      CHECK(column_of(table, TableRole::text) == Names{"a;b, \"c\"", "d, e"});
      CHECK(table.categories(TableRole::label).names == Names{"bad", "good"});
    }
    for (const char* with_commas : {"\"text\",label\n\"a;b\",c;\n", "\n\"text\",\"label\"\na;b,c\n"})
      CHECK(LabelTable::parse(with_commas, "t.csv", for_texts()).kind() == TableKind::csv);
    CHECK(LabelTable::parse("\n\r\ntext;label\n\na;b\n", "t.csv", for_texts()).kind() == TableKind::semicolon_csv);
    CHECK(table_error("text;label\n", for_texts()) == "t.csv: there are no rows after the header row");
    CHECK(table_error("text;label\na;b\nc\n", for_texts()) ==
          "t.csv, line 3: 1 field, but the header row has 2 columns");
    // Sentences of a table with one column.
    CHECK(contains(table_error("a; b\nc\n", for_texts()), "the first row has 'a; b'"));
  }

  TEST_CASE("JSON Lines have an object on each line with strings and numbers as labels") {
    const std::string text =
        "{\"text\": \"tab\\t and \\\"quote\\\"\", \"label\": 10, \"meta\": {\"deep\": [1]}}\r\n"
        "\n"
        "{\"label\": \"9\", \"text\": \"zw\\u00f6lf\"}\n"
        "{\"text\": \"\", \"label\": null, \"split\": \"test\"}\n"
        "{\"text\": \"no label\"}";
    for (const char* name : {"t.jsonl", "t.ndjson", "t"}) {
      const LabelTable table = LabelTable::parse(text, name, for_texts());
      CHECK(table.kind() == TableKind::jsonl);
      CHECK(table.columns() == Names{"text", "label", "meta", "split"});
      CHECK(column_of(table, TableRole::text) == Names{"tab\t and \"quote\"", "zw\xC3\xB6lf", "", "no label"});
      CHECK(table.categories(TableRole::label).names == Names{"9", "10"});
      CHECK(table.categories(TableRole::label).values == Values{1, 0, -1, -1});
      CHECK(table.categories(TableRole::split).values == Values{-1, -1, 0, -1});
      CHECK(table.line(1) == 3);
    }
    const auto jsonl_error = [](std::string_view lines) { return table_error(lines, for_texts(), "t.jsonl"); };
    CHECK(jsonl_error("{\"text\":\"a\",\"label\":1}\n{\"text\":\"a\",\"label\":[1]}") ==
          "t.jsonl, line 2: 'label' is [1], expected a string or a number");
    CHECK(contains(jsonl_error("{\"text\":\"a\",\"label\":true}"), "line 1: 'label' is true, expected"));
    CHECK(jsonl_error("{\"text\":1,\"label\":1}") == "t.jsonl, line 1: 'text' is 1, expected a string");
    CHECK(jsonl_error("{\"text\":\"\",\"label\":1}\n\n{\"label\":1}") ==
          "t.jsonl, line 3: the text is missing (key 'text')");
    CHECK(jsonl_error("{\"text\":\"a\",\"label\":1}\n[1]") ==
          "t.jsonl, line 2: a JSON array, expected an object on each line");
    CHECK(contains(jsonl_error("{\n \"text\""), "t.jsonl, line 1: not valid JSON at byte"));
    CHECK(contains(jsonl_error("{\"text\":\"a\",\"label\":1,\"label\":2}"), "line 1: the key 'label' is repeated"));
    CHECK(contains(jsonl_error("{\"words\":\"a\",\"label\":1}"),
                   "t.jsonl: no column for the texts (text, sentence, review, content) among the columns 'words', "
                   "'label'"));
    CHECK(contains(table_error("[{\"text\": 1}]", for_texts(), "t.json"), "t.json, line 1: a JSON array"));
    CHECK(jsonl_error("\n \n") == "t.jsonl: the table has no rows with values");
    CHECK(jsonl_error("{}\n") == "t.jsonl: the table has no rows with values");
  }

  TEST_CASE("a label table that cannot be used is an error with file and line") {
    CHECK(table_error("") == "t.csv: the file is empty");
    CHECK(table_error("\xEF\xBB\xBF") == "t.csv: the file is empty");
    CHECK(table_error("\r\n\n") == "t.csv: the table has no rows");
    CHECK(table_error("path,label\n") == "t.csv: there are no rows after the header row");
    CHECK(table_error("path,label\na,b\nc\n") == "t.csv, line 3: 1 field, but the header row has 2 columns");
    CHECK(table_error("path,label\na,b,c\n") == "t.csv, line 2: 3 fields, but the header row has 2 columns");
    CHECK(table_error("path,label\n\n,b\n") == "t.csv, line 3: the path is missing (column 'path')");
    CHECK(table_error("path,label,Path\n") == "t.csv, line 1: two columns are named 'Path'");
    CHECK(table_error(std::string_view("path,label\na,b\nc,\0\n", 20)) ==
          "t.csv, line 3: a zero byte, which a text file does not contain");
    CHECK(table_error("path,label\na,b\nc\xE9 x,d\n") ==
          "t.csv, line 3: '\\xE9 x,d' is not UTF-8; save the file in UTF-8");
    CHECK(contains(table_error("\xFF\xFEp"), "t.csv: the file is UTF-16"));
    CHECK(contains(table_error("PK\x03\x04xl"), "a spreadsheet or a zip archive"));
    CHECK(
        table_error("one,two\na,b\n") ==
        "t.csv: no column has a usual name (path, file, filename, file_name, filepath, image, image_path, img) for "
        "the paths; the first row has 'one', 'two'. --path-column names it, or gives its number if there is no header "
        "row");
    // The column that is missing is named, not those that are there.
    CHECK(contains(table_error("path,what\na,b\n"), "no column has a usual name (label, class,"));
    LabelTableOptions named = for_images();
    named.path.column = "What";
    CHECK(
        contains(table_error("what,that\na,b\n", named), "for the labels; the first row has 'what', 'that'. --label-"));
    named.label.column = "other";
    CHECK(contains(table_error("what,that\na,b\n", named), "there is no column 'other' for the labels"));
    LabelTableOptions options = for_images();
    options.group.column = "patient";
    CHECK(contains(table_error("path,label\na,b\n", options),
                   "t.csv: there is no column 'patient' for the groups; the first row has 'path', 'label'."));
    options.header = true;
    CHECK(table_error("path,label\na,b\n", options) ==
          "t.csv: there is no column 'patient' for the groups; the columns are 'path', 'label'");
    options.header = false;
    options.path.column = "1";
    options.group.column.clear();
    options.label.column = "3";
    CHECK(table_error("a,b\n", options) == "t.csv: there is no column '3' for the labels; the columns are '1', '2'");
  }

  TEST_CASE("a column of ids names rows and has one for each") {
    LabelTableOptions options = for_texts();
    CHECK(!LabelTable::parse("id,text,label\na,b,c\n", "t.csv", options).column(TableRole::id));
    options.id = {.need = Need::optional};
    const LabelTable table = LabelTable::parse("ID,text,label\n7,b,c\n\" x,y \",b,c\n7,b,d\n", "t.csv", options);
    CHECK(table.column(TableRole::id) == "ID");
    CHECK(column_of(table, TableRole::id) == Names{"7", " x,y ", "7"});
    CHECK(error_of([&] { table.categories(TableRole::id); }) == "t.csv: the ids are no categories");
    CHECK(!LabelTable::parse("text,label\nb,c\n", "t.csv", options).column(TableRole::id));
    CHECK(table_error("id,text,label\n7,b,c\n ,b,c\n", options) == "t.csv, line 3: the id is missing (column 'id')");
    const LabelTable lines = LabelTable::parse("{\"text\":\"a\",\"label\":1,\"id\":12}\n", "t.jsonl", options);
    CHECK(lines.value(0, TableRole::id) == "12");
    CHECK(table_error("{\"text\":\"a\",\"label\":1,\"id\":1}\n{\"text\":\"a\",\"label\":1,\"id\":[1]}", options,
                      "t.jsonl") == "t.jsonl, line 2: 'id' is [1], expected a string or a number");
    CHECK(table_error("{\"text\":\"a\",\"label\":1,\"id\":1}\n{\"text\":\"a\",\"label\":1}", options, "t.jsonl") ==
          "t.jsonl, line 2: the id is missing (column 'id')");
    options.id.column = "key";
    CHECK(contains(table_error("id,text,label\n7,b,c\n", options), "t.csv: there is no column 'key' for the ids"));
  }

  TEST_CASE("the lines of several rows are counted together") {
    for (const char* end : {"\n", "\r\n", "\r"}) {
      std::string text = "path,label";
      for (int i = 0; i < 50; ++i) {
        text += end;
        if (i % 7 == 0) text += end;
        text += i % 5 == 0 ? std::string("\"a") + end + "b\",1" : "a,1";
      }
      const LabelTable table = LabelTable::parse(text, "t.csv", for_images());
      std::vector<int64_t> rows, expected;
      for (int64_t row = 0; row < table.rows(); row += 3) {
        rows.push_back(row);
        expected.push_back(table.line(row));
      }
      CHECK(table.lines(rows) == expected);
      CHECK(table.lines({}).empty());
      CHECK(contains(error_of([&] { table.lines({3, 2}); }), "row 2 comes before"));
      CHECK(error_of([&] { table.lines({50}); }) == "t.csv: row 50 of 50");
    }
  }

  TEST_CASE("whether a file names a column is read from its beginning") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "t.csv", "Path, Split ,\"a \"\"b\"\"\"\nx,y,z\n");
    CHECK(names_column(folder / "t.csv", "split"));
    CHECK(names_column(folder / "t.csv", "a \"b\""));
    CHECK(!names_column(folder / "t.csv", "x"));
    write_file_atomically(folder / "t.jsonl", "{\"a\": 1}\n{\"b\": 1}\n");
    CHECK(names_column(folder / "t.jsonl", "B"));
    CHECK(!names_column(folder / "t.jsonl", "c"));
    write_file_atomically(folder / "empty.csv", "");
    CHECK(!names_column(folder / "empty.csv", "a"));
    CHECK(contains(error_of([&] { names_column(folder / "none.csv", "a"); }), "none.csv' cannot be opened"));
  }

  TEST_CASE("text across the pieces that are checked at once is taken or refused as elsewhere") {
    // A character of two bytes at every position around the end of a piece.
    for (size_t shift = 0; shift < 4; ++shift) {
      std::string text = "path,label\n" + std::string((size_t{1} << 16) - 16 + shift, 'x');
      for (int i = 0; i < 8; ++i) text += "\xC3\xA9";
      const std::string good = text + ",1\n";
      const LabelTable table = LabelTable::parse(good, "t.csv", for_images());
      CHECK(table.value(0, TableRole::path).ends_with("\xC3\xA9"));
      CHECK(contains(table_error(text + "\xC3,1\nb,1\n"), "t.csv, line 2: '\\xC3,1"));
      CHECK(contains(table_error(text + ",1\nb,1\xC3"), "t.csv, line 3: '\\xC3' is not UTF-8"));
    }
  }

  TEST_CASE("a label table in a file is mapped and may not change while it is used") {
    const TemporaryFolder folder;
    const auto file = folder / "t.csv";
    write_file_atomically(file, "path,label\na.jpg,1\nb.jpg,2\n");
    const LabelTable table = LabelTable::open(file, for_images());
    CHECK(table.value(1, TableRole::path) == "b.jpg");
    CHECK(::truncate(file.c_str(), 3) == 0);
    CHECK(contains(error_of([&] { table.value(1, TableRole::path); }), "was written to while it was in use"));
    CHECK(contains(error_of([&] { table.line(1); }), "was written to while it was in use"));
    CHECK(contains(error_of([&] { LabelTable::open(folder / "none.csv"); }), "none.csv' cannot be opened"));
    CHECK(contains(error_of([&] { LabelTable::open(folder.path()); }), "Is a directory"));
    write_file_atomically(folder / "empty.csv", "");
    CHECK(contains(error_of([&] { LabelTable::open(folder / "empty.csv"); }), "empty.csv': the file is empty"));
    // A pipe has no size and cannot be mapped.
    const auto pipe = folder / "pipe";
    CHECK(::mkfifo(pipe.c_str(), 0600) == 0);
    std::string rows = "path,label\n";
    for (int i = 0; i < 20'000; ++i) rows += "a.jpg,1\n";
    std::thread writer([&] {
      std::FILE* out = std::fopen(pipe.c_str(), "w");
      std::fwrite(rows.data(), 1, rows.size(), out);
      std::fclose(out);
    });
    const LabelTable piped = LabelTable::open(pipe, for_images());
    writer.join();
    CHECK(piped.rows() == 20'000);
  }

  TEST_CASE("a line of 100 MB is read or refused") {
    const std::string text = "path,label\n" + std::string(100'000'000, 'x') + ",1\n";
    const LabelTable table = LabelTable::parse(text, "t.csv", for_images());
    CHECK(table.value(0, TableRole::path).size() == 100'000'000);
    CHECK(table_error("path,label\na,1\n" + std::string(100'000'000, ',')) == "t.csv, line 3: more than 1000 fields");
  }
}

}  // namespace cofactor::testing
