// train --folds: what is kept, what is made again, and what is said where a start follows others in the same folder.
#include <doctest/doctest.h>

#include <functional>

#include "tests/experiments/own_samples.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kThreeFolds = {"--folds", "3", "--method", "ce,dmi"};

std::vector<std::string> three(const std::vector<std::string>& more) {
  std::vector<std::string> all = kThreeFolds;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// When each file of weights below a folder was written.
std::map<std::string, fs::file_time_type> weights_below(const fs::path& folder) {
  std::map<std::string, fs::file_time_type> times;
  for (const auto& [name, bytes] : files_below(folder))
    if (name.ends_with("weights.safetensors")) times[name] = fs::last_write_time(folder / name);
  return times;
}

std::vector<std::string> labels_in(const fs::path& cell) {
  return {read_file(cell / "ce/labels.csv"), read_file(cell / "dmi/labels.csv"),
          read_file(cell / "dmi/probabilities.npy")};
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("train: folds that are interrupted go on and several processes find the same") {
    const FeaturePlace place;
    const auto in = [&](const std::string& name, const std::vector<std::string>& more = {}) {
      std::vector<std::string> flags = three({"--out", place.path(name).string(), "--epochs", "12"});
      flags.insert(flags.end(), more.begin(), more.end());
      return place.with(flags);
    };
    place.succeed(in("whole"));
    const std::vector<std::string> whole = labels_in(place.path("whole/none-rate0-seed1"));
    const fs::path cell = place.path("stopped/none-rate0-seed1");
    {
      Process process(place.command(in("stopped")), place.folder());
      REQUIRE(appears(cell / "fold2of3/ce"));
      ::kill(process.pid(), SIGTERM);
      const Outcome stopped = process.wait();
      CHECK(stopped.code != 0);
      CHECK(!fs::exists(cell / "ce"));
    }
    const auto first = fs::last_write_time(cell / "fold1of3/ce/weights.safetensors");
    const Outcome resumed = place.succeed(in("stopped"));
    CHECK(contains(resumed.out, "fold 2"));
    CHECK(!contains(resumed.out, "fold 1"));
    CHECK(fs::last_write_time(cell / "fold1of3/ce/weights.safetensors") == first);
    CHECK(labels_in(cell) == whole);
    const auto files = files_below(place.path("stopped"));
    for (const auto& [name, bytes] : files) CHECK(!name.ends_with("checkpoint.safetensors"));
    const Outcome third = place.succeed(in("stopped"));
    CHECK(!contains(third.out, "judged"));
    CHECK(files_below(place.path("stopped")) == files);

    place.succeed(in("jobs", {"--jobs", "2", "--threads", "2"}));  // one thread each
    CHECK(labels_in(place.path("jobs/none-rate0-seed1")) == whole);
  }

  TEST_CASE("train: a fold whose predictions are gone is judged again without training") {
    const FeaturePlace place;
    place.train(three({}));
    const auto before = weights_below(place.out());
    const std::vector<std::string> labels = labels_in(place.cell());
    fs::remove(place.cell() / "fold2of3/dmi/probabilities.npy");
    CHECK(!contains(place.train(three({})).out, "judged"));  // the labels are judged: nothing needs it
    const Outcome other = place.train(three({"--quality", "self-confidence"}));
    CHECK(contains(other.out, "2 runs are judged again and not trained"));
    CHECK(occurrences(other.out, "samples judged") == 1);
    CHECK(contains(other.out, "fold 2, dmi: "));
    CHECK(labels_in(place.cell()) != labels);
    CHECK(weights_below(place.out()) == before);
    const Outcome back = place.train(three({"--quality", "posterior"}));
    CHECK(!contains(back.out, "samples judged"));
    CHECK(labels_in(place.cell()) == labels);
    CHECK(weights_below(place.out()) == before);
  }

  TEST_CASE(
      "train: folds asked for later or no longer or in another number leave the networks and never stale labels") {
    const FeaturePlace place;
    place.train({"--method", "ce,dmi"});
    const auto final_ones = weights_below(place.out());
    const std::vector<std::string> plain = labels_in(place.cell());
    for (const JudgedRow& row : judged_rows(place.cell() / "dmi")) CHECK(row.fold == 0);

    const Outcome folded = place.train(three({}));
    CHECK(contains(folded.out, "2 runs are judged again and not trained"));
    const std::vector<std::string> by_three = labels_in(place.cell());
    CHECK(by_three != plain);
    const auto with_folds = weights_below(place.out());
    CHECK(with_folds.size() == 8);
    for (const auto& [name, time] : final_ones) CHECK(with_folds.at(name) == time);

    const Outcome without = place.train({"--method", "ce,dmi"});
    CHECK(contains(without.out, "2 runs are judged again and not trained"));
    CHECK(labels_in(place.cell()) == plain);
    CHECK(weights_below(place.out()) == with_folds);

    place.train({"--folds", "4", "--method", "ce,dmi"});
    int most = 0;
    for (const JudgedRow& row : judged_rows(place.cell() / "dmi")) most = std::max(most, row.fold);
    CHECK(most == 4);
    const auto with_both = weights_below(place.out());
    CHECK(with_both.size() == 16);
    for (const auto& [name, time] : with_folds) CHECK(with_both.at(name) == time);
    place.train(three({}));  // nothing of the three was lost
    CHECK(labels_in(place.cell()) == by_three);
    CHECK(weights_below(place.out()) == with_both);
  }

  TEST_CASE("train: folds are trained for the methods that need them alone") {
    const FeaturePlace place;
    const std::string first = place.path("first").string();
    place.train(three({"--out", first}));
    const Outcome outcome =
        place.train({"--folds", "3", "--method", "ce,dmi,gce", "--known", first + "/results.jsonl"});
    CHECK(contains(outcome.out, "2 of 3 runs are known from"));
    CHECK(fs::exists(place.cell() / "gce/labels.csv"));
    CHECK(fs::exists(place.cell() / "fold3of3/gce/judged.json"));
    CHECK(!fs::exists(place.cell() / "fold3of3/dmi"));
    CHECK(!fs::exists(place.cell() / "fold3of3/ce/judged.json"));  // gce starts from its weights
  }

  TEST_CASE("train: samples that only need a prediction and test samples may change without training") {
    const FeaturePlace place({.count = 120, .missing_every = 0});
    const auto write = [&](int rows, const std::function<std::string(int)>& label) {
      PlantedLabels some = place.labels;
      some.count = rows;
      write_planted_features(place.path("x.npy"), some);
      std::string text = "id,label,split\n";
      for (int i = 0; i < rows; ++i)
        text += fmt::format("s{},{},{}\n", i, label(i), i % 5 == 1 ? "test" : i % 5 == 2 ? "validation" : "train");
      write_file_atomically(place.path("labels.csv"), text);
    };
    const auto planted = [&](int i) { return i < 110 ? place.labels.given_name(i) : std::string(); };
    write(110, planted);
    place.train(three({}));
    const auto before = weights_below(place.out());
    CHECK(judged_rows(place.cell() / "ce").size() == 110);

    write(120, planted);  // ten more, without labels
    const Outcome more = place.train(three({}));
    CHECK(contains(more.out, "2 runs are judged again and not trained"));
    CHECK(weights_below(place.out()) == before);
    CHECK(judged_rows(place.cell() / "ce").size() == 120);

    write(120, [&](int i) { return i == 1 ? std::string("c0") : planted(i); });  // a test label
    const Outcome relabelled = place.train(three({}));
    CHECK(contains(relabelled.out, "the test set differs from that of finished results"));
    CHECK(weights_below(place.out()) == before);
    CHECK(judged_rows(place.cell() / "ce").at(1).given == "c0");
  }

  TEST_CASE("train: noise that is added is found by folds and its share is estimated") {
    const FeaturePlace place({.count = 300, .wrong_every = 0, .missing_every = 0});
    place.train(three({"--noise", "uniform", "--rate", "0.3"}));
    const fs::path run = place.out() / "uniform-rate0.3-seed1/dmi";
    const std::vector<JudgedRow> rows = judged_rows(run);
    REQUIRE(rows.size() == 300);
    const auto is_wrong = [&](const JudgedRow& row) {
      return row.given != fmt::format("c{}", place.labels.truth(std::stoi(row.id.substr(1))));
    };
    const auto wrong = static_cast<double>(std::ranges::count_if(rows, is_wrong));
    CHECK(wrong > 20);
    for (const JudgedRow& row : rows) CHECK(!(row.fold == 0 && is_wrong(row)));  // test labels are as given
    CHECK(average_precision(rows, is_wrong) > 0.9);
    const auto suspects = static_cast<double>(std::ranges::count_if(rows, &JudgedRow::suspect));
    CHECK(suspects > 0.7 * wrong);
    CHECK(suspects < 1.3 * wrong);
  }

  TEST_CASE("train: a final network whose classes are permuted is said and its folds are in order") {
    const FeaturePlace place({.wrong_every = 0, .missing_every = 0});
    // Cross entropy learns nothing, so that chance decides the order that DMI finds.
    const Outcome outcome =
        place.train({"--folds", "2", "--method", "dmi", "--pretrain-lr", "1e-7", "--epochs", "8", "--seed", "1,2,3"});
    CHECK(contains(outcome.out, "its classes look permuted: renamed, the same outputs reach"));
    CHECK(contains(outcome.out, "dmi does not depend on class order"));
  }
}
