// Predictions as a table and as an array.
#include "experiments/own_data/predictions_writer.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>

#include "data/files/csv.h"
#include "data/files/npy.h"
#include "engine/io/file.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

constexpr std::array<float, 3> kFirst = {0.25f, 0.7f, 0.05f}, kEqual = {0.5f, 0.0f, 0.5f};
const std::vector<std::string> kFruit = {"apple", "pear, \"green\"", "fig"};

std::string predictions_table(const CsvColumns& columns) {
  const TemporaryFolder folder;
  const auto writer = write_csv(folder / "p.csv", kFruit, columns);
  writer->add("a", kFirst);
  writer->add("b, \"c\"\nd", {});
  writer->add("\xE9", kEqual);
  CHECK(!std::filesystem::exists(folder / "p.csv"));
  writer->finish();
  CHECK(folder.count() == 1);
  return read_file(folder / "p.csv");
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("predictions: the likeliest class of each sample and an empty row for one that was not read") {
    CHECK(predictions_table({}) ==
          "id,predicted_label,probability\n"
          "a,\"pear, \"\"green\"\"\",0.7\n"
          "\"b, \"\"c\"\"\nd\",,\n"
          "\\xE9,apple,0.5\n");
  }

  TEST_CASE("predictions: several classes and all probabilities in a table with as many fields in every row") {
    const std::string text = predictions_table({.top = 3, .probabilities = true});
    const CsvTable table = parse_csv(text, "p.csv");
    CHECK(table.columns == std::vector<std::string>{"id", "predicted_label", "probability", "label_2", "probability_2",
                                                    "label_3", "probability_3", "probability_apple",
                                                    "probability_pear, \"green\"", "probability_fig"});
    REQUIRE(table.rows() == 3);
    CHECK(table.at(0, 3) == "apple");
    CHECK(table.at(0, 4) == "0.25");
    CHECK(table.at(0, 5) == "fig");
    CHECK(table.at(0, 8) == "0.7");
    CHECK(table.at(1, 0) == "b, \"c\"\nd");
    for (size_t column = 1; column < 10; ++column) CHECK(table.at(1, column).empty());
    CHECK(table.at(2, 1) == "apple");  // the first of equals
    CHECK(table.at(2, 3) == "fig");
  }

  TEST_CASE("predictions: an array has NaN where a sample was not read") {
    const TemporaryFolder folder;
    const auto writer = write_array(folder / "p.npy", 3, 3);
    writer->add("a", kFirst);
    writer->add("b", {});
    CHECK(contains(error_of([&] { writer->finish(); }), "p.npy"));
    writer->add("c", kEqual);
    writer->finish();
    const NpyArray array(folder / "p.npy");
    CHECK(array.shape() == std::vector<int64_t>{3, 3});
    std::vector<double> row(3);
    array.read_row(0, row);
    CHECK(row == std::vector<double>(kFirst.begin(), kFirst.end()));
    array.read_row(1, row);
    CHECK(std::isnan(row[0]));
    CHECK(std::isnan(row[2]));
  }

  TEST_CASE("predictions: a file that is not finished does not appear and columns must exist") {
    const TemporaryFolder folder;
    write_csv(folder / "p.csv", kFruit, {})->add("a", kFirst);
    write_array(folder / "p.npy", 1, 3)->add("a", kFirst);
    CHECK(folder.count() == 0);
    CHECK(contains(error_of([&] { write_csv(folder / "none" / "p.csv", kFruit, {}); }), "none/p.csv"));
    CHECK(contains(error_of([&] { write_csv(folder / "p.csv", kFruit, {.top = 4}); }), "the 4 most likely of 3"));
  }
}

}  // namespace cofactor::testing
