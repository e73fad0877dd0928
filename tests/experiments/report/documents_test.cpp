#include "experiments/report/documents.h"

#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include "engine/io/file.h"
#include "experiments/report/figure.h"
#include "tests/experiments/process.h"
#include "tests/experiments/report/finished_lines.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

namespace fs = std::filesystem;

constexpr const char* kPage = R"(Before.

<!-- table: fashion_mnist clothes-to-bags accuracy ce dmi -->
old
<!-- end of table -->

Between <!-- table: fashion_mnist clothes-to-bags paired dmi ce -->
<!-- end of table --> after.
)";

// A repository of one page and the kept runs of two seeds at r = 0.2 and of one at 0.3.
void write_repository(const TemporaryFolder& folder, const std::string& page = kPage) {
  fs::create_directories(folder.path() / "docs/results");
  fs::create_directories(folder.path() / "docs/figures");
  write_in(folder, "README.md", page);
  std::string lines;
  for (const Result& run : {full_run("ce", 1, 99.0), full_run("dmi", 1, 98.0), full_run("ce", 2, 98.5),
                            full_run("dmi", 2, 98.5), full_run("dmi", 1, 97.0, 0.3)}) {
    lines += recorded_line(run) + "\n";
  }
  Result partial = full_run("ce", 3, 10.0);
  partial.epochs = 2;
  write_in(folder, "docs/results/fashion_mnist.jsonl", lines + to_json(partial) + "\n");
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("documents: tables are made of the runs that count and text around them stays") {
    const TemporaryFolder folder;
    write_repository(folder);
    const std::string page = make_documents(folder.path()).pages.at("README.md");
    CHECK(page.starts_with(
        "Before.\n\n<!-- table: fashion_mnist clothes-to-bags accuracy ce dmi -->\n\n"
        "| rate | baseline | CE | DMI |\n| --- | --- | --- | --- |\n| 0 | absent | absent | absent |\n"));
    CHECK(contains(page, "| 0.2 | 90.0 | 98.75 ± 0.35 (2) | 98.25 ± 0.35 (2) |\n"));
    CHECK(contains(page, "| 0.3 | 90.0 | absent | 97.00 (1) |\n"));
    CHECK(contains(page, "| rate | DMI - CE |\n"));
    CHECK(contains(page, "| 0.2 | -0.50 ± 0.50 (2) |\n"));
    CHECK(contains(page, "| 0.3 | absent |\n"));
    CHECK(page.ends_with("<!-- end of table --> after.\n"));
    CHECK_FALSE(contains(page, "old"));
  }

  TEST_CASE("documents: balanced accuracies are those of the test's counts") {
    const TemporaryFolder folder;
    write_repository(folder, "<!-- table: fashion_mnist clothes-to-bags balanced dmi -->\n<!-- end of table -->");
    std::string line = recorded_line(full_run("dmi", 3, 97.0, 0.4));
    line.insert(line.size() - 1, R"(,"test_counts":[[900,100],[900,8100]])");
    write_in(folder, "docs/results/more.jsonl", line + "\n");
    const std::string page = make_documents(folder.path()).pages.at("README.md");
    CHECK(contains(page, "| 0.2 | absent |\n"));
    CHECK(contains(page, "| 0.4 | 90.00 (1) |\n"));
  }

  TEST_CASE("documents: what is not current is found and made anew once") {
    const TemporaryFolder folder;
    write_repository(folder);
    const std::string figure = "docs/figures/fashion_mnist_accuracy.svg";
    CHECK(stale_documents(folder.path()) == std::vector<std::string>{figure, "README.md"});
    CHECK(refresh_documents(folder.path()) == std::vector<std::string>{figure, "README.md"});
    CHECK(stale_documents(folder.path()).empty());
    CHECK(refresh_documents(folder.path()).empty());
    CHECK(contains(read_file(folder.path() / figure), "<!-- drawn from "));

    // The runs that do not count change nothing; one that does makes both stale.
    const fs::path runs = folder.path() / "docs/results/fashion_mnist.jsonl";
    Result more = full_run("ce", 4, 99.0);
    more.epochs = 3;
    write_file_atomically(runs, read_file(runs) + to_json(more) + "\n");
    CHECK(stale_documents(folder.path()).empty());
    write_file_atomically(runs, read_file(runs) + to_json(full_run("ce", 5, 97.0)) + "\n");
    CHECK(stale_documents(folder.path()) == std::vector<std::string>{figure, "README.md"});
  }

  TEST_CASE("documents: a table that cannot be made and a run that cannot be used are named") {
    for (const auto& [page, message] : std::map<std::string, std::string>{
             {"<!-- table: fashion_mnist clothes-to-bags accuracy dmi -->\n| a |", "has no '<!-- end of table -->'"},
             {"<!-- table: fashion_mnist nothing accuracy dmi -->\n<!-- end of table -->", "noise nothing"},
             {"<!-- table: fashion_mnist clothes-to-bags median dmi -->\n<!-- end of table -->", "'median'"},
             {"<!-- table: fashion_mnist -->\n<!-- end of table -->", "does not name"}}) {
      const TemporaryFolder folder;
      write_repository(folder, page);
      const std::string error = error_of([&] { make_documents(folder.path()); });
      CHECK_MESSAGE(contains(error, message), error);
      CHECK(contains(error, "README.md"));
    }
    const TemporaryFolder folder;
    write_repository(folder);
    write_in(folder, "docs/results/broken.jsonl", "{\n");
    CHECK(contains(error_of([&] { make_documents(folder.path()); }), "broken.jsonl, line 1"));
  }

  TEST_CASE("documents: the figures and tables of this repository are current") {
    const std::vector<std::string> stale = stale_documents(COFACTOR_SOURCE_DIR);
    CHECK_MESSAGE(stale.empty(),
                  "not current: " << fmt::format("{}", fmt::join(stale, ", ")) << "; scripts/results makes them anew");
  }
}
