#include "data/files/find_folder.h"

#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

namespace fs = std::filesystem;

// Writes a file, and creates its folders.
void put_file(const fs::path& path) {
  fs::create_directories(path.parent_path());
  write_file_atomically(path, "x");
}

bool holds_file(const fs::path& folder) {
  return may_be_file(folder / "file");
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("the highest folder with the files is found within the levels") {
    const TemporaryFolder folder;
    fs::create_directories(folder / "a/b/c/d");
    fs::create_directories(folder / "file");  // a folder of that name
    CHECK(find_folder(folder.path(), "test", holds_file).empty());
    put_file(folder / "a/b/c/d/file");
    CHECK(find_folder(folder.path(), "test", holds_file).empty());
    CHECK(find_folder(folder.path(), "test", holds_file, 4) == folder / "a/b/c/d");
    put_file(folder / ".hidden/file");
    put_file(folder / "a/b/file");
    CHECK(find_folder(folder.path(), "test", holds_file) == folder / "a/b");
    CHECK(find_folder(folder.path(), "test", holds_file, 1).empty());
    put_file(folder / "z/file");
    CHECK(find_folder(folder.path(), "test", holds_file) == folder / "z");
    fs::remove(folder / "file");
    put_file(folder / "file");
    CHECK(find_folder(folder.path(), "test", holds_file) == folder.path());
    CHECK(find_folder(folder / "none", "test", holds_file).empty());
  }

  TEST_CASE("several folders with the files on one level are an error with both") {
    const TemporaryFolder folder;
    put_file(folder / "one/file");
    put_file(folder / "two/file");
    CHECK(error_of([&] { find_folder(folder.path(), "test", holds_file); }) ==
          "test: '" + (folder / "one").string() + "' and '" + (folder / "two").string() +
              "' both contain such files; give the path of the one to use");
  }

  TEST_CASE("paths are missing or files or folders") {
    const TemporaryFolder folder;
    put_file(folder / "file");
    CHECK(is_missing(folder / "none"));
    CHECK(!is_missing(folder / "file"));
    CHECK(!is_missing(folder.path()));
    CHECK(may_be_file(folder / "file"));
    CHECK(!may_be_file(folder.path()));
    CHECK(!may_be_file(folder / "none"));
  }
}

}  // namespace cofactor::testing
