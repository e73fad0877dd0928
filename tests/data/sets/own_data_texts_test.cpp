#include <doctest/doctest.h>

#include <algorithm>

#include "data/text/sentences.h"
#include "tests/data/sets/own_data_files.h"

namespace cofactor::testing {

namespace {

std::vector<int32_t> words_of(const Dataset& data, int64_t index) {
  std::vector<int32_t> words(static_cast<size_t>(data.sample_shape().numel()));
  data.read(index, {}, words.data());
  return words;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("texts are cleaned and encoded with the vocabulary of the texts for training") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "t.csv",
                          "text,label,split\n"
                          "\"It's good, really\",pos,train\n"
                          "\"tr\xC3\xA8s mauvais \xF0\x9F\x98\x80\",neg,train\n"
                          "unseen good,pos,val\nM\xC3\x81S mauvais,neg,val\ngood word,pos,test\nlater,,\n");
    const OwnData data = load_own_data(text_options(folder / "t.csv"));
    CHECK(data.classes == NameList{"neg", "pos"});
    REQUIRE(data.vocabulary.has_value());
    CHECK(data.length == 5);
    CHECK(data.unaugmented->sample_shape() == Shape{5});
    NameList words;
    for (int32_t i = Vocabulary::kFirstWord; i < data.vocabulary->size(); ++i)
      words.push_back(data.vocabulary->word(i));
    CHECK(words == NameList{"it", "'s", "good", ",", "really", "tr\xC3\xA8s", "mauvais", "\xF0\x9F\x98\x80"});
    CHECK(words_of(*data.train.data, 0) == std::vector<int32_t>{2, 3, 4, 5, 6});
    CHECK(words_of(*data.train.data, 2) == std::vector<int32_t>{1, 4, 0, 0, 0});
    CHECK(words_of(*data.train.data, 3) == std::vector<int32_t>{1, 8, 0, 0, 0});
    // What predict does with a text gives the same words.
    CHECK(data.vocabulary->encode(text_words("It's good, really")) == words_of(*data.train.data, 0));
    CHECK(data.train.data->sample_text(0) == "It's good, really");
    CHECK(data.unlabelled.data->sample_text(data.unlabelled.indices[0]) == "later");
  }

  TEST_CASE("texts longer than the maximum are cut and the note says how many") {
    const TemporaryFolder folder;
    std::string table = "text,label\n";
    for (int i = 0; i < 20; ++i) {
      std::string text = "word";
      for (int w = 1; w < (i == 3 ? 900 : i == 4 ? 600 : 10); ++w) text += fmt::format(" w{}", w);
      table += fmt::format("{},{}\n", text, i % 2);
    }
    write_file_atomically(folder / "t.csv", table);
    OwnDataOptions options = text_options(folder / "t.csv");
    const OwnData data = load_own_data(options);
    CHECK(data.length == kMaxDefaultWords);
    CHECK(contains(account_of(data),
                   "t.csv': of 2 texts with more than 500 words only the first 500 are used; the "
                   "longest has 900 (line 5). --max-length sets another number"));
    CHECK(words_of(*data.train.data, 3).size() == 500);
    options.max_length = 700;
    CHECK(load_own_data(options).length == 700);
    CHECK(contains(account_of(load_own_data(options)), "of 1 text with more than 700 words"));
    options.max_length = 5000;
    CHECK(load_own_data(options).length == 900);
    options.max_length = 3;
    CHECK(own_error(options) == "text: the maximum length, 3, is below the minimum length, 5");
    options.min_length = 0;
    CHECK(contains(own_error(options), "a minimum length of 0 words"));
    options.min_length = 1000;
    options.max_length.reset();
    CHECK(load_own_data(options).length == 1000);
  }

  TEST_CASE("one long text among many takes no more memory than the texts justify") {
    const TemporaryFolder folder;
    std::string table = "text,label\n";
    constexpr int kRows = 200'000;
    for (int i = 0; i < kRows; ++i) table += fmt::format("some words here,{}\n", i % 2);
    std::string longest = "x";
    for (int w = 0; w < 2000; ++w) longest += " x";
    table += longest + ",0\n";
    write_file_atomically(folder / "t.csv", table);
    OwnDataOptions options = text_options(folder / "t.csv");
    CHECK(load_own_data(options).length == (128 << 20) / (kRows + 1) / 4);
    options.max_length = 2000;
    CHECK(contains(own_error(options), "t.csv', line 200002: 200,001 texts of 2,000 words would take"));
  }

