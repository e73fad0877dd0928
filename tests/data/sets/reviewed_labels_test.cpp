#include "data/sets/reviewed_labels.h"

#include <doctest/doctest.h>

#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

const std::vector<std::string> kAnimals = {"ant", "bee", "cow"};

std::string id_of_index(int64_t index) {
  return "s" + std::to_string(index);
}

std::string review_error(const std::string& rows, std::vector<int32_t> labels = {0, 1, 2, -1}) {
  return error_of([&] {
    auto reviewed = ReviewedLabels::parse("id,given_label,decision,label\n" + rows, "r.csv", kAnimals);
    reviewed.apply(labels, id_of_index);
    reviewed.check_applied();
  });
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("decisions keep change and leave out labels") {
    auto reviewed = ReviewedLabels::parse(
        "label,decision,note,id,given_label\n"
        "bee,keep,sure,s0,ant\ncow, Change ,,\" s1 \",bee\n,leave_out,,s2,cow\nant,change,,s3,\n",
        "r.csv", kAnimals);
    std::vector<int32_t> labels = {0, 1, 2, -1, 1};
    CHECK(reviewed.apply(labels, id_of_index) == std::vector<uint8_t>{1, 1, 0, 1, 0});
    CHECK(labels == std::vector<int32_t>{0, 2, -1, 0, 1});
    reviewed.check_applied();
    CHECK(reviewed.summary() == "r.csv: 1 label is kept, 2 changed and 1 left out");
    // Decisions may be about several data sets.
    auto several =
        ReviewedLabels::parse("id,given_label,decision,label\ns0,ant,keep,\nt0,bee,keep,\n", "r.csv", kAnimals);
    std::vector<int32_t> first = {0}, second = {1};
    several.apply(first, id_of_index);
    CHECK(error_of([&] { several.check_applied(); }) ==
          "r.csv, line 3: the data has no sample 't0' whose label can be reviewed");
    several.apply(second, [](int64_t) { return std::string("t0"); });
    several.check_applied();
    CHECK(several.summary() == "r.csv: 2 labels are kept, 0 changed and 0 left out");
    CHECK(ReviewedLabels::parse("id,given_label,decision,label\n", "r.csv", kAnimals).summary() ==
          "r.csv: 0 labels are kept, 0 changed and 0 left out");
  }

  TEST_CASE("decisions that the data already follows and names that are not UTF-8 are as decided") {
    auto reviewed = ReviewedLabels::parse("id,given_label,decision,label\ns0,ant,change,bee\ncaf\\xE9,ant,change,cow\n",
                                          "r.csv", kAnimals);
    std::vector<int32_t> labels = {1, 0};
    CHECK(reviewed.apply(labels, [](int64_t index) { return index == 0 ? "s0" : "caf\xE9"; }) ==
          std::vector<uint8_t>{1, 1});
    CHECK(labels == std::vector<int32_t>{1, 2});
    reviewed.check_applied();
    REQUIRE(reviewed.decisions().size() == 2);
    CHECK(reviewed.decisions()[0].label == "bee");
    CHECK(name_of(reviewed.decisions()[1].decision) == "change");
  }

  TEST_CASE("decisions that do not fit are an error with file line and values") {
    CHECK(review_error("s9,ant,keep,\n") == "r.csv, line 2: the data has no sample 's9' whose label can be reviewed");
    CHECK(review_error("s0,ant,keep,\ns1,bee,maybe,\n") ==
          "r.csv, line 3: the decision 'maybe' is not one of keep, change, leave_out");
    CHECK(review_error("s0,ant,change,dog\n") ==
          "r.csv, line 2: the label 'dog' to change to is not one of the classes: ant, bee, cow");
    CHECK(contains(review_error("s0,ant,change,\n"), "the label '' to change to is not one of the classes"));
    CHECK(contains(review_error("s1,ant,keep,\n"),
                   "r.csv, line 2: the decision about 's1' is for the given label 'ant', but its label in the data is "
                   "'bee'; the data has changed since"));
    CHECK(contains(review_error("s3,ant,keep,\n"), "its label in the data is missing"));
    CHECK(contains(review_error("s0,,keep,\n"), "for the given label '', but its label in the data is 'ant'"));
    CHECK(review_error("s3,,keep,\n") == "r.csv, line 2: the label of 's3' is missing and cannot be kept");
    CHECK(review_error("s0,ant,keep,\ns0,ant,keep,\n") == "r.csv, line 3: the id 's0' is also on line 2");
    CHECK(review_error(",ant,keep,\n") == "r.csv, line 2: the id is missing");
    CHECK(contains(review_error("s0,ant\n"), "r.csv, line 2: 2 fields, but the header row has 4 columns"));
    CHECK(error_of([] { ReviewedLabels::parse("id,given_label,decision\n", "r.csv", kAnimals); }) ==
          "r.csv: there is no column 'label'; reviewed labels have the columns id, given_label, decision, label");
    const TemporaryFolder folder;
    CHECK(contains(error_of([&] { ReviewedLabels(folder / "none.csv", kAnimals); }), "none.csv"));
  }
}

}  // namespace cofactor::testing
