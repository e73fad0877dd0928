// Decisions about labels, for all forms of samples.
#include <doctest/doctest.h>

#include <algorithm>

#include "data/files/npy.h"
#include "tests/data/sets/own_data_files.h"

namespace cofactor::testing {

namespace {

void write_decisions(const TemporaryFolder& folder, const std::string& rows) {
  write_file_atomically(folder / "r.csv", "id,given_label,decision,label\n" + rows);
}

// The position of a sample in a split; -1 if it is not there.
int64_t position_of(const Split& split, const std::string& name) {
  const NameList names = names_in(split);
  const auto found = std::ranges::find(names, name);
  return found == names.end() ? -1 : found - names.begin();
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("decisions change the labels of rows and not the parts of others") {
    const TemporaryFolder folder;
    std::string table = "id,text,label\n";
    for (int i = 0; i < 40; ++i) table += fmt::format("s{},t,{}\n", i, i == 39 ? "" : i % 2 == 0 ? "good" : "bad");
    write_file_atomically(folder / "t.csv", table);
    OwnDataOptions options = text_options(folder / "t.csv");
    const OwnData before = load_own_data(options);
    const std::string kept = names_in(before.train)[0], changed = names_in(before.train)[1],
                      left_out = names_in(before.validation)[2];
    const auto given = [&](const Split& split, const std::string& name) {
      return before.classes[static_cast<size_t>(split.labels[static_cast<size_t>(position_of(split, name))])];
    };
    const std::string was = given(before.train, changed), other = was == "good" ? "bad" : "good";
    write_decisions(folder, kept + "," + given(before.train, kept) + ",keep,\n" + changed + "," + was + ",change," +
                                other + "\n" + left_out + "," + given(before.validation, left_out) + ",leave_out,\n" +
                                "s39,,change,good\n");
    options.reviewed = folder / "r.csv";
    const OwnData data = load_own_data(options);
    CHECK(contains(account_of(data), "r.csv': 1 label is kept, 2 changed and 1 left out"));
    CHECK(position_of(data.validation, left_out) == -1);
    CHECK(names_in(data.unlabelled) == NameList{left_out});
    CHECK(data.test.indices == before.test.indices);
    const auto place = static_cast<size_t>(position_of(data.train, changed));
    CHECK(data.classes[static_cast<size_t>(data.train.labels[place])] == other);
    REQUIRE(data.train_confirmed.size() == data.train.labels.size());
    NameList confirmed;
    for (size_t i = 0; i < data.train.labels.size(); ++i)
      if (data.train_confirmed[i] != 0) confirmed.push_back(names_in(data.train)[i]);
    CHECK(confirmed == NameList{kept, changed, "s39"});
    CHECK(data.validation_confirmed == std::vector<uint8_t>(data.validation.labels.size(), 0));
    CHECK(data.train.size() == before.train.size() + 1);

    write_decisions(folder, "s0,bad,keep,\n");
    CHECK(contains(own_error(options),
                   "r.csv', line 2: the decision about 's0' is for the given label 'bad', but its "
                   "label in the data is 'good'"));
    write_decisions(folder, "s0,good,keep,\nabc,good,keep,\n");
    CHECK(contains(own_error(options), "r.csv', line 3: the data has no sample 'abc'"));
    std::string all;
    for (int i = 0; i < 39; i += 2) all += fmt::format("s{},good,leave_out,\n", i);
    write_decisions(folder, all);
    CHECK(contains(own_error(options), "no row with the label 'good' is left for training"));
  }

  TEST_CASE("decisions about images in class folders") {
    const TemporaryFolder folder;
    for (const char* name : {"train/a", "train/b", "val/a", "val/b", "test/a", "test/b"})
      for (int i = 0; i < 4; ++i)
        write_image(folder / fmt::format("{}/{}.bmp", name, i), random_image(5, 6, static_cast<uint64_t>(i)));
    OwnDataOptions options = image_options({});
    options.data = folder.path();
    options.reviewed = folder / "r.csv";
    write_decisions(folder,
                    "a/0.bmp,a,keep,\na/1.bmp,a,change,b\nb/0.bmp,b,leave_out,\nval/a/0.bmp,a,leave_out,\n"
                    "val/b/1.bmp,b,keep,\n");
    const OwnData data = load_own_data(options);
    CHECK(names_in(data.unlabelled) == NameList{"b/0.bmp"});
    CHECK(data.train.size() == 7);
    CHECK(data.validation.size() == 7);
    CHECK(data.train.labels[static_cast<size_t>(position_of(data.train, "a/1.bmp"))] == 1);
    CHECK(std::ranges::count(data.train_confirmed, 1) == 2);
    CHECK(std::ranges::count(data.validation_confirmed, 1) == 1);
    CHECK(data.test_confirmed == std::vector<uint8_t>(8, 1));
    CHECK(contains(account_of(data), "1 image is of the validation folder without a label"));
    write_decisions(folder, "test/a/0.bmp,a,keep,\n");
    CHECK(contains(own_error(options), "r.csv', line 2: the data has no sample 'test/a/0.bmp'"));
    write_decisions(folder, "a/0.bmp,a,change,c\n");
    CHECK(contains(own_error(options), "line 2: the label 'c' to change to is not one of the classes: a, b"));
    write_decisions(folder, "a/0.bmp,b,keep,\n");
    CHECK(contains(own_error(options), "for the given label 'b', but its label in the data is 'a'"));
    write_decisions(folder, "a/0.bmp,a,change,b\na/1.bmp,a,change,b\na/2.bmp,a,leave_out,\na/3.bmp,a,change,b\n");
    CHECK(contains(own_error(options), "its decisions leave no training image of class 'a'"));
  }

  TEST_CASE("decisions about features are by the numbers of rows") {
    const TemporaryFolder folder;
    std::vector<float> values(40);
    std::vector<int64_t> labels(20);
    for (size_t i = 0; i < 20; ++i) {
      labels[i] = static_cast<int64_t>(i % 2);
      values[2 * i] = static_cast<float>(i);
    }
    write_npy<float>(folder / "x.npy", values, {20, 2});
    write_npy<int64_t>(folder / "y.npy", labels, {20});
    OwnDataOptions options = feature_options(folder / "x.npy", folder / "y.npy");
    options.reviewed = folder / "r.csv";
    write_decisions(folder, "1,0,leave_out,\n20,1,change,0\n");
    const OwnData data = load_own_data(options);
    CHECK(names_in(data.unlabelled) == NameList{"1"});
    int64_t zeros = 0;
    for (const Split* part : {&data.train, &data.validation, &data.test})
      for (size_t i = 0; i < part->indices.size(); ++i)
        if (part->indices[i] == 19) zeros += part->labels[i] == 0 ? 1 : 0;
    CHECK(zeros == 1);
  }

  TEST_CASE("a row that gets its first label joins its split or its group") {
    const TemporaryFolder folder;
    std::string table = "id,text,label,split,g\n";
    for (int i = 0; i < 24; ++i)
      table += fmt::format("s{},t,{},{},{}\n", i, i % 2, i < 8 ? "train" : i < 16 ? "validation" : "test", i / 2);
    table += "u0,t,,test,0\nu1,t,,,5\nu2,t,,,77\n";
    write_file_atomically(folder / "t.csv", table);
    OwnDataOptions options = text_options(folder / "t.csv");
    options.group_column = "g";
    options.reviewed = folder / "r.csv";
    write_decisions(folder, "u0,,change,1\nu1,,change,1\nu2,,change,0\n");
    const OwnData data = load_own_data(options);
    CHECK(position_of(data.test, "u0") >= 0);
    CHECK(position_of(data.validation, "u1") >= 0);
    CHECK(position_of(data.train, "u2") >= 0);
    CHECK(data.unlabelled.size() == 0);
  }
}

}  // namespace cofactor::testing