  TEST_CASE("texts without a word are broken samples") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "t.csv", "text,label\n" + text_rows(20) + "...,good\n,bad\n");
    OwnDataOptions options = text_options(folder / "t.csv");
    CHECK(own_error(options) == "'" + (folder / "t.csv").string() +
                                    "', line 22: the text has no word: no letter, digit or symbol; 2 of 22 texts are "
                                    "broken, and --skip-broken leaves them out");
    options.skip_broken = true;
    const OwnData data = load_own_data(options);
    CHECK(data.broken.size() == 2);
    CHECK(data.broken[1].index == 21);
    CHECK(contains(account_of(data), "texts: 20 used"));
    write_file_atomically(folder / "t.csv", "text,label\n.,a\n.,b\n.,a\n.,b\n.,a\n.,b\n");
    CHECK(contains(own_error(options), "no row with the label 'a' is left for training; one that is broken: "));
  }

  TEST_CASE("texts that several rows have are noted") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "t.csv",
                          "text,label,split\nOne two,a,train\none TWO.,b,train\nthree,a,val\nthree,a,train\n"
                          "four,b,val\nfive,a,test\nfive,,\n");
    const std::string account = account_of(load_own_data(text_options(folder / "t.csv")));
    CHECK(contains(account, "t.csv': 1 text is in several rows with different labels"));
    CHECK(contains(account, "t.csv': 1 text is in several of the parts for training, validation and test"));
    write_file_atomically(folder / "t.csv", "text,label\n" + text_rows(20));
    CHECK(!contains(account_of(load_own_data(text_options(folder / "t.csv"))), "several"));
  }

  TEST_CASE("test texts are of their own table with the same words and length") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "t.csv", "text,label\n" + text_rows(20));
    write_file_atomically(folder / "test.jsonl",
                          "{\"text\": \"Number one two three four five six\", \"label\": \"good\"}\n"
                          "{\"text\": \"text\", \"label\": \"bad\"}\n");
    OwnDataOptions options = text_options(folder / "t.csv");
    options.test = folder / "test.jsonl";
    const OwnData data = load_own_data(options);
    CHECK(data.clean_test);
    CHECK(data.test.size() == 2);
    CHECK(data.test.labels == std::vector<int32_t>{1, 0});
    CHECK(data.train.size() == 16);
    CHECK(data.test.data->sample_shape() == data.train.data->sample_shape());
    CHECK(words_of(*data.test.data, 0)[0] == data.vocabulary->index_of("number"));
    CHECK(data.test.data->sample_text(0) == "Number one two three four five six");
    CHECK(data.test.data->sample_name(1) == "2");
    write_file_atomically(folder / "test.jsonl", "{\"text\": \"a\", \"label\": \"Good\"}\n");
    CHECK(contains(own_error(options), "test.jsonl', line 1: the label 'Good' is not one of the 2 classes of '"));
    CHECK(contains(own_error(options), "look alike but are not the same"));
    options.test = folder.path();
    CHECK(contains(own_error(options), "Is a directory"));
  }

  TEST_CASE("a million rows are read in seconds") {
    const TemporaryFolder folder;
    std::string table = "id,text,label\n";
    for (int i = 0; i < 1'000'000; ++i) table += fmt::format("s{},a short text {},{}\n", i, i % 1000, i % 10);
    write_file_atomically(folder / "t.csv", table);
    OwnDataOptions options = text_options(folder / "t.csv");
    options.group_column = "id";
    const OwnData data = load_own_data(options);
    CHECK(data.train.size() + data.validation.size() + data.test.size() == 1'000'000);
    CHECK(data.validation.size() == 200'000);
    CHECK(data.train.data->sample_name(999'999) == "s999999");
  }
}

}  // namespace cofactor::testing
