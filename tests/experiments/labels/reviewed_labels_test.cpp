#include "experiments/labels/reviewed_labels.h"

#include <doctest/doctest.h>

#include "data/noise/labelled_predictions.h"
#include "engine/io/file.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

const std::vector<std::string> kClasses = {"a", "b, c", "d"};
const std::string kHead = "id,given_label,decision,label\n";

struct ReviewFile {
  TemporaryFolder folder;
  std::filesystem::path path = folder / "reviewed.csv";

  std::vector<ReviewedLabel> read(const std::string& text) const {
    write_file_atomically(path, text);
    return read_reviewed_labels(path, kClasses);
  }
  std::string refused(const std::string& text) const {
    return error_of([&] { read(text); });
  }
};

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("reviewed labels: each decision has its label") {
    const ReviewFile file;
    const auto reviewed = file.read(kHead +
                                    "1.jpg,a,keep,a\n"
                                    "\"x\ny,\"\"z\"\"\",\"b, c\",change,d\n"
                                    "3.jpg,d,leave_out,\n");
    const std::vector<ReviewedLabel> expected = {{"1.jpg", 0, Decision::keep, 0, 2},
                                                 {"x\ny,\"z\"", 1, Decision::change, 2, 3},
                                                 {"3.jpg", 2, Decision::leave_out, kMissingLabel, 5}};
    CHECK(reviewed == expected);
    CHECK(file.read(kHead).empty());
    CHECK(file.read("Label,note,id,decision,given_label\nd,?,q,change,a\n").at(0).label == 2);
  }

  TEST_CASE("reviewed labels: bad rows are refused with file and line and value") {
    const ReviewFile file;
    CHECK(contains(file.refused(kHead + "1,a,keep,a\n2,e,keep,e\n"), "reviewed.csv', line 3: given_label is 'e'"));
    CHECK(contains(file.refused(kHead + "1,a,change,\n"), "line 2: label is ''"));
    CHECK(contains(file.refused(kHead + "1,a,Kept,a\n"), "line 2: the decision is 'Kept', expected keep, change"));
    CHECK(
        contains(file.refused(kHead + "1,a,keep,a\n2,a,keep,a\n1,a,leave_out,\n"), "line 4: '1' is decided on line 2"));
    CHECK(contains(file.refused(kHead + ",a,keep,a\n"), "line 2: the id is empty"));
    CHECK(contains(file.refused("id,given_label,label\n1,a,a\n"), "has no column \"decision\""));
    CHECK(contains(file.refused(kHead + "1,a,keep\n"), "line 2"));
    CHECK(contains(error_of([&] { read_reviewed_labels(file.folder / "absent.csv", kClasses); }), "absent.csv"));
  }

  TEST_CASE("reviewed labels: decisions change labels and confirm them") {
    const ReviewFile file;
    const auto reviewed = file.read(kHead +
                                    "p,a,keep,a\n"
                                    "q,a,change,d\n"
                                    "r,d,leave_out,\n"
                                    "caf\\xE9,a,change,d\n");
    const std::vector<std::string> ids = {"r", "p", "other", "q", "caf\xE9"};
    const ReviewedSamples after = apply_reviewed_labels(file.path, reviewed, ids, {2, 0, 1, 0, 2}, kClasses);
    CHECK(after.labels == std::vector<int32_t>{kMissingLabel, 0, 1, 2, 2});  // the last was corrected in the data too
    CHECK(after.kept == std::vector<uint8_t>{0, 1, 0, 1, 1});
    const auto refused = [&](std::vector<std::string> other, std::vector<int32_t> given) {
      return error_of([&] { apply_reviewed_labels(file.path, reviewed, other, given, kClasses); });
    };
    CHECK(contains(refused({"r", "p", "other"}, {2, 0, 1}), "line 3: no sample has the id 'q'"));
    CHECK(contains(refused(ids, {2, 1, 1, 0, 0}),
                   "line 2: the label of 'p' was 'a' when it was reviewed and is 'b, c' now"));
    CHECK(contains(refused(ids, {2, kMissingLabel, 1, 0, 0}), "is missing now"));
    CHECK(contains(refused({"r", "p", "p", "q", "caf\xE9"}, {2, 0, 0, 0, 0}), "more than one sample has the id 'p'"));
    CHECK(contains(refused(ids, {2}), "5 ids for 1 labels"));
  }
}
