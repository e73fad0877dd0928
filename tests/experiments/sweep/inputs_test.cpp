// A run's identity is what it learned from, end to end: data that changes between two starts of the same command.
#include <doctest/doctest.h>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/safetensors.h"
#include "experiments/report/results.h"
#include "experiments/training/checkpoint.h"
#include "tests/data/tiny_images.h"
#include "tests/experiments/process.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

namespace fs = std::filesystem;

constexpr int kPhotos = 20;  // of each class

// A folder of photos, where `train`, or another program for images, runs with settings that make it quick.
class PhotoPlace {
 public:
  explicit PhotoPlace(std::string name = "train") : name_(std::move(name)) {}
  fs::path data() const { return folder_ / "data"; }
  fs::path out() const { return folder_ / "out"; }
  fs::path run_folder(const std::string& method = "ce") const { return out() / "none-rate0-seed1" / method; }
  const fs::path& path() const { return folder_.path(); }

  std::vector<std::string> command(const std::vector<std::string>& extra = {}) const {
    return command_line(name_,
                        {{"--data", data().string()},
                         {"--out", out().string()},
                         {"--threads", "1"},
                         {"--workers", "1"},
                         {"--epochs", "1"},
                         {"--batch-size", "30"},
                         {"--method", "ce"},
                         {"--model", "resnet20"},
                         {"--image-size", "8"}},
                        extra);
  }
  Outcome start(const std::vector<std::string>& extra = {}) const { return Process(command(extra), path()).wait(); }
  // One that has to end well.
  Outcome good(const std::vector<std::string>& extra = {}) const {
    const Outcome outcome = start(extra);
    CAPTURE(outcome.out);
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    return outcome;
  }
  std::vector<Result> results() const { return read_results(out() / "results.jsonl").results; }

 private:
  std::string name_;
  TemporaryFolder folder_;
};

void write_photos_in(const fs::path& directory, int each, uint64_t seed = 0) {
  for (const auto& [label, name] : {std::pair{0, "apple"}, std::pair{1, "pear"}})
    for (int i = 0; i < each; ++i, ++seed)
      write_image(directory / name / fmt::format("{:02}.png", i), tiny_class_image(10, label, seed));
}

void exchange(const fs::path& a, const fs::path& b) {
  const fs::path spare = a.string() + ".spare";
  fs::rename(a, spare);
  fs::rename(b, a);
  fs::rename(spare, b);
}

