#include "experiments/training/checkpoint.h"

#include <doctest/doctest.h>

#include <cmath>
#include <tuple>

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
    CHECK(error_of([&] { load_checkpoint(path, Device::reference); }).find("a checkpoint without an epoch") !=
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

  TEST_CASE("checkpoint: metrics of numbers that do not fit their type are errors with line and field") {
    const TemporaryFolder folder;
    const auto says = [&](const std::string& from, const std::string& to) {
      write_metrics(folder.path() / "metrics.jsonl", {epoch(0), epoch(1)});
      std::string text = read_file(folder.path() / "metrics.jsonl");
      const size_t at = text.rfind(from);
      REQUIRE(at != std::string::npos);
      return error_of([&] { read_metrics(write_in(folder, "metrics.jsonl", text.replace(at, from.size(), to))); });
    };
    const std::string begin = (folder.path() / "metrics.jsonl").string() + ", line 2: not the metrics of an epoch: ";
    CHECK(says("\"epoch\":1", "\"epoch\":4294967297") ==
          begin + "the field 'epoch' is 4294967297, expected a number in [-2147483648, 2147483647]");
    CHECK(says("\"epoch\":1", "\"epoch\":1.0") == begin + "the field 'epoch' is 1.0, expected a whole number");
    CHECK(says("\"batches\":391", "\"batches\":1e30") ==
          begin + "the field 'batches' is 1e+30, expected a whole number");
    CHECK(says("\"seconds\":0.125", "\"seconds\":\"x\"") == begin + "the field 'seconds' is \"x\", expected a number");
    CHECK(says("\"lr\"", "\"rl\"") == begin + "there is no field 'lr'");
    CHECK(says("{\"epoch\"", std::string(50'000, '[') + "{\"epoch\"").starts_with(begin));
  }

  TEST_CASE("checkpoint: metadata that is malformed is an error that names the file") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "checkpoint.safetensors";
    save_checkpoint(path, example_checkpoint());
    const SafetensorsFile good = load_safetensors(path, Device::reference);
    const std::string history = good.metadata.at("history");
    const std::vector<std::tuple<std::string, std::string, std::string>> bad{
        {"threads", "2x", ": its threads are '2x', expected a number from 1 on"},
        {"threads", "99999999999", ": its threads are '99999999999', expected a number from 1 on"},
        {"threads", "0", ": its threads are '0', expected a number from 1 on"},
        {"history", "[", ": its history: not valid JSON at byte 2: "},
        {"history", "3", ": its history: a JSON number, expected a list of epochs"},
        {"history", "[{\"epoch\":0}]", ": its history: not the metrics of an epoch: there is no field 'lr'"},
        {"history", history.substr(0, history.find("},{")) + "}," + history.substr(1),
         ": its history: epoch 0, expected 1"},
        {"history", "[]", ": a checkpoint without an epoch"}};
    for (const auto& [key, text, message] : bad) {
      SafetensorsFile broken = good;
      broken.metadata[key] = text;
      save_safetensors(path, broken);
      CAPTURE(text);
      CHECK(error_of([&] { load_checkpoint(path, Device::reference); }).starts_with(path.string() + message));
    }
  }
}
