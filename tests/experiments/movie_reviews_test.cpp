// movie_reviews, end to end, on sentences that the test writes.
#include <doctest/doctest.h>

#include "experiments/report/results.h"
#include "tests/data/sets/movie_review_files.h"
#include "tests/experiments/process.h"
#include "tests/fixtures/errors.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

const std::string kReviewCell = "positive-to-negative-rate0.2-seed1";

class ReviewPlace {
 public:
  ReviewPlace() {
    std::filesystem::create_directory(folder_ / "data");
    write_tiny_movie_reviews(folder_ / "data");
  }
  std::filesystem::path out() const { return folder_ / "out"; }
  const TemporaryFolder& folder() const { return folder_; }
  std::vector<std::string> command(const std::vector<std::string>& extra, const std::string& out = "out") const {
    std::vector<std::string> all = {program("movie_reviews"),
                                    "--threads",
                                    "1",
                                    "--data",
                                    (folder_ / "data").string(),
                                    "--out",
                                    (folder_ / out).string(),
                                    "--batch-size",
                                    "20",
                                    "--rate",
                                    "0.2"};
    all.insert(all.end(), extra.begin(), extra.end());
    return all;
  }
  Outcome run(const std::vector<std::string>& extra, const std::string& out = "out") const {
    return Process(command(extra, out), folder_.path()).wait();
  }
  std::string weights(const std::string& method, const std::string& out = "out") const {
    return read_file(folder_ / out / kReviewCell / method / "weights.safetensors");
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("movie_reviews: every method of the paper learns and leaves weights under PyTorch's names") {
    const ReviewPlace place;
    const Outcome outcome =
        place.run({"--epochs", "5", "--lr", "0.001", "--warmup-steps", "10", "--update-every", "4"});
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    const ResultsFile file = read_results(place.out() / "results.jsonl");
    REQUIRE(file.results.size() == 5);
    const std::vector<std::string> methods = {"ce", "dmi", "gce", "fw", "lccn"};
    for (size_t i = 0; i < methods.size(); ++i) {
      CAPTURE(methods[i]);
      CHECK(file.results[i].method == methods[i]);
      CHECK(file.results[i].test_accuracy > 75.0);
      CHECK(contains(file.results[i].settings, "\"embedding_mode\":\"random\""));
      const SafetensorsFile weights =
          load_safetensors(place.out() / kReviewCell / methods[i] / "weights.safetensors", Device::reference);
      CHECK(weights.at("embed.weight").dim(1) == 128);
      CHECK(weights.at("convs.2.weight").shape() == Shape{100, 128, 1, 5});
      CHECK(weights.at("fc.weight").shape() == Shape{2, 300});
    }
    CHECK(contains(file.results[4].settings, "\"loss\":{\"warmup_steps\":10,\"update_every\":4,\"alpha\":1.0}"));
    CHECK(contains(file.results[4].settings, "\"finetuning\":{\"optimizer\":\"sgd\""));
    CHECK(std::filesystem::exists(place.out() / "movie_reviews_accuracy.svg"));
  }

  TEST_CASE("movie_reviews: lccn killed in its phase and started again ends with the same bits") {
    const ReviewPlace place;
    const std::vector<std::string> flags = {"--method",       "lccn", "--epochs",       "12", "--lr", "0.1",
                                            "--warmup-steps", "7",    "--update-every", "3"};
    REQUIRE(place.run(flags, "peaceful").code == 0);
    {
      Process process(place.command(flags), place.folder().path());
      REQUIRE(appears(place.out() / kReviewCell / "lccn" / "checkpoint.safetensors"));
      process.kill_and_wait();
    }
    const Outcome resumed = place.run(flags);
    CAPTURE(resumed.err);
    CHECK(resumed.code == 0);
    CHECK(contains(resumed.out, "lccn: resumed after epoch"));
    CHECK(place.weights("lccn") == place.weights("lccn", "peaceful"));
  }

  TEST_CASE("movie_reviews: given word vectors are read kept and part of the settings") {
    const ReviewPlace place;
    const auto vectors =
        write_in(place.folder(), "glove.txt", "film 1 2 3\ndull -1 0.5 0\nmoving 1 -0.5 0\nother 7 7 7\n");
    const std::vector<std::string> flags = {"--method", "ce", "--epochs", "1", "--embeddings", vectors.string()};
    const auto with = [&](const std::string& mode) {
      std::vector<std::string> all = flags;
      if (!mode.empty()) all.insert(all.end(), {"--embedding-mode", mode});
      const Outcome outcome = place.run(all, mode + "-out");
      CAPTURE(outcome.err);
      REQUIRE(outcome.code == 0);
      return load_safetensors(place.folder() / (mode + "-out") / kReviewCell / "ce" / "weights.safetensors",
                              Device::reference);
    };
    const auto holds_film = [](const Tensor& table) {
      const std::vector<float> values = table.to_vector<float>();
      const std::vector<float> film = {1, 2, 3};
      return std::ranges::search(values, film).begin() != values.end();
    };
    CHECK(holds_film(with("static").at("embed.weight")));
    // Ten neutral words, since it's and cliches are cut in two, and eight that tell the class.
    CHECK(contains(place.run(flags, "said-out").out, fmt::format("found 3 of 18 words in '{}'", vectors.string())));
    CHECK(holds_film(with("multichannel").at("embed_fixed.weight")));
    const Tensor trained = with("").at("embed.weight");
    CHECK(trained.dim(1) == 3);
    CHECK(!holds_film(trained));
    write_in(place.folder(), "glove.txt", "film 1 2 4\ndull -1 0.5 0\nmoving 1 -0.5 0\nother 7 7 7\n");
    const Outcome other = place.run(flags, "-out");
    CHECK(other.code == 0);
    CHECK(contains(other.out, "the setting 'vectors' differs; 1 run starts over; the old one is kept, in "));
    CHECK(std::filesystem::exists(place.folder() / "-out" / kReviewCell / "ce.previous-1" / "weights.safetensors"));
  }

  TEST_CASE("movie_reviews: a run that blows up fails alone and its cause is looked for in the outputs not the words") {
    const ReviewPlace place;
    const Outcome outcome = place.run({"--method", "ce,gce", "--epochs", "1", "--lr", "1e38"});
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "the learning rate is likely too high"));
    CHECK(read_results(place.out() / "results.jsonl").results.size() == 1);
  }

  TEST_CASE("movie_reviews: bad usage is exit code 2 and bad data exit code 1") {
    const ReviewPlace place;
    const auto refused = [&](const std::vector<std::string>& flags, int code, const std::string& part) {
      const Outcome outcome = place.run(flags);
      CAPTURE(outcome.err);
      CHECK(outcome.code == code);
      CHECK(outcome.err.starts_with("movie_reviews: "));
      CHECK(contains(outcome.err, part));
      CHECK(files_below(place.out()).empty());
    };
    refused({"--embedding-mode", "static"}, 2, "--embedding-mode static: it starts from given word vectors");
    refused({"--embedding-mode", "random", "--embeddings", "x.bin"}, 2, "--embedding-mode random");
    refused({"--embedding-mode", "frozen"}, 2, "--embedding-mode");
    refused({"--activation", "sigmoid"}, 2, "--activation");
    refused({"--max-length", "4"}, 2, "--max-length 4: expected at least 5");
    refused({"--embeddings", "none.bin"}, 1, "none.bin");
    std::filesystem::remove(place.folder() / "data" / "rt-polarity.neg");
    refused({}, 1, "rt-polarity.neg");
  }

  TEST_CASE("movie_reviews: --help shows the paper's values and every method's") {
    const TemporaryFolder folder;
    const Outcome help = Process({program("movie_reviews"), "--help"}, folder.path()).wait();
    CHECK(help.code == 0);
    for (const auto* part : {"--embeddings", "--split-seed", "positive-to-negative", "SGD 0.0001, 50 epochs",
                             "ce (pre-training): Adam 0.001", "0.1,0.2,0.3", "--warmup-steps", "1000"}) {
      CAPTURE(part);
      CHECK(contains(help.out, part));
    }
  }
}
