#include "data/noise/file.h"

#include <doctest/doctest.h>

#include "tests/data/sets/idx_files.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using cofactor::testing::contains;
using cofactor::testing::error_of;
using cofactor::testing::TemporaryFolder;
using cofactor::testing::write_in;

namespace {

// The matrix of two classes in a file with this text, or what is wrong with it.
std::vector<double> values_in(const std::string& text) {
  const TemporaryFolder folder;
  return read_transition(write_in(folder, "t.csv", text), 2).values();
}

std::string wrong_with(const std::string& text) {
  return error_of([&] { values_in(text); });
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("transition file: blanks tabs and commas separate the numbers and comments do not count") {
    const std::vector<double> wanted = {0.75, 0.25, 0.0, 1.0};
    CHECK(values_in("0.75 0.25\n0 1\n") == wanted);
    CHECK(values_in("0.75,0.25\n0,1") == wanted);
    CHECK(values_in("# T\n\n 7.5e-1 ,\t.25 \r\n\n0.0\t1.0\r\n") == wanted);
  }

  TEST_CASE("transition file: what is wrong is named with its line") {
    CHECK(contains(wrong_with("0.75 0.25\nzero 1\n"), "t.csv, line 2: 'zero' is not a number"));
    CHECK(contains(wrong_with("0.75 0.25x\n0 1\n"), "t.csv, line 1: '0.25x' is not a number"));
    CHECK(contains(wrong_with("0.75,,0.25\n0,1\n"), "t.csv, line 1: '' is not a number"));
    CHECK(contains(wrong_with(",1\n0,1\n"), "t.csv, line 1: '' is not a number"));
    CHECK(contains(wrong_with("0.75,0.25,\n0,1\n"), "t.csv, line 1: no number follows the last comma"));
    CHECK(contains(wrong_with("# T\n0.75 0.25 0\n0 1\n"), "t.csv, line 2: 3 numbers, expected one for each of the 2"));
    CHECK(contains(wrong_with("1\n0 1\n"), "t.csv, line 1: 1 numbers"));
    CHECK(contains(wrong_with("1 0\n0 1\n0.5 0.5\n"), "t.csv, line 3: row 3, expected one for each of the 2"));
    CHECK(contains(wrong_with("1 0\n"), "t.csv: 1 rows, expected one for each of the 2 classes"));
    CHECK(contains(wrong_with(""), "t.csv: 0 rows"));
    CHECK(contains(wrong_with("1 0\n0.5 0.4\n"), "t.csv, line 2: the row sums to 0.9, not to 1"));
    CHECK(contains(wrong_with("1 0\n1.5 -0.5\n"), "t.csv, line 2: the entry in column 0 is 1.5, not a probability"));
    CHECK(contains(wrong_with("1 0\nnan 1\n"), "t.csv, line 2: the entry in column 0 is nan, not a probability"));
    CHECK(contains(error_of([] { read_transition("/nowhere/t.csv", 2); }), "/nowhere/t.csv"));
  }
}
