// predict, end to end: on runs that train and movie_reviews leave, moved away from the data they were trained on.
#include <doctest/doctest.h>

#include "data/noise/estimate.h"
#include "data/sets/image_folder.h"
#include "experiments/own_data/run_model.h"
#include "experiments/training/evaluate.h"
#include "tests/data/sets/movie_review_files.h"
#include "tests/experiments/own_data/run_folders.h"
#include "tests/experiments/own_samples.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

namespace fs = std::filesystem;

const std::string kOwnCell = "none-rate0-seed1";

struct PredictPlace {
  TemporaryFolder folder;

  fs::path path(const std::string& name) const { return folder / name; }
  Outcome start(const std::vector<std::string>& command) const { return Process(command, folder.path()).wait(); }
  Outcome predict(std::vector<std::string> flags) const {
    flags.insert(flags.begin(), {program("predict"), "--threads", "1"});
    return start(flags);
  }
  Outcome shell(const std::string& line) const {
    return start({"bash", "-c", "p=" + program("predict") + "; cd " + folder.path().string() + "; " + line});
  }
  // Trains on two classes of images in "data".
  std::vector<std::string> training() const {
    return command_line("train",
                        {{"--data", path("data").string()},
                         {"--out", path("out").string()},
                         {"--threads", "1"},
                         {"--epochs", "2"},
                         {"--batch-size", "10"},
                         {"--model", "resnet20"},
                         {"--image-size", "8"},
                         {"--method", "ce,dmi"}},
                        {});
  }
  void write_photos() const {
    uint64_t seed = 0;
    for (const auto& [label, name] : {std::pair{0, "apple, red"}, std::pair{1, "p\xC3\xA4r"}})
      for (int i = 0; i < 20; ++i, ++seed)
        write_image(path("data") / name / fmt::format("{}.png", i), tiny_class_image(10 + i % 3, label, seed));
  }
};

