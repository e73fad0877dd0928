// Lines of files and pipes.
#include "experiments/own_data/line_reader.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <thread>

#include "engine/io/file.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

std::vector<std::string> lines_read_in(const std::string& text) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "lines.txt", text);
  LineReader reader(folder / "lines.txt");
  std::vector<std::string> lines;
  while (auto line = reader.next()) {
    lines.push_back(*line);
    CHECK(reader.number() == std::ssize(lines));
  }
  CHECK(!reader.next());
  return lines;
}

using LineTexts = std::vector<std::string>;

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("lines: LF and CR LF and a last line without an end and a mark before the first") {
    CHECK(lines_read_in("").empty());
    CHECK(lines_read_in("\n") == LineTexts{""});
    CHECK(lines_read_in("a\nb\r\n\nc") == LineTexts{"a", "b", "", "c"});
    CHECK(lines_read_in("\xEF\xBB\xBF"
                        "a\n\xEF\xBB\xBF\n") == LineTexts{"a", "\xEF\xBB\xBF"});
    CHECK(lines_read_in("\xFFnot UTF-8\n") == LineTexts{"\xFFnot UTF-8"});
  }

  TEST_CASE("lines: those longer than what is read at once and many") {
    const std::string longer(300'000, 'x');
    CHECK(lines_read_in("a\n" + longer + "\nb\n" + longer) == LineTexts{"a", longer, "b", longer});
    std::string many;
    for (int i = 0; i < 50'000; ++i) many += std::to_string(i) + "\n";
    const LineTexts lines = lines_read_in(many);
    REQUIRE(lines.size() == 50'000);
    CHECK(lines[49'999] == "49999");
  }

  TEST_CASE("lines: a pipe is read as it comes") {
    const TemporaryFolder folder;
    const auto pipe = folder / "pipe";
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    std::thread writer([&] {
      std::FILE* file = std::fopen(pipe.c_str(), "w");
      for (const char* part : {"fir", "st\nsec", "ond"}) {
        std::fputs(part, file);
        std::fflush(file);
      }
      std::fclose(file);
    });
    LineReader reader(pipe);
    CHECK(reader.next() == "first");
    CHECK(reader.next() == "second");
    CHECK(!reader.next());
    writer.join();
  }

  TEST_CASE("lines: what is no text is refused with its line") {
    CHECK(contains(error_of([] { lines_read_in(std::string("a\nb\0c\n", 6)); }), "line 2: a zero byte"));
    CHECK(
        contains(error_of([] { lines_read_in(std::string("\xFF\xFE", 2) + std::string("a\0\n\0", 4)); }), "is UTF-16"));
    CHECK(contains(error_of([] { lines_read_in("a\n" + std::string(kMaxLineBytes + 1, 'x')); }),
                   "line 2: more than 67108864 bytes without a line end"));
    CHECK(contains(error_of([] { LineReader("/none/at/all"); }), "'/none/at/all' cannot be opened: No such file"));
    const TemporaryFolder folder;
    CHECK(contains(error_of([&] { LineReader(folder.path()).next(); }), "cannot be read: Is a directory"));
  }
}

}  // namespace cofactor::testing
