// train: flags that cannot be meant are bad usage, data that cannot be used is an error, and neither leaves a result.
#include <doctest/doctest.h>

#include "tests/experiments/own_samples.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

namespace fs = std::filesystem;

// One command line that is refused, as words that may hold names of files of the place in braces, and why.
struct Refusal {
  std::string flags;
  std::vector<std::string> parts;
};

class RefusingPlace : public FeaturePlace {
 public:
  RefusingPlace() {
    write_file_atomically(path("texts.csv"), "text,label\ngood film,a\nbad film,b\n");
    write_file_atomically(path("neither.csv"), "x,y\n1,2\n");
    write_file_atomically(path("y.npy"), "none");
    write_image(path("photos/a/1.png"), tiny_class_image(10, 0, 1));
    write_image(path("photos/b/1.png"), tiny_class_image(10, 1, 2));
    write_file_atomically(path("images.csv"), "path,label\nphotos/a/1.png,a\nphotos/b/1.png,b\n");
  }

  void refuses(const std::vector<Refusal>& refusals, int code) const {
    for (const Refusal& refusal : refusals) {
      CAPTURE(refusal.flags);
      std::vector<std::string> words = {program("train"), "--out", out().string()};
      std::istringstream flags(refusal.flags);
      for (std::string word; flags >> word;) words.push_back(word);
      const Outcome outcome = in_folder(words);
      CAPTURE(outcome.out);
      CAPTURE(outcome.err);
      CHECK(outcome.code == code);
      for (const std::string& part : refusal.parts) CHECK(contains(outcome.err, part));
      CHECK(!fs::exists(cell()));
      CHECK(!fs::exists(out() / "results.jsonl"));
      if (code == 2) CHECK(!fs::exists(out()));
    }
  }

 private:
  // With paths that are relative to the folder.
  Outcome in_folder(const std::vector<std::string>& words) const {
    std::string line = "cd " + folder().string() + " && exec";
    for (const std::string& word : words) line += " '" + word + "'";
    return Process({"bash", "-c", line}, folder()).wait();
  }
};

