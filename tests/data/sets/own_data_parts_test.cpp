// How the rows of a table come to their parts. The texts here are no more than rows.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/data/sets/own_data_files.h"

namespace cofactor::testing {

namespace {

OwnData load_text(const TemporaryFolder& folder, const std::string& table, OwnDataOptions options = {}) {
  write_file_atomically(folder / "t.csv", table);
  options.kind = SampleKind::text;
  options.labels = folder / "t.csv";
  return load_own_data(options);
}

std::string text_error(const TemporaryFolder& folder, const std::string& table, const OwnDataOptions& options = {}) {
  return error_of([&] { load_text(folder, table, options); });
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("rows of a table without a split are dealt by class as class folders are") {
    const TemporaryFolder folder;
    const OwnData data = load_text(folder, "text,label\n" + text_rows(40));
    CHECK(data.classes == NameList{"bad", "good"});
    CHECK(own_classes(text_options(folder / "t.csv")) == data.classes);
    CHECK(data.validation.class_counts() == std::vector<int64_t>{4, 4});
    CHECK(data.test.class_counts() == std::vector<int64_t>{2, 2});
    CHECK(data.train.class_counts() == std::vector<int64_t>{14, 14});
    CHECK(data.unlabelled.size() == 0);
    CHECK(!data.clean_test);
    CHECK(data.train_groups.empty());
    CHECK(data.train_confirmed.empty());
    CHECK(std::ranges::is_sorted(data.train.indices));
    std::set<int64_t> all;
    for (const Split* part : {&data.train, &data.validation, &data.test}) {
      all.insert(part->indices.begin(), part->indices.end());
      for (size_t i = 0; i < part->indices.size(); ++i) {
        CHECK(part->labels[i] == (part->indices[i] % 2 == 0 ? 1 : 0));
        CHECK(part->data->sample_name(part->indices[i]) == std::to_string(part->indices[i] + 1));
      }
    }
    CHECK(all.size() == 40);
    CHECK(load_text(folder, "text,label\n" + text_rows(40)).train.indices == data.train.indices);
    OwnDataOptions other;
    other.split_seed = 1;
    CHECK(load_text(folder, "text,label\n" + text_rows(40), other).train.indices != data.train.indices);
    CHECK(contains(account_of(data), "texts: 40 used"));
    CHECK(contains(account_of(data), "t.csv': 28 for training, 8 for validation (dealt at random), 4 for test (dealt"));
  }

  TEST_CASE("a column of splits decides and rows without a label are unlabelled whatever their split") {
    const TemporaryFolder folder;
    const std::string table =
        "id,text,label,split\n"
        "a,x,1,train\nb,x,2,TRAIN\nc,x,1,Val\nd,x,2,validation\ne,x,1,test\nf,x,2,Test\ng,x,1,\n"
        "h,x,,train\ni,x,,test\nj,x,,\nk,x,2,valid\n";
    OwnDataOptions options;
    const OwnData data = load_text(folder, table, options);
    CHECK(names_in(data.train) == NameList{"a", "b", "g"});
    CHECK(names_in(data.validation) == NameList{"c", "d", "k"});
    CHECK(names_in(data.test) == NameList{"e", "f"});
    CHECK(names_in(data.unlabelled) == NameList{"h", "i", "j"});
    CHECK(data.unlabelled.labels == std::vector<int32_t>{0, 0, 0});
    CHECK(data.train.labels == std::vector<int32_t>{0, 1, 0});
    CHECK(!data.clean_test);
    CHECK(contains(account_of(data), "3 for training, 3 for validation, 2 for test, 3 without a label"));
    options.clean_test = true;
    CHECK(load_text(folder, table, options).clean_test);
    options.split = "Split";
    CHECK(names_in(load_text(folder, table, options).train) == NameList{"a", "b", "g"});
    options.split = "4";
    CHECK(names_in(load_text(folder, table, options).train) == NameList{"a", "b", "g"});
    CHECK(text_error(folder, table + "l,x,1,later\n") ==
          "'" + (folder / "t.csv").string() +
              "', line 13: the split 'later' is not one of train, validation (val, valid) and test");
  }

  TEST_CASE("parts that the split lacks are dealt out of the rows for training") {
    const TemporaryFolder folder;
    std::string table = "text,label,split\n";
    for (int i = 0; i < 40; ++i) table += fmt::format("t,{},{}\n", i % 2, i < 20 ? "train" : i < 30 ? "test" : "");
    const OwnData data = load_text(folder, table);
    CHECK(data.test.size() == 10);
    CHECK(data.validation.class_counts() == std::vector<int64_t>{3, 3});
    CHECK(data.train.size() == 24);
    for (const int64_t index : data.validation.indices) CHECK((index < 20 || index >= 30));
  }

  TEST_CASE("a usual column none of whose values is a split is no split unless it was asked for") {
    const TemporaryFolder folder;
    std::string table = "text,label,part\n";
    for (int i = 0; i < 20; ++i) table += fmt::format("t,{},{}\n", i % 2, i % 3 == 0 ? "wheel" : "door");
    const OwnData data = load_text(folder, table);
    CHECK(data.train.size() + data.validation.size() + data.test.size() == 20);
    CHECK(contains(account_of(data), "the column 'part' is not used as the split"));
    OwnDataOptions options;
    options.split = "part";
    CHECK(contains(text_error(folder, table, options), "t.csv', line 2: the split 'wheel' is not one of train"));
    CHECK(contains(text_error(folder, table + "t,1,test\n"), "line 2: the split 'wheel'"));
    options.split = "fold";
    CHECK(contains(text_error(folder, table, options), "t.csv' has no such column, and there is no such file"));
  }

  TEST_CASE("a file of splits names samples by their ids and the others are ignored") {
    const TemporaryFolder folder;
    std::string table = "id,text,label,split\n";
    for (int i = 0; i < 12; ++i) table += fmt::format("s{},t,{},test\n", i, i < 11 ? std::to_string(i % 2) : "");
    write_file_atomically(folder / "split.csv",
                          "split,id\ntrain,s0\ntrain,s1\n,s4\nvalidation,s2\nvalidation,s3\ntest,s6\ntest,s7\n");
    OwnDataOptions options;
    options.split = (folder / "split.csv").string();
    const OwnData data = load_text(folder, table, options);
    CHECK(names_in(data.train) == NameList{"s0", "s1", "s4"});
    CHECK(names_in(data.validation) == NameList{"s2", "s3"});
    CHECK(names_in(data.test) == NameList{"s6", "s7"});
    CHECK(names_in(data.unlabelled) == NameList{"s11"});
    CHECK(contains(account_of(data), "8 used; ignored: 4 texts that the split file does not name (such as s5)"));
    const auto split_error = [&](const std::string& split) {
      write_file_atomically(folder / "split.csv", split);
      return text_error(folder, table, options);
    };
    CHECK(contains(split_error("id,split\ns0,train\ns99,test\n"), "split.csv', line 3: "));
    CHECK(contains(split_error("id,split\ns0,train\ns99,test\n"), "t.csv' has no sample 's99'"));
    CHECK(contains(split_error("id,split\ns0,train\ns0,test\n"), "split.csv', line 3: 's0' is also on line 2"));
    CHECK(contains(split_error("id,split\ns0,often\n"), "split.csv', line 2: the split 'often' is not one of"));
    CHECK(contains(split_error("name,split\ns0,train\n"), "there is no column 'id' or 'file'"));
    CHECK(contains(split_error("id,part\ns0,train\n"), "there is no column 'split' for the splits"));
    CHECK(contains(split_error(""), "split.csv"));
  }

  TEST_CASE("samples of a group are dealt to one part with each class's shares about right") {
    const TemporaryFolder folder;
    std::string table = "text,label,patient\n";
    for (int i = 0; i < 300; ++i) table += fmt::format("t,{},p{}\n", i % 3, i % 60);
    for (int i = 0; i < 30; ++i) table += fmt::format("t,{},\n", i % 3);
    OwnDataOptions options;
    options.group_column = "patient";
    const OwnData data = load_text(folder, table, options);
    std::map<int32_t, std::set<const Split*>> parts;
    const auto collect = [&](const Split& split, const std::vector<int32_t>& groups) {
      REQUIRE(groups.size() == split.indices.size());
      for (const int32_t group : groups) parts[group].insert(&split);
    };
    collect(data.train, data.train_groups);
    collect(data.validation, data.validation_groups);
    for (const auto& [group, its] : parts) CHECK(its.size() == 1);
    // The group of a row of the test part is in no other part.
    std::set<int64_t> tested;
    for (const int64_t index : data.test.indices)
      if (index < 300) tested.insert(index % 60);
    for (const Split* part : {&data.train, &data.validation})
      for (const int64_t index : part->indices)
        if (index < 300) CHECK(!tested.contains(index % 60));
    for (const int64_t count : data.validation.class_counts()) CHECK(std::abs(count - 22) <= 3);
    for (const int64_t count : data.test.class_counts()) CHECK(std::abs(count - 11) <= 3);
    // Rows without a group are groups of their own.
    CHECK(parts.size() > 60);
    CHECK(load_text(folder, table, options).train.indices == data.train.indices);
    options.split_seed = 2;
    CHECK(load_text(folder, table, options).train.indices != data.train.indices);
    options.group_column = "clinic";
    CHECK(contains(text_error(folder, table, options), "there is no column 'clinic' for the groups"));
  }

  TEST_CASE("groups that cannot be dealt or that the split tears apart are said") {
    const TemporaryFolder folder;
    OwnDataOptions options;
    options.group_column = "g";
    std::string table = "text,label,g\n";
    for (int i = 0; i < 30; ++i) table += fmt::format("t,{},{}\n", i % 2, i % 2);
    CHECK(contains(text_error(folder, table, options), "groups are dealt as a whole, and this label is in too few"));
    std::string torn = "text,label,g,split\n";
    for (int i = 0; i < 30; ++i)
      torn += fmt::format("t,{},{},{}\n", i % 2, i / 3, i % 3 == 0 ? "train" : i % 3 == 1 ? "validation" : "test");
    CHECK(contains(account_of(load_text(folder, torn, options)), "the split has 10 groups with samples in several"));
  }

  TEST_CASE("labels that cannot be trained on are an error with file and line") {
    const TemporaryFolder folder;
    const std::string file = "'" + (folder / "t.csv").string() + "'";
    CHECK(text_error(folder, "text,label\na,x\nb,x\n") ==
          file + ": the labels are of 1 class, 'x', expected two or more");
    CHECK(text_error(folder, "text,label\na,\nb,\n") == file + ": no row has a label: the column 'label' is empty");
    CHECK(contains(error_of([&] { own_classes(text_options(folder / "t.csv")); }), "no row has a label"));
    CHECK(text_error(folder, "text,label\n" + text_rows(20) + "b,goood\n") ==
          file +
              ", line 22: the label 'goood' has 1 row to train on, expected at least 3, one for each part of the "
              "split; check that it is meant, or give the parts by a split");
    CHECK(contains(text_error(folder, "text,label\na,1\nb,2\nc,3\n"),
                   "(3 of 3 labels have fewer); is 'label' the column of the labels? --label-column names another"));
    std::string ids = "text,label\n";
    for (int64_t i = 0; i <= kMaxOwnClasses; ++i) ids += fmt::format("a,{}\n", i);
    CHECK(contains(text_error(folder, ids),
                   "t.csv': the column 'label' has 5,001 different labels, expected at most "
                   "5,000; are these the labels? --label-column names another column"));
    const std::string split = "text,label,split\na,1,train\na,2,train\na,1,val\na,2,val\na,1,test\n";
    CHECK(contains(text_error(folder, split + "a,3,test\n"),
                   "t.csv', line 7: no row with the label '3' is for training"));
    CHECK(contains(text_error(folder, split + "a,3,train\n"), "no row with the label '3' is left for validation"));
    CHECK(load_text(folder, split + "a,2,train\n").test.size() == 1);
    OwnDataOptions clean;
    clean.clean_test = true;
    CHECK(contains(text_error(folder, "text,label\n" + text_rows(20), clean),
                   "t.csv' has the split test, and rows that are dealt at random are not cleaner than others"));
  }

  TEST_CASE("ids name one sample each or the numbers of rows do") {
    const TemporaryFolder folder;
    const OwnData data = load_text(
        folder, "id,text,label\n" + [] {
          std::string rows;
          for (int i = 0; i < 20; ++i) rows += fmt::format("{},t,{}\n", i == 7 ? 3 : i, i % 2);
          return rows;
        }());
    CHECK(data.train.data->sample_name(0) == "1");
    CHECK(contains(account_of(data), "line 9: the id '3' is also on line 5, so texts are known by the numbers of"));
    OwnDataOptions options;
    options.id_column = "id";
    CHECK(contains(text_error(folder, "id,text,label\na,t,1\na,t,2\n", options),
                   "t.csv', line 3: the id 'a' is also on line 2; ids name one sample each"));
    CHECK(contains(text_error(folder, "id,text,label\na,t,1\n ,t,2\n", options),
                   "t.csv', line 3: the id is missing (column 'id')"));
    options.id_column = "key";
    CHECK(contains(text_error(folder, "id,text,label\na,t,1\nb,t,2\n", options), "no column 'key' for the ids"));
  }
}

}  // namespace cofactor::testing
