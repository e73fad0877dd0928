// cifar10, end to end, on a few records that the test writes in the official binary form.
#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/random.h"
#include "experiments/report/results.h"
#include "tests/data/tiny_images.h"
#include "tests/experiments/process.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// Records of a label and 3,072 pixels: noise, and a level that differs from class to class.
std::string cifar_records(int count, uint32_t index) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    const int label = i % 10;
    bytes.push_back(static_cast<char>(label));
    for (uint64_t k = 0; k < 3072; ++k) {
      const uint32_t noise = random_word({.seed = 7, .purpose = Purpose::test, .index = index}, i * 3072u + k) % 40;
      bytes.push_back(static_cast<char>(20 * label + static_cast<int>(noise)));
    }
  }
  return bytes;
}

class Cifar10Place {
 public:
  Cifar10Place() {
    const auto data = folder_ / "data";
    std::filesystem::create_directory(data);
    for (uint32_t batch = 1; batch <= 5; ++batch)
      write_file_atomically(data / fmt::format("data_batch_{}.bin", batch), cifar_records(20, batch));
    write_file_atomically(data / "test_batch.bin", cifar_records(20, 6));
  }
  Outcome run(const std::string& model, const std::string& data, const std::vector<std::string>& extra) const {
    const auto command = command_line("cifar10",
                                      {{"--data", (folder_ / data).string()},
                                       {"--out", out().string()},
                                       {"--threads", "1"},
                                       {"--model", model},
                                       {"--rate", "0.2"},
                                       {"--epochs", "1"}},
                                      extra);
    return Process(command, folder_.path()).wait();
  }
  std::filesystem::path out() const { return folder_ / "out"; }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("cifar10: trains from the binary form and leaves weights under torchvision's names") {
    const Cifar10Place place;
    const Outcome outcome =
        place.run("vgg11", "data", {"--method", "ce,gce", "--batch-size", "40", "--pretrain-lr", "0.01"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const ResultsFile file = read_results(place.out() / "results.jsonl");
    REQUIRE(file.results.size() == 2);
    CHECK(contains(file.results[0].settings, "\"model\":\"vgg11\""));
    CHECK(contains(file.results[1].settings, "\"momentum\":0.9"));
    const SafetensorsFile weights = load_safetensors(
        place.out() / "similar-classes-rate0.2-seed1" / "gce" / "weights.safetensors", Device::reference);
    CHECK(weights.at("features.0.weight").shape() == Shape{64, 3, 3, 3});
  }

  TEST_CASE("cifar10: an unknown network is bad usage and missing data is named") {
    const Cifar10Place place;
    const Outcome unknown = place.run("resnet35", "data", {});
    CHECK(unknown.code == 2);
    CHECK(contains(unknown.err, "resnet35"));
    const Outcome nothing = place.run("vgg11", "nowhere", {});
    CHECK(nothing.code == 1);
    CHECK(contains(nothing.err, "nowhere"));
  }

  TEST_CASE("cifar10: class folders train in the official order by a split file") {
    const Cifar10Place place;
    const auto folders = place.out().parent_path() / "folders";
    write_tiny_cifar10_folders(folders, 10, 2);
    std::string table = "file,index,clean\n";
    int place_of = 0;
    for (int i = 0; i < 10; ++i)
      for (const std::string_view name : kCifar10Classes) {
        table += fmt::format("train/{}/{:04}.jpg,{},x\n", name, i, i < 8 ? place_of : 40'000 + place_of);
        ++place_of;
      }
    const auto split = place.out().parent_path() / "split.csv";
    write_file_atomically(split, table);
    const std::vector<std::string> flags = {"--method", "ce", "--batch-size", "20", "--split", split.string()};
    const Outcome outcome = place.run("resnet20", "folders", flags);
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(contains(outcome.out, "80 training, 20 validation, 20 test samples"));
    CHECK(contains(outcome.out, "images: 120 used"));
    CHECK(contains(outcome.out,
                   "80 images for training, 20 for validation, 20 for test (20 of them unlisted, in test/)"));
    CHECK(contains(read_results(place.out() / "results.jsonl").results.at(0).settings, "\"split\":\"file\""));
    const Outcome binary = place.run("resnet20", "data", flags);
    CHECK(binary.code == 1);
    CHECK(contains(binary.err, "contains the binary version"));
  }
}
