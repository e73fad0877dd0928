#include "engine/io/file.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

TEST_SUITE("unit") {
  TEST_CASE("a file written in pieces is put in place whole or not at all") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "old");
    {
      AtomicFile file(folder / "a");
      file.append("ne");
      CHECK(read_file(folder / "a") == "old");
      CHECK(folder.count() == 2);
    }
    CHECK(read_file(folder / "a") == "old");
    CHECK(folder.count() == 1);
    AtomicFile file(folder / "a");
    file.append("n");
    file.append("");
    file.append("ew");
    file.commit();
    CHECK(read_file(folder / "a") == "new");
    CHECK(folder.count() == 1);
    CHECK(contains(error_of([&] { file.append("x"); }), "a' is in place already"));
    CHECK(contains(error_of([&] { file.commit(); }), "a' is in place already"));
    CHECK(contains(error_of([&] { AtomicFile(folder / "none" / "a"); }), "cannot be created: No such file"));
    CHECK(contains(error_of([&] { AtomicFile(folder / ""); }), "names no file"));
  }

  TEST_CASE("a mapped file has the bytes of the file and notices that it was written to") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "bytes");
    const MappedFile file(folder / "a");
    CHECK(file.bytes() == "bytes");
    CHECK(file.path() == folder / "a");
    file.check_unchanged();
    // Replaced, not written to: what is mapped is still there.
    write_file_atomically(folder / "a", "other");
    file.check_unchanged();
    CHECK(file.bytes() == "bytes");
    const MappedFile other(folder / "a");
    CHECK(::truncate((folder / "a").c_str(), 2) == 0);
    CHECK(contains(error_of([&] { other.check_unchanged(); }), "a' was written to while it was in use"));
    write_file_atomically(folder / "empty", "");
    CHECK(MappedFile(folder / "empty").bytes().empty());
    CHECK(contains(error_of([&] { MappedFile(folder / "none"); }), "none' cannot be opened: No such file"));
    CHECK(contains(error_of([&] { MappedFile("/dev/null"); }), "'/dev/null' is a device, not a file"));
    CHECK(contains(error_of([&] { MappedFile(folder.path()); }), "Is a directory"));
  }
}

}  // namespace cofactor::testing