// What a run's network computes for all samples of a split, from the run's weights and its own data set.
std::vector<float> own_probabilities(const fs::path& run, const NetworkOptions& options, const Split& split) {
  const Device device = default_device();
  Initializer init(device, 5);
  const auto network = make_network("resnet20", init, options);
  network->load_state(load_weights(run / "weights.safetensors").tensors);
  Loader loader(split, {.batch_size = 1000, .sampler = SamplerKind::sequential, .device = device});
  const std::vector<double> p = softmax_on_host("test", predict(*network, loader, "test").logits);
  return {p.begin(), p.end()};
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("predict: a run that is moved away from its data has the run's own probabilities bit for bit") {
    const PredictPlace place;
    place.write_photos();
    const Outcome trained = place.start(place.training());
    CAPTURE(trained.err);
    REQUIRE(trained.code == 0);
    const ImageTransform evaluation{.resize_shorter = 9, .crop_h = 8, .crop_w = 8};
    const ImageFolder folder =
        load_image_folder(place.path("data"), {.training = evaluation, .evaluation = evaluation});
    const std::vector<float> expected =
        own_probabilities(place.path("out") / kOwnCell / "dmi", {.classes = 2, .stem = ResNetStem::cifar},
                          make_split(folder.images, 0, folder.images->size()));

    fs::create_directory(place.path("elsewhere"));
    fs::rename(place.path("out") / kOwnCell / "dmi", place.path("elsewhere") / "moved");
    fs::rename(place.path("data"), place.path("other"));
    fs::remove_all(place.path("out"));
    const Outcome outcome =
        place.predict({"--run", place.path("elsewhere").string(), "--data", place.path("other").string(), "--out",
                       place.path("p.npy").string(), "--batch-size", "1000"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(outcome.err.empty());
    CHECK(contains(outcome.out, "40 predictions of 40 samples in "));
    CHECK(array_values(place.path("p.npy")) == expected);

    const Outcome table = place.predict({"--run", place.path("elsewhere").string(), "--data",
                                         place.path("other").string(), "--probabilities", "--batch-size", "7"});
    REQUIRE(table.code == 0);
    const CsvTable rows = parse_csv(table.out, "out");
    REQUIRE(rows.rows() == 40);
    CHECK(rows.columns[3] == "probability_apple, red");
    CHECK(rows.at(0, 0) == "apple, red/0.png");
    for (int64_t i = 0; i < 40; ++i) {
      const float first = expected[static_cast<size_t>(2 * i)];
      CHECK(rows.at(i, 1) == (first >= 0.5f ? "apple, red" : "p\xC3\xA4r"));
      CHECK(std::stod(rows.at(i, 3)) == doctest::Approx(first).epsilon(1e-4));
    }
  }

  TEST_CASE("predict: a finished run without a model gets it by asking for the run again without training") {
    const PredictPlace place;
    place.write_photos();
    REQUIRE(place.start(place.training()).code == 0);
    const fs::path run = place.path("out") / kOwnCell / "dmi";
    const auto before = files_below(place.path("out"));
    fs::remove(run / "model.json");
    const auto ask = [&] { return place.predict({"--run", run.string(), "--data", place.path("data").string()}); };
    const Outcome refused = ask();
    CHECK(refused.code == 1);
    CHECK(contains(refused.err, "has weights but no model.json"));
    REQUIRE(place.start(place.training()).code == 0);
    CHECK(files_below(place.path("out")) == before);
    CHECK(ask().code == 0);
    // Two runs are below the folder.
    const Outcome both = place.predict({"--run", place.path("out").string(), "--data", place.path("data").string()});
    CHECK(both.code == 1);
    CHECK(contains(both.err, "has 2 runs; name one of them: "));
  }

  TEST_CASE("predict: a run of cifar10 takes image files as its data set has them") {
    const PredictPlace place;
    write_tiny_cifar10_folders(place.path("data"));
    const Outcome trained = place.start(command_line("cifar10",
                                                     {{"--data", place.path("data").string()},
                                                      {"--out", place.path("out").string()},
                                                      {"--threads", "1"},
                                                      {"--epochs", "1"},
                                                      {"--batch-size", "20"},
                                                      {"--model", "resnet20"},
                                                      {"--noise", "none"},
                                                      {"--method", "ce"}},
                                                     {}));
    CAPTURE(trained.err);
    REQUIRE(trained.code == 0);
    const Outcome outcome = place.shell("$p --threads 1 --run out --data data/test --out p.npy --batch-size 1000");
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(array_values(place.path("p.npy")) == own_probabilities(place.path("out") / kOwnCell / "ce",
                                                                 {.classes = 10, .stem = ResNetStem::cifar},
                                                                 load_cifar10(place.path("data"), {}).test));
  }

  TEST_CASE("predict: runs of movie_reviews take texts from files and standard input") {
    const PredictPlace place;
    fs::create_directory(place.path("data"));
    write_tiny_movie_reviews(place.path("data"));
    REQUIRE(place
                .start(command_line("movie_reviews",
                                    {{"--data", place.path("data").string()},
                                     {"--out", place.path("out").string()},
                                     {"--threads", "1"},
                                     {"--epochs", "8"},
                                     {"--batch-size", "20"},
                                     {"--rate", "0"},
                                     {"--jobs", "2"},
                                     {"--method", "ce"}},
                                    {}))
                .code == 0);
    const Outcome lines =
        place.shell("printf 'a dull , awful film\\n\\nmoving and funny' | $p --run out --data - --device reference");
    CAPTURE(lines.err);
    CHECK(lines.code == 0);
    const CsvTable rows = parse_csv(lines.out, "out");
    REQUIRE(rows.rows() == 2);
    CHECK(rows.at(0, 1) == "negative");
    CHECK(rows.at(1, 0) == "3");
    CHECK(rows.at(1, 1) == "positive");
    const Outcome accuracy = place.shell(
        "printf 'text,label\\ndull and awful,negative\\nfunny and rich,positive\\n' > t.csv; "
        "$p --run out --data t.csv --label-column label --out p.csv");
    CHECK(accuracy.code == 0);
    CHECK(contains(accuracy.out, "2 predictions of 2 samples in p.csv\naccuracy 100.00%: 2 of 2 labels right\n"));
    const Outcome counted_lines = place.shell("printf 'dull\\nfunny\\n' | $p --run out --data - --out p.npy");
    CHECK(counted_lines.code == 0);
    CHECK(array_values(place.path("p.npy")).size() == 4);
  }

  TEST_CASE("predict: samples that cannot be read are named and counted and the exit code is 1") {
    const PredictPlace place;
    write_run(place.path("run"), image_model());
    for (const char* name : {"a.png", "z.png", "new\nline, \"quoted\".png", "\xE9.png"})
      write_image(place.path("images") / name, random_image(16, 16, 1));
    write_file_atomically(place.path("images") / "broken.png", "none");
    const Outcome outcome = place.shell("$p --run run --data images --out p.csv");
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "predict: image: 'images/broken.png' is not an image"));
    CHECK(contains(outcome.err, "predict: 1 of 5 samples without a prediction\n"));
    CHECK(contains(outcome.out, "4 predictions of 5 samples in p.csv"));
    const CsvTable rows = parse_csv(read_file(place.path("p.csv")), "p.csv");
    REQUIRE(rows.rows() == 5);
    CHECK(rows.at(1, 0) == "broken.png");
    CHECK(rows.at(1, 1).empty());
    CHECK(rows.at(2, 0) == "new\nline, \"quoted\".png");
    CHECK(rows.at(4, 0) == "\\xE9.png");
  }

  TEST_CASE("predict: what cannot be meant and what cannot be used is one sentence and leaves no file") {
    const PredictPlace place;
    write_run(place.path("run"), feature_model());
    const std::vector<float> values(8, 0.5f);
    write_npy(place.path("x.npy"), std::span<const float>(values), {2, 4});
    const auto refused = [&](const std::string& flags, int code, const std::string& part) {
      CAPTURE(flags);
      const Outcome outcome = place.shell("$p " + flags);
      CAPTURE(outcome.err);
      CHECK(outcome.code == code);
      CHECK(outcome.err.starts_with("predict: "));
      CHECK(std::ranges::count(outcome.err, '\n') == 1);
      CHECK(contains(outcome.err, part));
      CHECK(!fs::exists(place.path("p.csv")));
    };
    CHECK(place.shell("$p --run run --data x.npy --out ok.csv").code == 0);
    refused("", 2, "is required");
    refused("--run run", 2, "--data is required");
    refused("--run run --data x.npy --out p.txt", 2, "--out p.txt: expected a name that ends in .csv or .npy");
    refused("--run run --data x.npy --out p.npy --top 2", 2, "--top");
    refused("--run run --data x.npy --top 4", 2, "--top 4: the network has 3 classes");
    refused("--run run --data x.npy --top 0", 2, "--top");
    refused("--run run --data x.npy --batch-size 0", 2, "--batch-size 0");
    refused("--run run --data x.npy --device abacus", 2, "--device abacus");
    refused("--run run --data x.npy --precision f8", 2, "--precision f8");
    refused("--run run --data x.npy --threads 0", 2, "--threads 0");
    refused("--run run --data x.npy --workers -1", 2, "--workers -1");
    refused("--run run --data x.npy --label-column y", 2, "--label-column y");
    refused("--run none --data x.npy", 1, "'none' does not exist");
    refused("--run run --data none", 1, "--data none");
    refused("--run run --data run", 1, "a folder, but the network takes features");
    refused("--run run --data x.npy --out none/p.csv", 1, "none/p.csv");
    write_file_atomically(place.path("run") / "model.json", "{}");
    refused("--run run --data x.npy --out p.csv", 1, "run/model.json: not the model of a run");
  }

  TEST_CASE("predict: signals and pipes that close end it with one sentence and without a file") {
    const PredictPlace place;
    write_run(place.path("run"), text_model());
    const Outcome stopped =
        place.shell("sleep 20 | timeout -s INT 1 $p --run run --data - --out p.csv; ls -A | grep -c p.csv");
    CHECK(contains(stopped.err, "predict: stopped by SIGINT\n"));
    CHECK(contains(stopped.out, "0"));
    const Outcome closed = place.shell("yes good | $p --run run --data - | head -1; echo ${PIPESTATUS[1]}");
    CHECK(closed.out == "id,predicted_label,probability\n1\n");
    CHECK(closed.err == "predict: standard output cannot be written to: Broken pipe\n");
    const Outcome empty = place.shell("$p --run run --data - < /dev/null");
    CHECK(empty.code == 1);
    CHECK(empty.err == "predict: standard input has no lines\n");
  }

  TEST_CASE("predict: a precision that the machine lacks is replaced and said so") {
    const PredictPlace place;
    RunModel model = feature_model();
    model.precision = "tf32";
    write_run(place.path("run"), model);
    const std::vector<float> values(8, 0.5f);
    write_npy(place.path("x.npy"), std::span<const float>(values), {2, 4});
    const Outcome outcome = place.shell("$p --run run --data x.npy --device reference");
    CHECK(outcome.code == 0);
    CHECK(contains(outcome.err, "predict: computes in f32 in place of the run's precision"));
    CHECK(place.shell("$p --run run --data x.npy --device reference --precision tf32").code == 2);
    CHECK(place.shell("$p --run run --data x.npy --device reference --precision bf16").code == 0);
  }
}
