// train --folds, end to end, on each form of samples: every sample is judged by a network that has not seen it, in the
// input's order, and predict goes on with the final network.
#include <doctest/doctest.h>

#include "tests/data/sets/movie_review_files.h"
#include "tests/experiments/own_samples.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kFolded = {"--folds", "3", "--method", "ce,dmi"};

std::vector<std::string> folded(const std::vector<std::string>& more) {
  std::vector<std::string> all = kFolded;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// labels.csv of a run whose samples are called `id(i)`, without those for which `left_out(i)` holds.
template <class Id, class LeftOut>
void check_labels(const fs::path& run, const PlantedLabels& planted, Id id, LeftOut left_out) {
  CAPTURE(run);
  const std::vector<JudgedRow> rows = judged_rows(run);
  std::map<std::string, int> places;
  size_t at = 0;
  for (int i = 0; i < planted.count; ++i) {
    if (left_out(i)) continue;
    REQUIRE(at < rows.size());
    const JudgedRow& row = rows[at++];
    places[row.id] = i;
    CHECK(row.id == id(i));
    CHECK(row.given == planted.given_name(i));
    CHECK(row.quality.empty() == planted.missing(i));
    CHECK(!row.predicted.empty());
    CHECK(!(planted.missing(i) && (row.suspect || row.fold > 0)));
    CHECK((row.fold >= 0 && row.fold <= 3));
  }
  CHECK(at == rows.size());
  const auto in_fold = std::ranges::count_if(rows, [](const JudgedRow& row) { return row.fold > 0; });
  CHECK(in_fold > planted.count / 2);
  const auto is_wrong = [&](const JudgedRow& row) { return planted.wrong(places.at(row.id)); };
  const double chance = static_cast<double>(std::ranges::count_if(rows, is_wrong)) / static_cast<double>(rows.size());
  CHECK(average_precision(rows, is_wrong) > 0.4 + chance);
  const NpyArray probabilities(run / "probabilities.npy");
  CHECK(probabilities.shape() == std::vector<int64_t>{std::ssize(rows), planted.classes});
  for (const char* file : {"report.html", "model.json", "suspects.csv", "joint.csv", "transition.csv"})
    CHECK(fs::exists(run / file));
}

template <class Id>
void check_labels(const fs::path& run, const PlantedLabels& planted, Id id) {
  check_labels(run, planted, id, [](int) { return false; });
}

// What predict says of the samples is what the final network says of them, which a start without folds reports.
void check_predictions(const OwnPlace& place, const std::vector<std::string>& samples,
                       const std::vector<std::string>& training) {
  const fs::path run = place.cell() / "dmi";
  const fs::path file = place.path("p.npy");
  std::vector<std::string> predict = {program("predict"), "--threads", "1",          "--run",
                                      run.string(),       "--out",     file.string()};
  predict.insert(predict.end(), samples.begin(), samples.end());
  const Outcome outcome = Process(predict, place.folder()).wait();
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  const std::vector<float> of_folds = array_values(run / "probabilities.npy");
  place.succeed(training);
  const std::vector<float> predicted = array_values(file), own = array_values(run / "probabilities.npy");
  CHECK(own != of_folds);
  REQUIRE(predicted.size() == own.size());
  for (size_t i = 0; i < own.size(); ++i) CHECK(predicted[i] == doctest::Approx(own[i]).epsilon(1e-4));
}

class FormPlace : public OwnPlace {
 public:
  explicit FormPlace(const PlantedLabels& planted)
      : OwnPlace({{"--epochs", "3"},
                  {"--batch-size", "15"},
                  {"--model", "resnet20"},
                  {"--image-size", "8"},
                  {"--pretrain-lr", "0.003"}}),
        labels(planted) {
    for (int i = 0; i < labels.count; ++i)
      write_image(path(photo(i)), tiny_class_image(10 + i % 3, labels.truth(i), static_cast<uint64_t>(i)));
  }
  static std::string photo(int i) { return fmt::format("photos/a, {}.png", i); }

  PlantedLabels labels;
};

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("train: tables of images of every format are judged by folds") {
    const FormPlace place({.count = 90, .wrong_every = 8});
    const PlantedLabels& labels = place.labels;
    std::string name, table;
    std::vector<std::string> flags;
    SUBCASE("CSV with a header") {
      name = "labels.csv";
      table = "\xEF\xBB\xBFnote,path,label\r\n";
      for (int i = 0; i < labels.count; ++i)
        table += fmt::format("\"x, y\",\"{}\",{}\r\n", FormPlace::photo(i), labels.given_name(i));
    }
    SUBCASE("TSV without a header") {
      name = "labels.tsv";
      for (int i = 0; i < labels.count; ++i)
        table += fmt::format("{}\t{}\n", labels.given_name(i), FormPlace::photo(i));
      flags = {"--path-column", "2", "--label-column", "1", "--header", "no"};
    }
    SUBCASE("JSON Lines") {
      name = "labels.jsonl";
      for (int i = 0; i < labels.count; ++i) {
        const std::string label = labels.missing(i) ? "" : fmt::format(", \"label\": \"{}\"", labels.given_name(i));
        table += fmt::format("{{\"path\": \"{}\"{}}}\n", place.path(FormPlace::photo(i)).string(), label);
      }
    }
    write_file_atomically(place.path(name), table);
    const std::vector<std::string> columns = flags;
    flags.insert(flags.end(), {"--labels", place.path(name).string()});
    const Outcome outcome = place.succeed(folded(flags));
    CHECK(contains(outcome.out, "5 samples without a label: predicted and never trained on"));
    const auto id = [&](int i) {
      return name == "labels.jsonl" ? place.path(FormPlace::photo(i)).string() : FormPlace::photo(i);
    };
    for (const char* method : {"ce", "dmi"}) check_labels(place.cell() / method, labels, id);
    CHECK(contains(read_file(place.cell() / "ce/report.html"), "data:image/"));
    if (name != "labels.csv") return;
    flags.insert(flags.end(), {"--method", "ce,dmi"});
    check_predictions(place, {"--data", place.path(name).string()}, flags);
  }

  TEST_CASE("train: texts are judged by folds and test samples whose labels are right are left out") {
    const PlantedLabels labels;
    const OwnPlace place({{"--epochs", "8"}, {"--batch-size", "20"}, {"--pretrain-lr", "0.01"}});
    std::string table = "split,text,label\n";
    for (int i = 0; i < labels.count; ++i) {
      std::string text = tiny_sentences(1, labels.truth(i) == 1, static_cast<uint64_t>(i));
      for (size_t at; (at = text.find('\xE9')) != std::string::npos;) text.replace(at, 1, "\xC3\xA9");
      const char* part = i % 5 == 1 ? "test" : i % 5 == 2 ? "validation" : "train";
      table += fmt::format("{},\"{}\",{}\n", part, text.substr(0, text.find(" . \n")), labels.given_name(i));
    }
    write_file_atomically(place.path("texts.csv"), table);
    const std::vector<std::string> flags = {
        "--labels", place.path("texts.csv").string(), "--text-column", "text", "--split", "split"};
    const auto id = [](int i) { return fmt::format("{}", i + 1); };
    const Outcome outcome = place.succeed(folded(flags));
    CHECK(contains(outcome.out, "--split says which samples are for testing; their labels are used as given"));
    for (const char* method : {"ce", "dmi"}) check_labels(place.cell() / method, labels, id);
    for (const JudgedRow& row : judged_rows(place.cell() / "ce"))
      CHECK((row.fold == 0) == (std::stoi(row.id) % 5 == 2 || row.given.empty()));

    // The labels of the test samples are right after all: the same networks judge again.
    std::vector<std::string> clean = flags;
    clean.push_back("--clean-test");
    const Outcome again = place.succeed(folded(clean));
    CHECK(contains(again.out, "2 runs are judged again and not trained"));
    const auto is_test = [&](int i) { return i % 5 == 1 && !labels.missing(i); };
    for (const char* method : {"ce", "dmi"}) check_labels(place.cell() / method, labels, id, is_test);
  }

  TEST_CASE("train: features with labels in an array or a table are judged by folds") {
    const FeaturePlace place({.classes = 3});
    const PlantedLabels& labels = place.labels;
    const fs::path features = place.path("x.npy");
    std::vector<std::string> flags = {"--features", features.string(), "--labels"};
    SUBCASE("an array") {
      std::vector<int64_t> given;
      for (int i = 0; i < labels.count; ++i) given.push_back(labels.given(i));
      write_npy<int64_t>(place.path("y.npy"), given, {labels.count});
      flags.push_back(place.path("y.npy").string());
      place.succeed(folded(flags));
      for (const char* method : {"ce", "dmi"}) {
        const std::vector<JudgedRow> rows = judged_rows(place.cell() / method);
        REQUIRE(rows.size() == 120);
        for (int i = 0; i < labels.count; ++i) {
          const JudgedRow& row = rows[static_cast<size_t>(i)];
          CHECK(row.id == fmt::format("{}", i + 1));
          CHECK(row.given == (labels.missing(i) ? "" : fmt::format("{}", labels.given(i))));
        }
        const auto is_wrong = [&](const JudgedRow& row) { return labels.wrong(std::stoi(row.id) - 1); };
        CHECK(average_precision(rows, is_wrong) > 0.8);
      }
    }
    SUBCASE("a table") {
      flags.push_back(place.path("labels.csv").string());
      place.succeed(folded(flags));
      for (const char* method : {"ce", "dmi"})
        check_labels(place.cell() / method, labels, [](int i) { return fmt::format("s{}", i); });
    }
    flags.insert(flags.end(), {"--method", "ce,dmi"});
    check_predictions(place, {"--data", features.string()}, flags);
  }

  TEST_CASE("train: samples of one group are in one part and in one fold") {
    const FeaturePlace place;
    const auto group_of = [](int i) { return i % 10 == 9 ? -1 : i / 4; };  // some have none
    write_planted_table(place.path("labels.csv"), place.labels, ",patient",
                        [&](int i) { return group_of(i) < 0 ? std::string(",") : fmt::format(",p{}", group_of(i)); });
    place.train(folded({"--group-column", "patient"}));
    std::map<int, std::set<int>> folds;
    const std::vector<JudgedRow> rows = judged_rows(place.cell() / "ce");
    REQUIRE(rows.size() == 120);
    for (int i = 0; i < place.labels.count; ++i) {
      if (group_of(i) >= 0 && !place.labels.missing(i)) folds[group_of(i)].insert(rows[static_cast<size_t>(i)].fold);
    }
    CHECK(folds.size() == 30);
    for (const auto& [group, its] : folds) CHECK(its.size() == 1);  // fold 0 is that of the test samples
    std::set<int> all;
    for (const JudgedRow& row : rows) all.insert(row.fold);
    CHECK(all == std::set<int>{0, 1, 2, 3});
  }
}
