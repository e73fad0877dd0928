#include "data/text/word_vectors.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/io/file.h"
#include "engine/random.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

using Vectors = std::vector<std::pair<std::string, std::vector<float>>>;

std::string binary_vectors(const std::string& header, const Vectors& vectors, const std::string& end_of_word = "\n") {
  std::string bytes = header + "\n";
  for (const auto& [word, values] : vectors) {
    bytes += word + " ";
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    bytes += end_of_word;
  }
  return bytes;
}

// With the digits that an f32 needs.
std::string text_vectors(const Vectors& vectors, const std::string& end_of_line = "\n") {
  std::string text;
  for (const auto& [word, values] : vectors) {
    text += word;
    for (const float value : values) text += fmt::format(" {:.9g}", value);
    text += end_of_line;
  }
  return text;
}

const Vectors kThreeWords = {
    {"good", {0.5f, -1.25f, 3e-7f}}, {"</s>", {7.0f, 8.0f, 9.0f}}, {"bad", {-0.1f, 2.0f, 0.0f}}};
const std::vector<float> kGood = kThreeWords[0].second;
const std::vector<float> kBad = kThreeWords[2].second;

// Index 2 is good, 3 is strange (which is in no file here), 4 is bad.
Vocabulary three_words() {
  return Vocabulary({{"good", "strange", "bad"}});
}

// Writes the bytes to a file of that name and loads the vectors of three_words() from it.
WordVectors load_bytes(std::string_view bytes, const std::string& name = "vectors.txt", uint64_t seed = 1,
                       std::optional<int64_t> dimension = std::nullopt) {
  const TemporaryFolder folder;
  write_file_atomically(folder / name, bytes);
  return load_word_vectors(folder / name, three_words(), dimension, seed);
}

// The message of loading such a file, without the prefix that names the file.
std::string vectors_rejection(std::string_view bytes, const std::string& name = "vectors.txt",
                              std::optional<int64_t> dimension = std::nullopt) {
  const std::string message = error_of([&] { load_bytes(bytes, name, 1, dimension); });
  INFO("message: ", message);
  const size_t end = message.find(name + "'");
  CHECK(message.starts_with("embeddings: '"));
  REQUIRE(end != std::string::npos);
  return message.substr(end + name.size() + 1);
}

