#include "data/files/buffered_reader.h"

#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

TEST_SUITE("data") {
  TEST_CASE("a buffered reader peeks and takes and skips bytes") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "file", "one two\nthree");
    BufferedReader reader(folder / "file", "test");
    CHECK(!reader.at_end());
    CHECK(reader.peek(3) == "one");
    CHECK(reader.offset() == 0);
    CHECK(reader.take(4) == "one ");
    CHECK(reader.offset() == 4);
    CHECK(reader.take_until('\n', 10, false) == "two");
    CHECK(reader.offset() == 8);
    CHECK(!reader.take_until('\n', 10, false).has_value());
    CHECK(reader.offset() == 8);
    CHECK(!reader.take_until('e', 2, true).has_value());
    reader.skip(1);
    CHECK(reader.take_until('\n', 10, true) == "hree");
    CHECK(reader.at_end());
    CHECK(reader.peek(1).empty());
    CHECK(reader.take(1).empty());
  }

  TEST_CASE("a buffered reader gives every byte of a file larger than its buffer") {
    const TemporaryFolder folder;
    std::string bytes(3 * BufferedReader::kPiece + 12'345, '\0');
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 89 % 251);
    write_file_atomically(folder / "file", bytes);
    for (const size_t size : {size_t{1000}, size_t{999'983}, BufferedReader::kPiece}) {
      BufferedReader reader(folder / "file", "test");
      std::string read;
      while (!reader.at_end()) read += reader.take(size);
      CHECK((read == bytes));
      CHECK(reader.offset() == bytes.size());
    }
  }

  TEST_CASE("a file that cannot be opened or read is an error with the path") {
    const TemporaryFolder folder;
    CHECK(error_of([&] { BufferedReader(folder / "none", "test"); }) ==
          "test: cannot open '" + (folder / "none").string() + "': No such file or directory");
    CHECK(error_of([&] { BufferedReader(folder.path(), "test").at_end(); }) ==
          "test: cannot read '" + folder.path().string() + "' at byte 0: Is a directory");
  }
}

}  // namespace cofactor::testing