bool trained(const Outcome& outcome) {
  return contains(outcome.out, "epoch 1/");
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE(
      "inputs: labels that were corrected are trained on beside the old run which is restored when they change back") {
    const PhotoPlace place;
    write_photos_in(place.data(), kPhotos);
    exchange(place.data() / "apple/03.png", place.data() / "pear/05.png");
    const std::vector<std::string> both = {"--method", "ce,dmi"};
    REQUIRE(trained(place.good(both)));
    const Outcome again = place.good(both);
    CHECK(!trained(again));
    CHECK(!contains(again.out, "start over"));
    const std::string old_weights = read_file(place.run_folder() / "weights.safetensors");
    const std::string old_suspects = read_file(place.run_folder("dmi") / "suspects.csv");

    exchange(place.data() / "apple/03.png", place.data() / "pear/05.png");
    const Outcome corrected = place.good(both);
    CHECK(trained(corrected));
    CHECK(contains(corrected.out, "2 files have other contents; 2 runs start over; the old ones are kept, in "));
    CHECK(contains(corrected.out, "the data differs from that of the run of 2"));
    CHECK(read_file(place.run_folder("ce.previous-1") / "weights.safetensors") == old_weights);
    CHECK(read_file(place.run_folder("dmi.previous-1") / "suspects.csv") == old_suspects);
    CHECK(read_file(place.run_folder() / "weights.safetensors") != old_weights);
    CHECK(fs::exists(place.run_folder("dmi") / "suspects.csv"));
    CHECK(place.results().size() == 4);
    CHECK(!trained(place.good(both)));
    CHECK(place.results().size() == 4);

    exchange(place.data() / "apple/03.png", place.data() / "pear/05.png");
    const Outcome back = place.good(both);
    CHECK(!trained(back));
    CHECK(contains(back.out, "the data is that of 2 runs kept before, which are restored, as "));
    CHECK(!contains(back.out, "start over"));
    CHECK(read_file(place.run_folder() / "weights.safetensors") == old_weights);
    CHECK(fs::exists(place.run_folder("ce.previous-2")));
    const std::vector<Result> results = place.results();
    REQUIRE(results.size() == 6);
    CHECK(results[4].test_accuracy == results[0].test_accuracy);
    CHECK(results[4].settings == results[0].settings);
  }

  TEST_CASE("inputs: files moved into another class are counted as labels that differ") {
    const PhotoPlace place;
    write_photos_in(place.data(), kPhotos);
    place.good();
    for (const int i : {1, 4, 9}) {
      fs::rename(place.data() / fmt::format("apple/{:02}.png", i), place.data() / fmt::format("pear/moved{}.png", i));
    }
    const Outcome moved = place.good();
    CHECK(trained(moved));
    CHECK(contains(moved.out, ": 3 of 40 labels differ"));
    CHECK(contains(moved.out, "1 run starts over; the old one is kept, in "));
    CHECK(contains(moved.out, "ce.previous-1"));
  }

  TEST_CASE("inputs: an interrupted run is not taken up with other photos") {
    const PhotoPlace place;
    write_photos_in(place.data(), kPhotos);
    const auto stop_early = [&] {
      Process process(place.command({"--epochs", "300"}), place.path());
      REQUIRE(appears(place.run_folder() / "checkpoint.safetensors"));
      process.kill_and_wait();
    };
    stop_early();
    fs::remove_all(place.data());
    write_photos_in(place.data(), kPhotos, 5000);
    fs::rename(place.data() / "apple/07.png", place.data() / "apple/other name.png");
    Process process(place.command({"--epochs", "300"}), place.path());
    REQUIRE(appears(place.run_folder("ce.previous-1") / "checkpoint.safetensors"));
    REQUIRE(appears(place.run_folder() / "checkpoint.safetensors"));
    const Outcome outcome = process.kill_and_wait();
    CHECK(!contains(outcome.out, "resumed"));
    CHECK(contains(outcome.out, "39 files have other contents, 1 file is new, 1 file is gone"));
  }

  TEST_CASE("inputs: photos that are written to while they are learned from stop the run") {
    const PhotoPlace place;
    write_photos_in(place.data(), kPhotos);
    Process process(place.command({"--epochs", "2000"}), place.path());
    REQUIRE(appears(place.run_folder() / "checkpoint.safetensors"));
    for (int i = 0; i < kPhotos; ++i)
      write_image(place.data() / fmt::format("apple/{:02}.png", i), tiny_class_image(11, 1, 70));
    const Outcome stopped = process.wait();
    CHECK(stopped.code == 1);
    CHECK(contains(stopped.err, "was changed during the run"));
    CHECK(!fs::exists(place.out() / "results.jsonl"));
    Process anew(place.command({"--epochs", "2000"}), place.path());
    CHECK(appears(place.run_folder("ce.previous-1") / "checkpoint.safetensors"));
    CHECK(!contains(anew.kill_and_wait().out, "resumed"));
  }

  TEST_CASE("inputs: what changes between pre-training and fine-tuning starts both over") {
    const PhotoPlace place;
    write_photos_in(place.data(), kPhotos);
    place.good();
    write_image(place.data() / "pear/20.png", tiny_class_image(10, 1, 900));
    const Outcome outcome = place.good({"--method", "dmi"});
    CHECK(contains(outcome.out, ": 1 file is new"));
    CHECK(contains(outcome.out, "1 run starts over"));
    CHECK(fs::exists(place.run_folder("ce.previous-1") / "weights.safetensors"));
    // ce's line is of the old data, and no part of the table.
    CHECK(contains(outcome.out, "1 result of other data is left out of the table"));
    const Outcome later = place.good({"--method", "ce,dmi"});
    CHECK(!trained(later));  // the new pre-training is there
    CHECK(place.results().size() == 3);
    CHECK(!contains(later.out, "left out"));
  }

  TEST_CASE("inputs: the test set is no part of the training") {
    const PhotoPlace place;
    write_photos_in(place.data() / "train", kPhotos);
    write_photos_in(place.data() / "test", 5, 1000);
    const std::vector<std::string> both = {"--method", "ce,dmi"};
    REQUIRE(trained(place.good(both)));
    const std::string weights = read_file(place.run_folder("dmi") / "weights.safetensors");
    fs::remove(place.data() / "test/pear/02.png");
    const Outcome fewer = place.good(both);
    CHECK(!trained(fewer));
    CHECK(contains(fewer.out,
                   "the test set differs from that of finished results: there are 9 test samples, and 10 there; 2 "
                   "runs are tested again and not trained"));
    CHECK(read_file(place.run_folder("dmi") / "weights.safetensors") == weights);
    CHECK(!fs::exists(place.run_folder("ce.previous-1")));
    REQUIRE(place.results().size() == 4);
    CHECK(contains(place.results()[3].settings, R"("test":{"samples":9,)"));
    // Relabelled, and other pixels under the old name.
    fs::rename(place.data() / "test/pear/03.png", place.data() / "test/apple/wrong.png");
    CHECK(contains(place.good(both).out, "test labels differ"));
    write_image(place.data() / "test/pear/04.png", tiny_class_image(10, 0, 7));
    const Outcome pixels = place.good(both);
    CHECK(!trained(pixels));
    CHECK(contains(pixels.out, "the contents of test samples differ"));
    CHECK(place.results().size() == 8);
    CHECK(!contains(place.good(both).out, "tested again"));
  }

  TEST_CASE("inputs: an interrupted run is resumed whatever has become of the test set") {
    const PhotoPlace place;
    write_photos_in(place.data() / "train", kPhotos);
    write_photos_in(place.data() / "test", 5, 1000);
    const auto command = place.command({"--epochs", "60"});
    {
      Process process(command, place.path());
      REQUIRE(appears(place.run_folder() / "checkpoint.safetensors"));
      process.kill_and_wait();
    }
    fs::remove(place.data() / "test/pear/02.png");
    const Outcome outcome = Process(command, place.path()).wait();
    CHECK(outcome.code == 0);
    CHECK(contains(outcome.out, "resumed after epoch"));
    CHECK(!fs::exists(place.run_folder("ce.previous-1")));
  }

  TEST_CASE("inputs: without a home what is known of the files is kept beside the results") {
    const PhotoPlace place;
    write_photos_in(place.data(), kPhotos);
    std::this_thread::sleep_for(std::chrono::milliseconds(2100));  // for files to rest
    std::vector<std::string> command = {"/usr/bin/env", "-u", "HOME", "-u", "XDG_CACHE_HOME"};
    for (const std::string& word : place.command()) command.push_back(word);
    CHECK(Process(command, place.path()).wait().code == 0);
    CHECK(files_below(place.out() / "cache").size() == 1);
    const Outcome again = Process(command, place.path()).wait();
    CHECK(again.code == 0);
    CHECK(!trained(again));
  }

  TEST_CASE("inputs: broken images of every part are found before anything is trained") {
    for (const std::string part : {"test", "train"}) {
      CAPTURE(part);
      const PhotoPlace place;
      write_photos_in(place.data() / "train", kPhotos);
      write_photos_in(place.data() / "test", 5, 1000);
      const fs::path broken = place.data() / part / "pear/03.png";
      const std::string good = read_file(broken);
      write_file_atomically(broken, good.substr(0, good.size() / 2));
      const Outcome refused = place.start({"--method", "ce,dmi"});
      CHECK(refused.code == 1);
      CHECK(!trained(refused));
      CHECK(contains(refused.err, broken.string()));
      CHECK(contains(refused.err, "--skip-broken leaves them out"));
      CHECK(contains(refused.err, part == "test" ? "1 test image cannot be read" : "cannot be read"));
      CHECK(!fs::exists(place.out()));

      const Outcome skipped = place.good({"--method", "ce,dmi", "--skip-broken"});
      CHECK(trained(skipped));
      CHECK(contains(skipped.out, "1 image cannot be read and is left out"));
      // Mended, a test image is tested on, and a training image is learned from.
      write_file_atomically(broken, good);
      const Outcome mended = place.good({"--method", "ce,dmi", "--skip-broken"});
      CHECK(trained(mended) == (part == "train"));
      CHECK(place.results().size() == 4);
    }
  }

  TEST_CASE("inputs: several processes and a search notice changed data as well") {
    const PhotoPlace place;
    write_photos_in(place.data(), kPhotos);
    const std::vector<std::string> flags = {"--method", "ce,dmi", "--seed", "1,2",          "--jobs", "2",
                                            "--search", "--lr",   "0.01",   "--batch-size", "30"};
    REQUIRE(trained(place.good(flags)));
    CHECK(place.results().size() == 4);
    CHECK(!trained(place.good(flags)));
    exchange(place.data() / "apple/03.png", place.data() / "pear/05.png");
    const Outcome changed = place.good(flags);
    CHECK(contains(changed.out, "4 runs start over"));
    CHECK(place.results().size() == 8);
    for (const std::string seed : {"1", "2"}) {
      const fs::path cell = place.out() / ("none-rate0-seed" + seed);
      CHECK(fs::exists(cell / "dmi.previous-1/search-lr0.01-batch30/weights.safetensors"));
      CHECK(fs::exists(cell / "dmi/search-lr0.01-batch30/weights.safetensors"));
    }
    CHECK(!trained(place.good(flags)));
  }

  TEST_CASE("inputs: pixels of sets in memory count and flags that differ are refused as ever") {
    const Workplace place;
    REQUIRE(place.run({"--method", "ce"}).code == 0);
    const auto weights = place.out() / "clothes-to-bags-rate0.2-seed1/ce/weights.safetensors";
    const std::string old = read_file(weights);
    // The labels stay.
    write_tiny_fashion_mnist(place.data(), {.noise = 30});
    const Outcome flags = place.run({"--method", "ce", "--epochs", "1"});
    CHECK(flags.code == 1);
    CHECK(contains(flags.err, "was made with other settings (pretraining/epochs 2 there, 1 asked for [--epochs])"));
    CHECK(contains(flags.err, "--out DIR"));
    CHECK(read_file(weights) == old);
    const Outcome changed = place.run({"--method", "ce"});
    CAPTURE(changed.err);
    REQUIRE(changed.code == 0);
    CHECK(contains(changed.out,
                   "the contents of training samples differ and the contents of validation samples differ; 1 run "
                   "starts over"));
    CHECK(read_file(place.out() / "clothes-to-bags-rate0.2-seed1/ce.previous-1/weights.safetensors") == old);
    CHECK(read_file(weights) != old);
  }

  TEST_CASE("inputs: pairs of cats and dogs that were exchanged are noticed") {
    const PhotoPlace place("dogs_vs_cats");
    write_tiny_dogs_vs_cats(place.data());
    const std::vector<std::string> flags = {"--rate", "0.2"};
    REQUIRE(trained(place.good(flags)));
    for (const int i : {0, 1, 2, 3, 4, 5, 6, 7}) {
      exchange(place.data() / fmt::format("train/cat.{}.jpg", i), place.data() / fmt::format("train/dog.{}.jpg", i));
    }
    const Outcome changed = place.good(flags);
    CHECK(trained(changed));
    CHECK(contains(changed.out, "16 files have other contents; 1 run starts over"));
  }

  TEST_CASE("inputs: labels that were corrected in a list of files are counted and a file that is gone is named") {
    const PhotoPlace place("clothing1m");
    write_tiny_clothing1m(place.data(), {.side = 12});
    REQUIRE(trained(place.good()));
    const fs::path list = place.data() / "annotations/noisy_train.txt";
    std::string lines = read_file(list);
    for (const int label : {1, 2}) {
      const std::string before = fmt::format(" {}\n", label);
      lines.replace(lines.find(before), before.size(), " 7\n");
    }
    write_file_atomically(list, lines);
    const Outcome changed = place.good();
    CHECK(trained(changed));
    CHECK(contains(changed.out, ": 2 of 112 labels differ; 1 run starts over"));
    const std::string first = lines.substr(0, lines.find(' '));
    fs::remove(place.data() / first);
    const Outcome refused = place.start();
    CHECK(refused.code == 1);
    CHECK(contains(refused.err, "1 training image cannot be read, found before any training"));
    CHECK(contains(refused.err, first));
  }

  TEST_CASE("inputs: a run whose settings do not name its inputs is kept and starts over") {
    const PhotoPlace place;
    write_photos_in(place.data(), kPhotos);
    place.good();
    // As an earlier version wrote them.
    const auto older = [](std::string text) {
      Json settings = parse_json(text);
      settings["data"] = {{"train", 28}, {"validation", 8}, {"test", 4}, {"checksum", "0123456789abcdef"}};
      settings.erase("test");
      settings["options"].erase("split_seed");
      settings["options"]["classes"] = {"apple", "pear"};
      return write_json(settings);
    };
    Weights weights = load_weights(place.run_folder() / "weights.safetensors");
    weights.settings = older(weights.settings);
    save_weights(place.run_folder() / "weights.safetensors", weights);
    Result result = place.results()[0];
    const auto start_with = [&](const std::string& settings) {
      result.settings = settings;
      write_file_atomically(place.out() / "results.jsonl", to_json(result) + "\n");
      const Outcome outcome = place.good();
      CHECK(place.results().size() == 2);
      return outcome;
    };
    const Outcome anew = start_with(older(result.settings));
    CHECK(trained(anew));
    CHECK(contains(anew.out, "its training inputs were not recorded; 1 run starts over; the old one is kept, in "));
    CHECK(fs::exists(place.run_folder("ce.previous-1") / "weights.safetensors"));
    // The weights are there by now, and the result is all that is missing.
    CHECK(!trained(start_with("{}")));
  }
}
