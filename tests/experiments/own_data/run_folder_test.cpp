// The folder of the run that a person means.
#include "experiments/own_data/run_folder.h"

#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "tests/experiments/own_data/run_folders.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

TEST_SUITE("unit") {
  TEST_CASE("run folder: a run itself and the only one below a folder are found") {
    const TemporaryFolder folder;
    const auto cell = folder / "out" / "none-rate0-seed1";
    write_run(cell / "dmi", feature_model());
    CHECK(find_run(cell / "dmi") == cell / "dmi");
    CHECK(find_run(folder.path()) == cell / "dmi");
    // Neither other inputs' runs nor a search's candidates count, nor the pre-training that has no model.
    write_run(cell / "dmi.previous-1", feature_model());
    write_run(cell / "dmi" / "search-lr0.1-batch10", feature_model());
    std::filesystem::create_directories(cell / "ce");
    write_file_atomically(cell / "ce" / "weights.safetensors", "none");
    CHECK(find_run(folder.path()) == cell / "dmi");
  }

  TEST_CASE("run folder: several are listed and none is an error") {
    const TemporaryFolder folder;
    CHECK(contains(error_of([&] { find_run(folder.path()); }), "has no trained network"));
    CHECK(contains(error_of([&] { find_run(folder / "none"); }), "none' does not exist"));
    write_file_atomically(folder / "file", "x");
    CHECK(contains(error_of([&] { find_run(folder / "file"); }), "is a file, expected the folder of a run"));
    for (int i = 0; i < 12; ++i) write_run(folder / fmt::format("run{:02}", i), feature_model("linear"));
    const std::string text = error_of([&] { find_run(folder.path()); });
    CHECK(contains(text, "has 12 runs; name one of them: "));
    CHECK(contains(text, "run00, "));
    CHECK(contains(text, "run09 and 2 more"));
  }

  TEST_CASE("run folder: weights without a model say how to get it") {
    const TemporaryFolder folder;
    write_run(folder / "old", feature_model());
    std::filesystem::remove(folder / "old" / "model.json");
    for (const auto& path : {folder.path(), folder / "old"}) {
      const std::string text = error_of([&] { find_run(path); });
      CHECK(contains(text, "old' has weights but no model.json"));
      CHECK(contains(text, "Ask for the run again, with the command that trained it"));
    }
    save_weights(folder / "old" / "weights.safetensors", {R"({"experiment":"fashion_mnist"})", {}});
    CHECK(contains(error_of([&] { find_run(folder.path()); }), "a run of fashion_mnist, whose network takes"));
    const auto fold = folder / "new" / "fold1of3" / "ce";
    std::filesystem::create_directories(fold);
    save_weights(fold / "weights.safetensors", {R"({"experiment":"train","fold":{"number":1,"of":3}})", {}});
    CHECK(contains(error_of([&] { find_run(folder / "new"); }),
                   fmt::format("'{}' is the network of a fold, which judges samples for the labels of a run; predict "
                               "uses the run's own network, in '{}'",
                               fold.string(), (folder / "new" / "ce").string())));
  }
}

}  // namespace cofactor::testing
