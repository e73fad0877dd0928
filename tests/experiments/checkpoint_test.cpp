#include "experiments/checkpoint.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/experiments/process.h"

using namespace cofactor;
using cofactor::testing::error_of;
using cofactor::testing::TemporaryFolder;
using cofactor::testing::write_in;

namespace {

Tensor values(std::vector<float> numbers) {
  const auto count = static_cast<int64_t>(numbers.size());
  return Tensor::from(numbers, Shape{count}, Device::reference);
}

EpochMetrics epoch(int number, double valid_loss = 0.1) {
  return {.epoch = number,
          .lr = 1e-4,
          .train_loss = 1.0 / 3.0,
          .batches = 391,
          .skipped_batches = 3,
          .valid_loss = valid_loss,
          .valid_accuracy = 98.7654321,
          .seconds = 0.125};
}

Checkpoint example_checkpoint() {
  return {.settings = R"({"seed":1})",
          .threads = 2,
          .history = {epoch(0), epoch(1, INFINITY)},
          .model = {{"fc.weight", values({1, 2})}, {"fc.bias", values({3})}},
          .best = {{"fc.weight", values({4, 5})}, {"fc.bias", values({6})}},
          .optimizer = {{"fc.weight.exp_avg", values({7, 8})}},
          .loss = {{"transition", values({9})}}};
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("checkpoint: what is saved comes back part by part bit by bit") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "checkpoint.safetensors";
    save_checkpoint(path, example_checkpoint());
    const Checkpoint back = load_checkpoint(path, Device::reference), wanted = example_checkpoint();
    CHECK(back.settings == wanted.settings);
    CHECK(back.threads == 2);
    CHECK(back.history == wanted.history);
    for (const auto part : {&Checkpoint::model, &Checkpoint::best, &Checkpoint::optimizer, &Checkpoint::loss}) {
      REQUIRE((back.*part).size() == (wanted.*part).size());
      for (size_t i = 0; i < (back.*part).size(); ++i) {
        CHECK((back.*part)[i].name == (wanted.*part)[i].name);
        CHECK((back.*part)[i].tensor.to_vector<float>() == (wanted.*part)[i].tensor.to_vector<float>());
      }
    }
  }

  TEST_CASE("checkpoint: one within an epoch holds how far that has come and one without says nothing of it") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "checkpoint.safetensors";
    Checkpoint within = example_checkpoint();
    within.partial = PartialEpoch{.batches = 17, .skipped_batches = 2, .loss_sum = 1.0 / 3.0, .seconds = 0.1};
    save_checkpoint(path, within);
    CHECK(load_checkpoint(path, Device::reference).partial == within.partial);
    within.history.clear();  // of the first epoch
    within.best.clear();
    save_checkpoint(path, within);
    CHECK(load_checkpoint(path, Device::reference).history.empty());
    save_checkpoint(path, example_checkpoint());
    CHECK(!load_checkpoint(path, Device::reference).partial);
    within.partial.reset();
    save_checkpoint(path, within);
    CHECK(error_of([&] { load_checkpoint(path, Device::reference); }).find("a checkpoint of no epoch") !=
          std::string::npos);
    within.partial = PartialEpoch{.batches = 1, .skipped_batches = 2};
    save_checkpoint(path, within);
    CHECK(error_of([&] { load_checkpoint(path, Device::reference); }).find("1 batches of an epoch are done") !=
          std::string::npos);
  }

  TEST_CASE("checkpoint: a file cut short or of another kind is an error that names it") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "checkpoint.safetensors";
    save_checkpoint(path, example_checkpoint());
    const std::string bytes = read_file(path);
    for (const size_t length : {size_t{0}, size_t{7}, size_t{100}, bytes.size() - 1}) {
      write_in(folder, "checkpoint.safetensors", bytes.substr(0, length));
      CHECK(error_of([&] { load_checkpoint(path, Device::reference); }).find(path.string()) != std::string::npos);
    }
    save_weights(path, {R"({"seed":1})", {{"fc.weight", values({1})}}});
    CHECK(error_of([&] { load_checkpoint(path, Device::reference); }).find("threads") != std::string::npos);
  }

  TEST_CASE("checkpoint: metrics are lines of JSON that come back exactly") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "metrics.jsonl";
    const std::vector<EpochMetrics> history = {epoch(0, INFINITY), epoch(1), epoch(2)};
    write_metrics(path, history);
    CHECK(read_metrics(path) == history);
    write_metrics(path, {epoch(0), epoch(2)});
    CHECK(error_of([&] { read_metrics(path); }).find("line 2: epoch 2, expected 1") != std::string::npos);
    write_in(folder, "metrics.jsonl", "{\"epoch\":0");
    CHECK(error_of([&] { read_metrics(path); }).find("line 1") != std::string::npos);
  }
}