std::vector<float> row_of(const WordVectors& vectors, int64_t index) {
  const auto begin = vectors.values.begin() + index * vectors.dimension;
  return {begin, begin + vectors.dimension};
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("word vectors are read from word2vec's binary and text files and from GloVe's") {
    const std::string lines = text_vectors(kThreeWords);
    const std::vector<std::pair<std::string, std::string>> files = {
        {"vectors.bin", binary_vectors("3 3", kThreeWords)},
        {"vectors.bin", binary_vectors("3 3", kThreeWords, "")},  // some writers omit the line feeds
        {"vectors.txt", "3 3\n" + lines},
        {"vectors.txt", lines},
        {"vectors", lines},
        {"vectors.vec", "3 3\r\n" + text_vectors(kThreeWords, " \r\n")},
        {"vectors.txt", lines.substr(0, lines.size() - 1)},
        // The content determines the format, not the name.
        {"vectors.txt", binary_vectors("3 3", kThreeWords)},
        {"vectors", binary_vectors("3 3", kThreeWords, "")},
        {"vectors.bin", "3 3\n" + lines},
        {"vectors.bin", lines},
        // Variants that editors and other programs write.
        {"vectors.txt", "\xEF\xBB\xBF" + lines},
        {"vectors.txt",
         "\xEF\xBB\xBF"
         "3 3\n" +
             lines},
        {"vectors.txt", lines + "\n"},
        {"vectors.txt", "3 3\n" + lines + " \r\n\n\t\n"},
        {"vectors.txt", "+3 +3\ngood +0.5 -1.25 +3e-7\n</s> 7 8 9\nbad -.1 +2 +0\n"}};
    const WordVectors expected = load_bytes(files[0].second, files[0].first);
    for (const auto& [name, bytes] : files) {
      CAPTURE(bytes);
      for (const std::optional<int64_t> dimension : {std::optional<int64_t>(), std::optional<int64_t>(3)}) {
        const WordVectors vectors = load_bytes(bytes, name, 1, dimension);
        CHECK(vectors.dimension == 3);
        CHECK(vectors.found == 2);
        REQUIRE(vectors.values.size() == 5 * 3);
        CHECK(row_of(vectors, Vocabulary::kPadding) == std::vector<float>{0, 0, 0});
        CHECK(row_of(vectors, 2) == kGood);
        CHECK(row_of(vectors, 4) == kBad);
        CHECK(vectors.values == expected.values);
      }
    }
  }

  TEST_CASE("vectors of words that are not found are drawn by seed and index with the variance of those found") {
    const WordVectors vectors = load_bytes(text_vectors(kThreeWords), "vectors.txt", 5);
    double mean = 0.0, variance = 0.0;
    for (const auto* values : {&kGood, &kBad})
      for (const float value : *values) mean += value / 6.0;
    for (const auto* values : {&kGood, &kBad})
      for (const float value : *values) variance += (value - mean) * (value - mean) / 6.0;
    const double a = std::sqrt(3.0 * variance);
    for (const int64_t index : {1, 3})
      for (int64_t d = 0; d < 3; ++d) {
        const double u =
            random_uniform({5, Purpose::weights, 0, static_cast<uint64_t>(index)}, static_cast<uint64_t>(d));
        CHECK(row_of(vectors, index)[static_cast<size_t>(d)] == doctest::Approx(a * (2.0 * u - 1.0)));
      }
    CHECK(load_bytes(text_vectors(kThreeWords), "vectors.txt", 5).values == vectors.values);
    const WordVectors other = load_bytes(text_vectors(kThreeWords), "vectors.txt", 6);
    CHECK(row_of(other, 1) != row_of(vectors, 1));
    CHECK(row_of(other, 3) != row_of(vectors, 3));
    CHECK(row_of(other, 2) == row_of(vectors, 2));
    CHECK(row_of(other, 0) == row_of(vectors, 0));
  }

  TEST_CASE("the drawn vectors of a wide table have the bounds and the variance of those found") {
    // Alternating 0.3 and -0.1: mean 0.1, variance 0.04.
    std::vector<float> values(20'000);
    for (size_t d = 0; d < values.size(); ++d) values[d] = d % 2 == 0 ? 0.3f : -0.1f;
    const WordVectors vectors = load_bytes(text_vectors({{"bad", values}}));
    const double a = std::sqrt(3.0 * 0.04);
    double sum = 0.0, squares = 0.0;
    for (const float value : row_of(vectors, 3)) {
      REQUIRE(std::abs(value) <= a);
      sum += value / 20'000.0;
      squares += value * value / 20'000.0;
    }
    CHECK(std::abs(sum) < 0.007);  // five standard errors
    CHECK(squares == doctest::Approx(0.04).epsilon(0.032));
  }

  TEST_CASE("the first vector of a repeated word counts") {
    Vectors twice = kThreeWords;
    twice.push_back({"good", {4.0f, 4.0f, 4.0f}});
    for (const auto& [name, bytes] : {std::pair<std::string, std::string>{"v.bin", binary_vectors("4 3", twice)},
                                      std::pair<std::string, std::string>{"v.txt", text_vectors(twice)}}) {
      const WordVectors vectors = load_bytes(bytes, name);
      CHECK(vectors.found == 2);
      CHECK(row_of(vectors, 2) == kGood);
    }
  }

  TEST_CASE("a file larger than the buffer gives every word its own vector") {
    // Over 4 MB, so that words cross the borders of the buffer; every third word is in the vocabulary.
    Vectors all;
    std::vector<std::string> wanted;
    for (size_t w = 0; w < 4001; ++w) {
      std::vector<float> values(257);
      for (size_t d = 0; d < values.size(); ++d) values[d] = static_cast<float>(w * 257 + d) / 1024.0f;
      all.push_back({"w" + std::string(w % 23, '-') + std::to_string(w), values});
      if (w % 3 == 0) wanted.push_back(all.back().first);
    }
    const Vocabulary vocabulary({wanted});
    const TemporaryFolder folder;
    write_file_atomically(folder / "v.bin", binary_vectors("4001 257", all));
    write_file_atomically(folder / "v.txt", text_vectors(all));
    for (const char* name : {"v.bin", "v.txt"}) {
      const WordVectors vectors = load_word_vectors(folder / name, vocabulary, 257, 1);
      CHECK(vectors.found == static_cast<int64_t>(wanted.size()));
      for (size_t w = 0; w < all.size(); w += 3)
        REQUIRE(row_of(vectors, vocabulary.index_of(all[w].first)) == all[w].second);
    }
  }

  TEST_CASE("a text file's words may contain spaces but no more numbers than the others") {
    const std::string lines = text_vectors(kThreeWords);
    CHECK(load_bytes(lines + ". . . 1 2 3\nat me@home.org 1 2 3\n").values == load_bytes(lines).values);
    CHECK(vectors_rejection(lines + "word 0 1 2 3\n") == ", line 4: more than the expected 3 numbers");
    CHECK(vectors_rejection(lines + "good 0 1\n") ==
          fmt::format(", line 4 (which ends at byte {}): 2 numbers after the word, expected 3", lines.size() + 9));
    CHECK(
        vectors_rejection(lines + "\n" + lines) ==
        fmt::format(", line 4 (which ends at byte {}): a blank line, expected a word and 3 numbers", lines.size() + 1));
  }

  TEST_CASE("vectors of another dimension than expected are errors") {
    const std::string expected = " contains vectors of 3 numbers, expected 128";
    CHECK(vectors_rejection(binary_vectors("3 3", kThreeWords), "v.bin", 128) == expected);
    CHECK(vectors_rejection("3 3\n" + text_vectors(kThreeWords), "v.txt", 128) == expected);
    CHECK(vectors_rejection(text_vectors(kThreeWords), "v.txt", 128) == expected);
    const std::vector<float> many(70'000);
    CHECK(vectors_rejection(text_vectors({{"good", many}})) == ": vectors of 70000 numbers, expected at most 65536");
  }

  TEST_CASE("one long line does not allocate a table larger than the file justifies") {
    std::vector<std::string> words;
    for (int i = 0; i < 20'000; ++i) words.push_back(fmt::format("w{}", i));
    const Vocabulary vocabulary({words});
    const TemporaryFolder folder;
    std::string line = "w7";
    for (int d = 0; d < 32'000; ++d) line += " 1";
    write_file_atomically(folder / "v.txt", line);
    CHECK(
        error_of([&] { load_word_vectors(folder / "v.txt", vocabulary, std::nullopt, 1); }) ==
        fmt::format("embeddings: '{}': vectors of 32000 numbers for the 20002 words of the vocabulary take more memory "
                    "than a file of 64002 bytes can justify; is this a file of word vectors?",
                    (folder / "v.txt").string()));
    line.resize(2 + 2 * 1000);
    write_file_atomically(folder / "v.txt", line);
    CHECK(load_word_vectors(folder / "v.txt", vocabulary, std::nullopt, 1).found == 1);
  }

  TEST_CASE("a file of vectors that is cut short anywhere is an error") {
    const std::string binary = binary_vectors("3 3", kThreeWords);
    const size_t last_vector = binary.size() - 1;  // a last line feed may be missing
    for (size_t size = 0; size < last_vector; ++size) {
      CAPTURE(size);
      CHECK(!vectors_rejection(binary.substr(0, size), "v.bin").empty());
    }
    CHECK(load_bytes(binary.substr(0, last_vector), "v.bin").found == 2);
    CHECK(vectors_rejection(binary.substr(0, 20), "v.bin") ==
          ": the file ends at byte 20, but the header declares 3 words of 3 numbers, which need more: it is cut short, "
          "or "
          "the header is wrong");
    CHECK(vectors_rejection(binary.substr(0, last_vector - 1), "v.bin") ==
          fmt::format(": cut short at byte {}, inside the vector of word 3 of the header's 3", last_vector - 1));
    CHECK(vectors_rejection(binary.substr(0, last_vector - 14), "v.bin") ==
          fmt::format(": cut short at byte {}, at word 3 of the header's 3", last_vector - 14));

    const std::string text = "3 3\n" + text_vectors(kThreeWords);
    const size_t two_lines = text.find("bad");
    CHECK(vectors_rejection(text.substr(0, two_lines)) ==
          fmt::format(": cut short at byte {}, after 2 words of the header's 3", two_lines));
    CHECK(contains(vectors_rejection(text.substr(0, two_lines + 8)),
                   fmt::format("(which ends at byte {}", two_lines + 8)));
    CHECK(contains(vectors_rejection(text.substr(0, 20)), ": the file ends at byte 20, but the header declares"));
  }

  TEST_CASE("numbers that are invalid or not finite are errors that name their position") {
    const std::string good = "good 0.5 1 2\n";
    for (const char* value : {"nan", "inf", "-inf", "1e39", "-1e400", "1.5x", "0x10", "--1", "1,5"})
      CHECK(vectors_rejection(good + "bad 1 " + value + " 2\n") ==
            fmt::format(", line 2: '{}' is not a finite f32", value));
    CHECK(row_of(load_bytes(good + "bad 1 1e-50 3.4e38\n"), 4) == std::vector<float>{1.0f, 0.0f, 3.4e38f});
    CHECK(row_of(load_bytes(good + "bad 1e-400 -1E-999 +.5\n"), 4) == std::vector<float>{0.0f, 0.0f, 0.5f});
    for (const char* value : {"+", "+-1", "++1", "+nan"})
      CHECK(vectors_rejection(good + "bad 1 " + value + " 2\n") ==
            fmt::format(", line 2: '{}' is not a finite f32", value));
    for (const float value : {NAN, INFINITY, -INFINITY}) {
      Vectors broken = kThreeWords;
      broken[2].second[1] = value;
      // 4 bytes of header and twice 18: a word of 4 bytes, a space, three numbers and a line feed.
      CHECK(vectors_rejection(binary_vectors("3 3", broken), "v.bin") ==
            fmt::format(": {} in the vector of word 3 at byte 40", value));
    }
  }

  TEST_CASE("headers that do not agree with the file are errors") {
    const std::string binary_end = ", after the header's 2 words of 3 numbers";
    CHECK(contains(vectors_rejection(binary_vectors("2 3", kThreeWords), "v.bin"),
                   ": the file continues at byte 40" + binary_end));
    CHECK(contains(vectors_rejection(binary_vectors("5 3", kThreeWords), "v.bin"),
                   "the header declares 5 words of 3 numbers"));
    // The size of the file does not show it: four shorter words would fit.
    CHECK(vectors_rejection(binary_vectors("4 3", kThreeWords), "v.bin") ==
          ": cut short at byte 57, at word 4 of the header's 4");
    for (const char* dimension : {"1", "2", "4", "1000000000000", "4611686018427387904"})
      CHECK(!vectors_rejection(binary_vectors(std::string("3 ") + dimension, kThreeWords), "v.bin").empty());
    const std::string many(70'000 * 4, 'a');
    CHECK(vectors_rejection("1 70000\ngood " + many, "v.bin") == ": vectors of 70000 numbers, expected at most 65536");
    for (const char* header : {"0 3", "3 0", "-3 3", "3 -3"})
      CHECK(vectors_rejection(binary_vectors(header, kThreeWords), "v.bin") ==
            fmt::format(": the header declares {} words of {} numbers, expected at least 1 of each",
                        std::string(header).substr(0, std::string(header).find(' ')),
                        std::string(header).substr(std::string(header).find(' ') + 1)));
    for (const char* header : {"", "3", "3 3 3", "three 3", "3 3x", "99999999999999999999 3"})
      CHECK(vectors_rejection(binary_vectors(header, kThreeWords), "v.bin") ==
            ": the file is neither text nor a binary word2vec file, whose first line is two whole numbers");
    CHECK(contains(vectors_rejection("1 3\ngood" + std::string(1200, 'x') + " ", "v.bin"),
                   ": no word ends within 1000 bytes of byte 4, where word 1 of the header's 1 was expected"));

    const std::string lines = text_vectors(kThreeWords);
    CHECK(vectors_rejection("2 3\n" + lines) == ", line 4: the file continues after the header's 2 words");
    CHECK(vectors_rejection("4 3\n" + lines) ==
          fmt::format(": cut short at byte {}, after 3 words of the header's 4", lines.size() + 4));
    CHECK(vectors_rejection("3 2\n" + lines) == ", line 2: more than the expected 2 numbers");
    CHECK(contains(vectors_rejection("3 4\n" + lines), ", line 2 (which ends at byte"));
  }

  TEST_CASE("files without vectors for the vocabulary are errors") {
    CHECK(vectors_rejection("other 1 2\n") == " contains none of the 3 words of the vocabulary");
    CHECK(vectors_rejection(binary_vectors("1 1", {{"other", {1.0f}}}), "v.bin") ==
          " contains none of the 3 words of the vocabulary");
    CHECK(vectors_rejection("") == " is empty");
    CHECK(vectors_rejection("good\n") == ", line 1: no numbers after the word");
    CHECK(vectors_rejection("\n") == ", line 1: no numbers after the word");
    CHECK(vectors_rejection("\x1F\x8B\x08", "v.bin") ==
          " is compressed by gzip; gunzip makes the file that is read here");
    CHECK(contains(vectors_rejection("PK\x03\x04"), " is a zip archive; unzip makes the file that is read here"));
    CHECK(contains(vectors_rejection("version https://git-lfs.github.com/spec/v1\nsize 9\n"), " is a Git LFS pointer"));
    CHECK(contains(vectors_rejection("<!DOCTYPE html>"), " is a web page (HTML)"));
    CHECK(contains(vectors_rejection("\xBA\x16\x4F\x2F", "v.bin"), " is fastText's own model"));
    CHECK(contains(vectors_rejection("\xFF\xFEg"), " is in UTF-16; iconv"));
    CHECK(vectors_rejection(std::string((1 << 20) + 1, 'x')) ==
          ", line 1: longer than 1048576 bytes; this is not a file of word vectors");
    const TemporaryFolder folder;
    const std::string base = folder.path().string();
    CHECK(error_of([&] { load_word_vectors(folder / "none", three_words(), 3, 1); }) ==
          "embeddings: '" + base + "/none' does not exist");
    CHECK(error_of([&] { load_word_vectors(folder.path(), three_words(), 3, 1); }) ==
          "embeddings: '" + base + "' is not a regular file");
  }
}

}  // namespace cofactor::testing
