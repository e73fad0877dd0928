#include "experiments/labels/label_files.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "data/files/csv.h"
#include "data/files/label_table.h"
#include "data/files/npy.h"
#include "engine/io/file.h"
#include "tests/experiments/labels/judged_sample.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

const std::vector<std::string> kNames = {"=sum(1)", "cat", "dog, \"small\"\nand old"};

JudgedLabels odd_labels() {
  JudgedLabels labels = judged_sample(kNames, 120);
  labels.ids[0] = "=cmd|' /c calc'!A1";
  labels.ids[1] = "caf\xE9\n.jpg";
  labels.ids[2] = "a,\"b\"";
  labels.given[3] = kMissingLabel;
  return labels;
}

CsvTable table_of(const std::filesystem::path& path) {
  return parse_csv(read_file(path), path.string());
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("label files: every sample in the input's order and the suspects by quality") {
    const TemporaryFolder folder;
    const JudgedLabels labels = odd_labels();
    const Verdict verdict = judge(labels);
    write_label_files(folder.path(), labels, verdict);
    CHECK(folder.count() == 5);

    const CsvTable all = table_of(folder / "labels.csv");
    CHECK(all.columns == std::vector<std::string>{"id", "given_label", "predicted_label", "given_probability",
                                                  "predicted_probability", "quality", "suspect", "fold"});
    REQUIRE(all.rows() == 120);
    CHECK(all.at(0, 0) == "=cmd|' /c calc'!A1");  // unchanged, or it could not be matched with the data
    CHECK(all.at(1, 0) == "caf\\xE9\\u000A.jpg");
    CHECK(all.at(2, 0) == "a,\"b\"");
    CHECK(all.at(0, 1) == "=sum(1)");
    CHECK(all.at(2, 2) == kNames[2]);
    for (const size_t empty : {1, 3, 5}) CHECK(all.at(3, empty).empty());
    CHECK(all.at(3, 2) == "=sum(1)");
    CHECK(all.at(3, 6) == "no");
    CHECK(all.at(4, 7) == "2");
    for (int64_t i = 0; i < all.rows(); ++i) {
      const auto sample = static_cast<size_t>(i);
      CHECK((all.at(i, 6) == "yes") == (verdict.suspect[sample] != 0));
      if (labels.given[sample] != kMissingLabel)
        CHECK(std::stof(all.at(i, 5)) == doctest::Approx(verdict.quality[sample]).epsilon(1e-5));
    }

    const CsvTable suspects = table_of(folder / "suspects.csv");
    CHECK(suspects.columns == all.columns);
    REQUIRE(suspects.rows() == verdict.suspects);
    for (int64_t i = 0; i < suspects.rows(); ++i) {
      CHECK(suspects.at(i, 6) == "yes");
      if (i > 0) CHECK(std::stof(suspects.at(i - 1, 5)) <= std::stof(suspects.at(i, 5)));
    }
  }

  TEST_CASE("label files: the table of labels is one that labels can be read from again") {
    const TemporaryFolder folder;
    const JudgedLabels labels = judged_sample({"a", "b"}, 40);
    write_label_files(folder.path(), labels, judge(labels));
    const LabelTable table = LabelTable::open(folder / "labels.csv", {.path = {.column = "id"}});
    CHECK(table.column(TableRole::label) == "given_label");
    CHECK(table.categories(TableRole::label).values == labels.given);
    CHECK(table.value(7, TableRole::path) == "7");
  }

  TEST_CASE("label files: probabilities and matrices are those of the classes in their order") {
    const TemporaryFolder folder;
    const JudgedLabels labels = odd_labels();
    const Verdict verdict = judge(labels);
    write_label_files(folder.path(), labels, verdict);
    const NpyArray probabilities(folder / "probabilities.npy");
    CHECK(probabilities.shape() == std::vector<int64_t>{120, 3});
    CHECK(probabilities.type() == NpyType::f4);
    std::vector<double> row(3);
    probabilities.read_row(119, row);
    for (size_t c = 0; c < 3; ++c) CHECK(row[c] == static_cast<double>(labels.predictions().row(119)[c]));

    const CsvTable joint = table_of(folder / "joint.csv"), transition = table_of(folder / "transition.csv");
    CHECK(joint.columns[0] == "given \\ true");
    CHECK(transition.columns[0] == "true \\ given");
    double sum = 0.0;
    for (int64_t row_index = 0; row_index < 3; ++row_index) {
      CHECK(joint.at(row_index, 0) == kNames[static_cast<size_t>(row_index)]);
      double row_sum = 0.0;
      for (size_t column = 0; column < 3; ++column) {
        sum += std::stod(joint.at(row_index, column + 1));
        row_sum += std::stod(transition.at(row_index, column + 1));
        CHECK(std::stod(joint.at(row_index, column + 1)) ==
              doctest::Approx(verdict.joint().at(row_index, static_cast<int64_t>(column))).epsilon(1e-5));
      }
      CHECK(row_sum == doctest::Approx(1.0).epsilon(1e-5));
    }
    CHECK(sum == doctest::Approx(1.0).epsilon(1e-5));
  }

  TEST_CASE("label files: a verdict on other labels and a folder that is not there leave nothing") {
    const TemporaryFolder folder;
    const JudgedLabels labels = judged_sample({"a", "b"}, 40);
    const Verdict verdict = judge(labels);
    CHECK(throws_saying("a verdict on 40 samples for 60 labels", [&] {
      write_label_files(folder.path(), judged_sample({"a", "b"}, 60), verdict);
    }));
    CHECK_FALSE(error_of([&] { write_label_files(folder / "absent", labels, verdict); }).empty());
    CHECK(folder.count() == 0);
  }
}