const std::string kFeatureFlags = "--features x.npy --labels labels.csv --model linear --method ce --epochs 1 ";

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("train: flags of samples and of judging that contradict each other are bad usage") {
    const RefusingPlace place;
    place.refuses(
        {
            {"--features x.npy", {"--features x.npy: --labels names the table or the .npy array"}},
            {"--labels y.npy", {"--labels y.npy: an array of labels is for --features"}},
            {"--data photos --label-column label", {"--label-column label", "a table that --labels names"}},
            {"--data photos --header yes", {"--header yes", "a table that --labels names"}},
            {"--data photos --group-column g", {"--group-column g", "a table that --labels names"}},
            {"--features x.npy --labels y.npy --id-column id", {"--id-column id", "a table that --labels names"}},
            {"--labels texts.csv --path-column p --text-column t",
             {"--path-column p and --text-column t: samples are images or texts"}},
            {kFeatureFlags + "--text-column text", {"--text-column text: the samples are the rows of --features"}},
            {kFeatureFlags + "--path-column path", {"--path-column path: the samples are the rows of --features"}},
            {kFeatureFlags + "--test texts.csv", {"--test texts.csv: samples for test are rows of --features"}},
            {"--labels images.csv --id-column path", {"--id-column path: images are known by their paths"}},
            {"--labels neither.csv --header yes",
             {"--labels neither.csv: none of its columns (x, y)", "--path-column"}},
            {"--labels texts.csv --header maybe", {"--header", "maybe"}},
            {"--method ce", {"--data: name the folder of your images", "--labels"}},
            {"--features x.npy --labels labels.csv --model resnet20",
             {"--model resnet20: the samples are features", "linear, mlp"}},
            {kFeatureFlags + "--image-size 8", {"--image-size", "it is for images"}},
            {kFeatureFlags + "--max-length 8", {"--max-length", "it is for texts"}},
            {kFeatureFlags + "--hidden 8", {"--hidden: it is for --model mlp, not linear"}},
            {"--features x.npy --labels labels.csv --hidden 8,0", {"--hidden 0: expected positive numbers"}},
            {"--labels texts.csv --no-augmentation", {"--no-augmentation", "it is for images"}},
            {"--labels texts.csv --model mlp", {"--model mlp: the samples are text", "word_cnn"}},
        },
        2);
    place.refuses(
        {
            {kFeatureFlags + "--folds 1", {"--folds 1: expected 2 to 100, or 0"}},
            {kFeatureFlags + "--folds -3", {"--folds -3: expected 2 to 100, or 0"}},
            {kFeatureFlags + "--folds 101", {"--folds 101: expected 2 to 100, or 0"}},
            {kFeatureFlags + "--folds five", {"--folds", "five"}},
            {kFeatureFlags + "--quality best", {"--quality", "best", "posterior"}},
            {kFeatureFlags + "--drop-suspects", {"--drop-suspects: it needs --folds"}},
            {kFeatureFlags + "--relabel", {"--relabel: it needs --folds"}},
            {kFeatureFlags + "--folds 3 --drop-suspects --relabel", {"--relabel", "--drop-suspects"}},
            {kFeatureFlags + "--folds 3 --judge ce",
             {"--judge ce: it finds the suspects of --drop-suspects and --relabel"}},
            {kFeatureFlags + "--folds 3 --relabel --judge dmi", {"--judge dmi: it is none of the methods (ce)"}},
        },
        2);
  }

  TEST_CASE("train: data that cannot be used is an error that names it and leaves no result") {
    const RefusingPlace place;
    write_file_atomically(place.path("short.csv"), "id,label\ns0,c0\ns1,c1\n");
    write_file_atomically(place.path("one.csv"), "text,label\ngood,a\nbetter,a\n");
    std::string rare = "id,label,split\n";
    for (int i = 0; i < place.labels.count; ++i)
      rare += fmt::format("s{},{},{}\n", i, i == 5 || i == 6 || i == 7 ? "rare" : "often",
                          i % 3 == 0   ? "test"
                          : i % 3 == 1 ? "validation"
                                       : "train");
    write_file_atomically(place.path("rare.csv"), rare);
    write_file_atomically(place.path("unknown.csv"), "id,given_label,decision,label\nnobody,c0,keep,\n");
    write_file_atomically(place.path("decision.csv"), "id,given_label,decision,label\ns0,c0,perhaps,\n");
    place.refuses(
        {
            {"--features x.npy --labels short.csv", {"'short.csv': 2 labels, but 'x.npy' has 120 rows of features"}},
            {"--features x.npy --labels y.npy", {"y.npy"}},
            {"--features nowhere.npy --labels labels.csv", {"nowhere.npy"}},
            {"--labels nowhere.csv", {"nowhere.csv"}},
            {"--labels one.csv", {"one.csv"}},
            {kFeatureFlags + "--label-column missing", {"there is no column 'missing'", "'id', 'label'"}},
            {kFeatureFlags + "--group-column missing", {"there is no column 'missing'", "'id', 'label'"}},
            {kFeatureFlags + "--split missing", {"--split", "missing"}},
            {kFeatureFlags + "--clean-test", {"--clean-test: no row of 'labels.csv' has the split test"}},
            {kFeatureFlags + "--labels-reviewed unknown.csv", {"unknown.csv", "line 2", "nobody"}},
            {kFeatureFlags + "--labels-reviewed decision.csv", {"decision.csv", "line 2", "perhaps"}},
            {"--features x.npy --labels rare.csv --split split --folds 3 --method ce --epochs 1",
             {"--folds: ", "the only training sample of class 'rare' is in fold",
              "Have two or more training samples of each class"}},
        },
        1);
  }
}
