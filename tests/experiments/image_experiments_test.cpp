// dogs_vs_cats, clothing1m and train, end to end, as a person would start them, on a few small images.
#include <doctest/doctest.h>

#include <algorithm>

#include "experiments/report/results.h"
#include "tests/experiments/own_samples.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

// A folder with "data" in it.
class ImagePlace : public OwnPlace {
 public:
  explicit ImagePlace(const std::string& name)
      : OwnPlace({{"--epochs", "1"}, {"--batch-size", "30"}, {"--model", "resnet20"}, {"--image-size", "8"}}, name) {}
  std::filesystem::path data() const { return path("data"); }
  Outcome run(const std::vector<std::string>& extra) const {
    std::vector<std::string> all = extra;
    if (std::ranges::find(extra, "--data") == extra.end()) all.insert(all.end(), {"--data", data().string()});
    return OwnPlace::run(all);
  }
  std::vector<Result> results() const { return read_results(out() / "results.jsonl").results; }
};

// Class folders of images that show their class.
void write_photos(const std::filesystem::path& directory, int each, uint64_t seed = 0) {
  for (const auto& [label, name] : {std::pair{0, "apple"}, std::pair{1, "pear"}})
    for (int i = 0; i < each; ++i, ++seed)
      write_image(directory / name / fmt::format("{}.png", i), tiny_class_image(10 + i % 3, label, seed));
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("train: a person's own images end in a report of their labels") {
    const ImagePlace place("train");
    write_photos(place.data(), 80);
    // 20 labels that are wrong.
    for (int i = 0; i < 10; ++i) {
      const std::string name = fmt::format("{}.png", 8 * i), wrong = fmt::format("wrong{}.png", i);
      std::filesystem::rename(place.data() / "apple" / name, place.data() / "pear" / wrong);
      std::filesystem::rename(place.data() / "pear" / name, place.data() / "apple" / wrong);
    }
    const Outcome outcome = place.run({"--epochs", "8", "--pretrain-lr", "0.003"});
    CAPTURE(outcome.err);
    CAPTURE(outcome.out);
    REQUIRE(outcome.code == 0);
    const std::vector<Result> results = place.results();
    REQUIRE(results.size() == 2);
    CHECK(results[0].noise == "none");
    CHECK(results[1].method == "dmi");
    CHECK(contains(results[0].settings, "\"classes\":[\"apple\",\"pear\"]"));
    CHECK(contains(outcome.out, "no test set"));
    CHECK(contains(outcome.out, "of 160 labels are wrong"));

    for (const char* method : {"ce", "dmi"}) {
      const auto run = place.out() / "none-rate0-seed1" / method;
      const auto suspects = lines_of(run / "suspects.csv");
      CHECK(suspects.at(0) ==
            "id,given_label,predicted_label,given_probability,predicted_probability,quality,suspect,fold");
      CHECK(lines_of(run / "labels.csv").size() == 1 + 160);
      CHECK(lines_of(run / "labels.csv").at(1).starts_with("apple/1.png,apple,"));
      const auto joint = lines_of(run / "joint.csv");
      REQUIRE(joint.size() == 3);
      CHECK(joint[0] == "given \\ true,apple,pear");
      CHECK(lines_of(run / "transition.csv").size() == 3);
      CHECK(contains(read_file(run / "report.html"), "/wrong"));
      const auto scores = lines_of(run / "per_class.csv");
      REQUIRE(scores.size() == 3);
      CHECK(scores[1].starts_with("apple,8,"));
      // A network that tells the classes apart names the wrong ones, and few others.
      const auto wrong =
          std::ranges::count_if(suspects, [](const std::string& line) { return contains(line, "wrong"); });
      CHECK(wrong >= 10);
      CHECK(wrong + 5 >= std::ssize(suspects) - 1);
    }
    CHECK(results[0].test_accuracy >= 80.0);
  }

  TEST_CASE("train: a test folder and broken images and weights to start from") {
    const ImagePlace place("train");
    write_photos(place.data() / "train", 20);
    write_photos(place.data() / "test", 5, 1000);
    write_file_atomically(place.data() / "train/pear/broken.jpg", "none");
    write_file_atomically(place.data() / "test/apple/unreadable.jpg", "none");
    const Outcome refused = place.run({"--method", "ce"});
    CHECK(refused.code == 1);
    CHECK(contains(refused.err, "broken.jpg"));

    const std::vector<std::string> flags = {"--method", "ce", "--skip-broken"};
    const Outcome outcome = place.run(flags);
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(contains(outcome.out, "2 images cannot be read and are left out"));
    CHECK(contains(outcome.out, "unreadable.jpg"));
    CHECK(contains(outcome.out, "10 test samples"));
    const auto run = place.out() / "none-rate0-seed1/ce";
    CHECK(lines_of(run / "per_class.csv").at(1).starts_with("apple,5,"));

    const std::string weights = (run / "weights.safetensors").string();
    const std::string elsewhere = (place.out().parent_path() / "next").string();
    auto with_init = flags;
    with_init.insert(with_init.end(), {"--init", weights, "--out", elsewhere});
    const Outcome second = place.run(with_init);
    CAPTURE(second.err);
    REQUIRE(second.code == 0);
    CHECK(contains(second.out, "--init " + weights + ": loaded 128 of 128 tensors"));
    const Outcome other = place.run({"--init", weights, "--skip-broken", "--stem", "imagenet", "--out", elsewhere});
    CHECK(other.code == 1);
    CHECK(contains(other.err, "conv1.weight"));
  }

  TEST_CASE("train: what cannot be meant is bad usage and what cannot be read is named") {
    const ImagePlace place("train");
    write_photos(place.data(), 5);
    const auto refused = [&](const std::vector<std::string>& flags, int code, const std::string& part) {
      const Outcome outcome = place.run(flags);
      CAPTURE(outcome.err);
      CHECK(outcome.code == code);
      CHECK(contains(outcome.err, part));
      CHECK(!std::filesystem::exists(place.out()));
    };
    refused({"--image-size", "0"}, 2, "--image-size 0");
    refused({"--model", "vgg16", "--image-size", "16"}, 2, "--model vgg16: it takes images of at least 32 x 32");
    refused({"--noise", "similar-classes"}, 2, "CIFAR-10");
    refused({"--noise", "similar-classes", "--method", "ce"}, 2, "CIFAR-10");
    refused({"--noise", "none", "--rate", "0.2"}, 2, "has no rate");
    refused({"--data", (place.data() / "nowhere").string()}, 1, "nowhere");
    refused({"--data", (place.data() / "pear").string()}, 1, "0 folders");
    refused({"--data", ""}, 2, "--data");
    const std::string table = (place.out().parent_path() / "t.csv").string();
    write_file_atomically(table, "id;words;label\n1;good;a\n2;bad;b\n");
    refused({"--data", table}, 2, "a file, expected a folder of images; --labels takes a table");
    refused({"--labels", table}, 2, "none of its columns (id, words, label) has the usual name of paths (path,");
    refused({"--labels", table, "--path-column", "words"}, 1, "the label 'a' has 1 row to train on");
    refused({"--labels", table, "--path-column", "word"}, 1, "there is no column 'word' for the paths");
    refused({"--relabel"}, 2, "--relabel: it needs --folds");
    refused({"--init", (place.data() / "pear/1.png").string()}, 1, "1.png");
  }

  TEST_CASE("train: every file is accounted for and results below the images are none") {
    const ImagePlace place("train");
    write_photos(place.data(), 10);
    for (const char* name : {"apple", "pear"}) {
      const auto folder = place.data() / name;
      std::filesystem::create_directories(folder / "batch1");
      for (int i = 0; i < 5; ++i) {
        std::filesystem::rename(folder / fmt::format("{}.png", i), folder / "batch1" / fmt::format("{}", i));
        write_file_atomically(folder / fmt::format("{}.webp", i), std::string_view("RIFF\0\0\0\0WEBPVP8 ", 16));
      }
      write_file_atomically(folder / "caf\xE9.png", read_file(folder / "batch1/1"));
      write_file_atomically(folder / "Thumbs.db", "x");
    }
    std::filesystem::create_directories(place.data() / "__MACOSX/apple");
    for (const char* out : {"runs/train", "mine", "runs/train"}) {
      const Outcome outcome = place.run({"--method", "ce", "--out", (place.data() / out).string()});
      CAPTURE(outcome.err);
      REQUIRE(outcome.code == 0);
      for (const char* part :
           {"images: 22 used of 2 classes (apple, pear); ignored: 10 WebP images (such as apple/0.webp), ",
            "2 hidden or system files (such as apple/Thumbs.db)", "1 hidden or system folder (__MACOSX)"})
        CHECK(contains(outcome.out, part));
      CHECK(contains(read_file(place.data() / "runs/train/none-rate0-seed1/ce/metrics.jsonl"), "epoch"));
    }
  }

  TEST_CASE("train: names that look alike are told apart and those that are no text end nothing") {
    const ImagePlace place("train");
    write_photos(place.data(), 8);
    std::filesystem::copy(place.data() / "pear", place.data() / "Pear ");
    for (const char* name : {"apple", "pear", "Pear "})
      for (int i = 0; i < 8; ++i)
        std::filesystem::rename(place.data() / name / fmt::format("{}.png", i),
                                place.data() / name / fmt::format("caf\xE9\n{}.png", i));
    const Outcome outcome = place.run({"--method", "ce"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(contains(outcome.out, "'Pear\\u0020' and 'pear' look alike but are 2 classes"));
    const std::string suspects = read_file(place.out() / "none-rate0-seed1/ce/labels.csv");
    CHECK(contains(suspects, "caf\\xE9\\u000A"));
    CHECK(!contains(suspects, "\xE9"));
    std::filesystem::rename(place.data() / "Pear ", place.data() /
                                                        "p\xEA"
                                                        "che");
    const Outcome refused = place.run({"--method", "ce"});
    CHECK(refused.code == 1);
    CHECK(contains(refused.err, "the name of the class folder 'p\\xEAche' in"));
  }

  TEST_CASE("train: val and test beside train are used and a split file decides between them") {
    const ImagePlace place("train");
    write_photos(place.data() / "train", 10);
    write_photos(place.data() / "val", 4, 1000);
    write_photos(place.data() / "test", 3, 2000);
    const Outcome outcome = place.run({"--method", "ce"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(contains(outcome.out, "20 training, 8 validation, 6 test samples"));
    CHECK(contains(outcome.out, "val/ is used for validation, in place of a fifth of the other images"));
    const std::vector<std::string> labels = lines_of(place.out() / "none-rate0-seed1/ce/labels.csv");
    CHECK(labels.size() == 1 + 28);  // not those of the test folder
    CHECK(std::ranges::count_if(labels, [](const std::string& line) { return line.starts_with("val/"); }) == 8);

    std::string table =
        "\xEF\xBB\xBF"
        "file,note,split\r\n";
    for (int i = 0; i < 10; ++i)
      table += fmt::format("train/apple/{0}.png,\"a, b\",{1}\r\n./train/pear/{0}.png,,{1}\r\n", i,
                           i < 6 ? "train" : "Valid");
    const auto split = place.out().parent_path() / "split.csv";
    write_file_atomically(split, table);
    const Outcome parted =
        place.run({"--method", "ce", "--split", split.string(), "--out", (split.parent_path() / "next").string()});
    CAPTURE(parted.err);
    REQUIRE(parted.code == 0);
    CHECK(contains(parted.out, "12 training, 8 validation, 6 test samples"));
    CHECK(contains(parted.out, "8 images that the split file does not list (such as val/apple/0.png)"));
    CHECK(contains(parted.out, "12 images for training, 8 for validation, 6 for test (6 of them unlisted, in test/)"));
    CHECK(contains(read_results(split.parent_path() / "next/results.jsonl").results.at(0).settings,
                   "\"split\":\"file\""));
    write_file_atomically(split, table + "train/apple/11.png,,train\r\n");
    const Outcome refused = place.run({"--split", split.string()});
    CHECK(refused.code == 1);
    CHECK(contains(refused.err, "split.csv', line 22: 'train/apple/11.png' does not exist"));
  }

  TEST_CASE("dogs_vs_cats: trains under the paper's noise") {
    const ImagePlace place("dogs_vs_cats");
    write_tiny_dogs_vs_cats(place.data(), 20);
    const Outcome outcome = place.run({"--method", "ce,dmi", "--rate", "0.2", "--pretrain-lr", "0.01"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const std::vector<Result> results = place.results();
    REQUIRE(results.size() == 2);
    CHECK(results[0].noise == "cat-to-dog");
    CHECK(contains(results[1].settings, "\"stem\":\"cifar\""));
    CHECK(contains(results[1].settings, "\"image_size\":8"));
    CHECK(contains(outcome.out, "20 training, 10 validation, 10 test"));
  }

  TEST_CASE("clothing1m: trains on its own noise alone") {
    const ImagePlace place("clothing1m");
    write_tiny_clothing1m(place.data(), {.side = 12});
    const Outcome outcome = place.run({"--method", "ce,dmi", "--batch-size", "56", "--sampler", "stratified"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    REQUIRE(place.results().size() == 2);
    CHECK(place.results()[0].noise == "none");
    CHECK(contains(place.results()[1].settings, "\"weight_decay\":0.001"));
    const Outcome rate = place.run({"--rate", "0.4"});
    CHECK(rate.code == 2);
    CHECK(contains(rate.err, "no rate"));
  }
}
