#include "data/sets/movie_reviews.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <set>

#include "tests/data/sets/movie_review_files.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

constexpr std::string_view kThreePositive = "good .\nbetter .\nbest .\n";

// A folder with the two given files.
class ReviewFolder {
 public:
  explicit ReviewFolder(std::string_view negative, std::string_view positive = kThreePositive) {
    write_file_atomically(folder_ / "rt-polarity.neg", negative);
    write_file_atomically(folder_ / "rt-polarity.pos", positive);
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

// The message of loading a negative file with these bytes, without the prefix that names the file.
std::string review_rejection(std::string_view negative) {
  const ReviewFolder folder(negative);
  const std::string message = error_of([&] { load_movie_reviews(folder.path()); });
  const std::string prefix = "movie_reviews: '" + (folder.path() / "rt-polarity.neg").string() + "'";
  INFO("message: ", message);
  CHECK(message.starts_with(prefix));
  return message.substr(std::min(prefix.size(), message.size()));
}

// The words of a sample; padding is left out.
std::string words_of(const MovieReviews& reviews, int64_t index) {
  std::vector<int32_t> indices(static_cast<size_t>(reviews.train.data->sample_shape()[0]));
  reviews.train.data->read(index, {}, indices.data());
  std::string words;
  for (const int32_t word : indices)
    if (word != Vocabulary::kPadding)
      words += (words.empty() ? "" : " ") + (word == Vocabulary::kUnknown ? "?" : reviews.vocabulary.word(word));
  return words;
}

std::vector<int64_t> all_indices(const MovieReviews& reviews) {
  std::vector<int64_t> all = reviews.train.indices;
  for (const Split* part : {&reviews.validation, &reviews.test})
    all.insert(all.end(), part->indices.begin(), part->indices.end());
  return all;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("movie reviews are cleaned sentences with the class of their file") {
    const ReviewFolder folder("It's dull .\r\nun film clich\xE9 , (really) dull !\n", "it isn't dull");
    const MovieReviews reviews = load_movie_reviews(folder.path());
    CHECK(reviews.train.data->labels() == std::vector<int32_t>{0, 0, 1});
    CHECK(reviews.train.data->classes() == 2);
    CHECK(reviews.train.data->dtype() == DType::i32);
    CHECK(reviews.train.data->sample_shape() == Shape{9});
    CHECK(words_of(reviews, 0) == "it 's dull");
    CHECK(words_of(reviews, 1) == "un film clich , ( really ) dull !");
    CHECK(words_of(reviews, 2) == "it is n't dull");
    CHECK(reviews.vocabulary.size() == 2 + 13);
    CHECK(reviews.vocabulary.index_of("it") == 2);
    CHECK(reviews.vocabulary.index_of("n't") == 14);

    const MovieReviews frequent = load_movie_reviews(folder.path(), {.max_length = 7, .min_count = 2});
    CHECK(frequent.train.data->sample_shape() == Shape{7});
    CHECK(frequent.vocabulary.size() == 2 + 2);
    CHECK(words_of(frequent, 0) == "it ? dull");
    CHECK(words_of(frequent, 1) == "? ? ? ? ? ? ?");
  }

  TEST_CASE("movie reviews split as the paper's 10662 and in the same proportions") {
    // The sentences in each file, and the sizes of the parts.
    struct Case {
      int64_t negative, positive, train, validation, test;
    };
    for (const Case& c : {Case{5331, 5331, 7676, 1919, 1067}, Case{60, 60, 86, 22, 12}, Case{2, 1, 1, 1, 1},
                          Case{7, 3, 7, 2, 1}, Case{1, 10, 7, 2, 2}}) {
      const TemporaryFolder folder;
      write_tiny_movie_reviews(folder.path(), {.negative = c.negative, .positive = c.positive});
      const MovieReviews reviews = load_movie_reviews(folder.path());
      CAPTURE(c.negative + c.positive);
      CHECK(reviews.train.size() == c.train);
      CHECK(reviews.validation.size() == c.validation);
      CHECK(reviews.test.size() == c.test);
      // Each sentence in one part, with its own label.
      const std::vector<int64_t> all = all_indices(reviews);
      CHECK(std::set<int64_t>(all.begin(), all.end()).size() == static_cast<size_t>(c.negative + c.positive));
      for (const Split* part : {&reviews.train, &reviews.validation, &reviews.test}) {
        CHECK(part->data == reviews.train.data);
        REQUIRE(part->labels.size() == part->indices.size());
        for (size_t i = 0; i < part->labels.size(); ++i)
          REQUIRE(part->labels[i] == (part->indices[i] < c.negative ? 0 : 1));
      }
    }
  }

  TEST_CASE("the seed of the movie reviews' split determines only which sentence is in which part") {
    const TemporaryFolder folder;
    write_tiny_movie_reviews(folder.path());
    const MovieReviews a = load_movie_reviews(folder.path(), {.split_seed = 3});
    const MovieReviews b = load_movie_reviews(folder.path(), {.split_seed = 3, .max_length = 40, .min_count = 2});
    const MovieReviews c = load_movie_reviews(folder.path(), {.split_seed = 4});
    CHECK(all_indices(a) == random_permutation({3, Purpose::split, 0, 0}, 120));
    CHECK(all_indices(a) == all_indices(b));
    CHECK(all_indices(a) != all_indices(c));
    CHECK(a.train.data->labels() == c.train.data->labels());
    for (int64_t i = 0; i < 120; ++i) CHECK(words_of(a, i) == words_of(c, i));
    // Both classes are in every part.
    for (const Split* part : {&a.train, &a.validation, &a.test}) {
      CHECK(part->class_counts()[0] > 0);
      CHECK(part->class_counts()[1] > 0);
    }
  }

  TEST_CASE("movie review files that are missing are errors that say where they come from") {
    const TemporaryFolder folder;
    const std::string base = folder.path().string();
    const std::string origin =
        "; rt-polarity.neg and rt-polarity.pos are the sentence polarity data set v1.0 of Pang and Lee (2005), "
        "rt-polaritydata.tar.gz at https://www.cs.cornell.edu/people/pabo/movie-review-data/";
    const auto error = [&] { return error_of([&] { load_movie_reviews(folder.path()); }); };
    const std::string nowhere = "' and the folders up to three levels inside it do not contain the files" + origin;
    CHECK(error() == "movie_reviews: '" + base + nowhere);
    write_file_atomically(folder / "rt-polarity.neg", "bad\nworse\n");
    CHECK(error() == "movie_reviews: '" + base + "/rt-polarity.pos' does not exist" + origin);
    CHECK(error_of([&] { load_movie_reviews(folder / "rt-polarity.neg"); }) ==
          "movie_reviews: '" + base + "/rt-polarity.neg' is a file, not a folder");
    CHECK(error_of([&] { load_movie_reviews(folder / "none"); }) ==
          "movie_reviews: '" + base + "/none' does not exist" + origin);
    write_file_atomically(folder / "rt-polarity.pos", "");
    CHECK(error() == "movie_reviews: '" + base + "/rt-polarity.pos' is empty, expected sentences of both classes");
    write_file_atomically(folder / "rt-polarity.pos", "good\n");
    CHECK(error().empty());
    std::filesystem::remove(folder / "rt-polarity.pos");
    std::filesystem::create_directory(folder / "rt-polarity.pos");
    CHECK(error() == "movie_reviews: '" + base + "/rt-polarity.pos' is a folder, not a file");
    CHECK(movie_reviews_default_directory() == "mr");
  }

  TEST_CASE("movie review files that are malformed are errors that name the line") {
    CHECK(review_rejection("") == " is empty, expected sentences of both classes");
    CHECK(review_rejection("bad\n\nworse\n") == ", line 2: a blank line, expected a sentence");
    CHECK(review_rejection("bad\n \t\r\nworse\n") == ", line 2: a blank line, expected a sentence");
    CHECK(review_rejection("\n") == ", line 1: a blank line, expected a sentence");
    CHECK(review_rejection("\n\nbad\nworse\n") == ", line 1: a blank line, expected a sentence");
    CHECK(review_rejection("bad\nworse\n . -- \xE9\n") ==
          ", line 3: no word is left after cleaning, which keeps only letters, digits and (),!?'`");
    const ReviewFolder few("bad", "good");
    CHECK(error_of([&] { load_movie_reviews(few.path()); }) ==
          "movie_reviews: 2 sentences in '" + few.path().string() +
              "', expected at least 3, for training, validation and test");
  }

  TEST_CASE("movie reviews are the same words in every encoding and with every end of line") {
    // An e with an acute accent, a dash and a quotation mark; only CP1252 has all of them in one byte.
    const std::string cp1252 = "un film clich\xE9 \x96 bad\nworse \x93really\x94\n";
    const std::string utf8 = "un film clich\xC3\xA9 \xE2\x80\x93 bad\nworse \xE2\x80\x9Creally\xE2\x80\x9D\n";
    const auto with_ends = [](std::string text, const std::string& end) {
      for (size_t at = 0; (at = text.find('\n', at)) != std::string::npos; at += end.size()) text.replace(at, 1, end);
      return text;
    };
    const std::vector<std::pair<std::string, std::string>> files{{cp1252, "Latin-1 or CP1252"},
                                                                 {utf8, "UTF-8"},
                                                                 {"\xEF\xBB\xBF" + utf8, "UTF-8"},
                                                                 {with_ends(utf8, "\r\n"), "UTF-8"},
                                                                 {with_ends(utf8, "\r"), "UTF-8"},
                                                                 {utf8 + "\n \r\n\n", "UTF-8"},
                                                                 {utf8.substr(0, utf8.size() - 1), "UTF-8"},
                                                                 {utf8 + "\n", "UTF-8"}};
    for (const auto& [bytes, encoding] : files) {
      CAPTURE(bytes);
      const ReviewFolder folder(bytes);
      const MovieReviews reviews = load_movie_reviews(folder.path());
      CHECK(reviews.train.data->labels() == std::vector<int32_t>{0, 0, 1, 1, 1});
      CHECK(words_of(reviews, 0) == "un film clich bad");
      CHECK(words_of(reviews, 1) == "worse really");
      CHECK(reviews.source == "2 sentences in '" + (folder.path() / "rt-polarity.neg").string() + "' (" + encoding +
                                  "), 3 in '" + (folder.path() / "rt-polarity.pos").string() + "' (ASCII)");
    }
    // One byte that is not valid UTF-8 makes a file Latin-1, even if others look like UTF-8.
    for (const char* latin1 : {"clich\xE9s", "\xE9", "na\xEFve caf\xC3\xA9", "a \x97 b \x85", "\xC3", "\xE2\x80"})
      CHECK(contains(load_movie_reviews(ReviewFolder(std::string("bad ") + latin1 + "\nworse\n").path()).source,
                     "(Latin-1 or CP1252)"));
  }

  TEST_CASE("movie review files in UTF-16 are errors that say how to convert") {
    for (const char* mark : {"\xFF\xFEw", "\xFE\xFFw"})
      CHECK(contains(review_rejection(mark),
                     " is UTF-16, expected UTF-8 or Latin-1 (iconv -f "
                     "UTF-16 -t UTF-8 converts it)"));
    CHECK(review_rejection(std::string_view("bad\nb\0a\0d\0\n\0", 12)) ==
          ", line 2: a zero byte at byte 5 of the file, which a text file does not contain");
  }

  TEST_CASE("movie reviews are found in the folder that their archive unpacks to") {
    const TemporaryFolder folder;
    std::filesystem::create_directories(folder / "data/rt-polaritydata");
    write_tiny_movie_reviews(folder / "data/rt-polaritydata");
    CHECK(load_movie_reviews(folder.path()).train.size() == 86);
    std::filesystem::remove(folder / "data/rt-polaritydata/rt-polarity.pos");
    CHECK(contains(error_of([&] { load_movie_reviews(folder.path()); }),
                   (folder / "data").string() + "/rt-polaritydata/rt-polarity.pos' does not exist; "));
  }

  TEST_CASE("one long line of the movie reviews does not take memory for every sentence") {
    std::string lines;
    for (int i = 0; i < 3000; ++i) lines += "a b c\n";
    std::string longest;
    for (int i = 0; i < 20'000; ++i) longest += "word ";
    const ReviewFolder folder(lines + longest + "\n");
    CHECK(contains(error_of([&] { load_movie_reviews(folder.path()); }),
                   "rt-polarity.neg', line 3001: a sentence of 20000 words; 3004 sentences of that length take more"));
    CHECK(load_movie_reviews(folder.path(), {.max_length = 10}).train.data->sample_shape() == Shape{10});
    for (const int64_t length : {int64_t{1'000'000}, std::numeric_limits<int64_t>::max()})
      CHECK(contains(error_of([&] { load_movie_reviews(folder.path(), {.max_length = length}); }),
                     fmt::format("3004 sentences of {} words take more memory", length)));
  }

  TEST_CASE("the real movie reviews if COFACTOR_MOVIE_REVIEWS names their folder") {
    const char* directory = std::getenv("COFACTOR_MOVIE_REVIEWS");
    if (directory == nullptr) {
      MESSAGE("skipped: the environment variable COFACTOR_MOVIE_REVIEWS names no folder");
      return;
    }
    const MovieReviews reviews = load_movie_reviews(directory);
    CHECK(reviews.train.size() == 7676);
    CHECK(reviews.validation.size() == 1919);
    CHECK(reviews.test.size() == 1067);
    // Counted with Kim's regular expressions in Python.
    CHECK(reviews.vocabulary.size() == 2 + 18'765);
    CHECK(reviews.train.data->sample_shape() == Shape{56});
    CHECK(load_movie_reviews(directory, {.min_count = 2}).vocabulary.size() == 2 + 10'110);
    CHECK(words_of(reviews, 0) == "simplistic , silly and tedious");
    CHECK(words_of(reviews, 5330) == "enigma is well made , but it 's just too dry and too placid");
    CHECK(words_of(reviews, 10'661) ==
          "provides a porthole into that noble , trembling incoherence that defines us all");
  }
}

}  // namespace cofactor::testing
