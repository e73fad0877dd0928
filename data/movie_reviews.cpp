#include "data/movie_reviews.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "engine/io/file.h"

namespace cofactor {

namespace {

constexpr int32_t kNegative = 0;
constexpr int32_t kPositive = 1;
constexpr int64_t kClasses = 2;
constexpr std::array<const char*, kClasses> kFileNames = {"rt-polarity.neg", "rt-polarity.pos"};  // by class

using Words = std::vector<std::string>;

bool is_ascii(char c) {
  return static_cast<uint8_t>(c) < 0x80;
}

// How many bytes of UTF-8 a character of several bytes takes that begins at `at`; 0 where none does. Some forms that
// strict UTF-8 forbids pass: the question is only which encoding this is.
size_t utf8_length(std::string_view bytes, size_t at) {
  const auto first = static_cast<uint8_t>(bytes[at]);
  const size_t length = first >= 0xC2 && first < 0xE0   ? 2
                        : first >= 0xE0 && first < 0xF0 ? 3
                        : first >= 0xF0 && first < 0xF5 ? 4
                                                        : 0;
  if (length == 0 || length > bytes.size() - at) return 0;
  const auto rest = bytes.substr(at + 1, length - 1);
  return std::ranges::all_of(rest, [](char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }) ? length : 0;
}

// Whether every byte above ASCII is part of a UTF-8 character. Latin-1's accented letters between ASCII ones are not.
bool is_utf8(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = is_ascii(bytes[at]) ? 1 : utf8_length(bytes, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

int64_t line_of(std::string_view bytes, size_t at) {
  return 1 + std::ranges::count(bytes.substr(0, at), '\n');
}

// Latin-1 has a character for every byte, so what was meant as another encoding would load as wrong words.
void check_latin1(const std::string& path, std::string_view bytes) {
  check(!bytes.starts_with("\xFF\xFE") && !bytes.starts_with("\xFE\xFF"),
        "movie_reviews: '{}' begins with UTF-16's byte order mark; Latin-1 is expected (iconv -f UTF-16 -t ISO-8859-1 "
        "converts)",
        path);
  check(!bytes.starts_with("\xEF\xBB\xBF"),
        "movie_reviews: '{}' begins with UTF-8's byte order mark; Latin-1 without one is expected (iconv -f UTF-8 -t "
        "ISO-8859-1 converts the text behind the first 3 bytes)",
        path);
  const size_t nul = bytes.find('\0');
  if (nul != std::string_view::npos)
    fail("movie_reviews: '{}', line {}: a zero at byte {} of the file, which no Latin-1 text holds (UTF-16 does)", path,
         line_of(bytes, nul), nul);
  const auto foreign = std::ranges::find_if_not(bytes, is_ascii);
  if (foreign != bytes.end() && is_utf8(bytes)) {
    const auto at = static_cast<size_t>(foreign - bytes.begin());
    fail(
        "movie_reviews: '{}', line {}: a character in UTF-8 at byte {} of the file, where Latin-1 is expected (iconv "
        "-f "
        "UTF-8 -t ISO-8859-1 converts)",
        path, line_of(bytes, at), at);
  }
}

std::string read_text(const std::filesystem::path& directory, const char* name) {
  const auto path = directory / name;
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  check(type != std::filesystem::file_type::not_found,
        "movie_reviews: there is no '{}'; {} and {} are the sentence polarity data set v1.0 of Pang and Lee (2005), "
        "rt-polaritydata.tar.gz at https://www.cs.cornell.edu/people/pabo/movie-review-data/",
        path.string(), kFileNames[kNegative], kFileNames[kPositive]);
  check(type != std::filesystem::file_type::directory, "movie_reviews: '{}' is a folder, not a file", path.string());
  std::string bytes = read_file(path);
  check(!bytes.empty(), "movie_reviews: '{}' is empty: sentences of both classes are needed", path.string());
  check_latin1(path.string(), bytes);
  return bytes;
}

// Appends the words of each line.
void read_sentences(const std::filesystem::path& directory, const char* name, std::vector<Words>& sentences) {
  const std::string bytes = read_text(directory, name);
  std::string_view rest = bytes;
  for (int64_t line = 1; !rest.empty(); ++line) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view sentence = rest.substr(0, end);
    check(!tokenize(sentence).empty(), "movie_reviews: '{}', line {}: blank, where a sentence is expected",
          (directory / name).string(), line);
    sentences.push_back(tokenize(clean_sentence(sentence)));
    check(!sentences.back().empty(),
          "movie_reviews: '{}', line {}: no word is left after cleaning, which keeps letters, digits and (),!?'`",
          (directory / name).string(), line);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

}  // namespace

MovieReviews load_movie_reviews(const std::filesystem::path& directory, const MovieReviewsOptions& options) {
  std::error_code error;
  const auto type = std::filesystem::status(directory, error).type();
  check(type != std::filesystem::file_type::regular, "movie_reviews: '{}' is a file, not a folder", directory.string());
  std::vector<Words> sentences;
  read_sentences(directory, kFileNames[kNegative], sentences);
  std::vector<int32_t> labels(sentences.size(), kNegative);
  read_sentences(directory, kFileNames[kPositive], sentences);
  labels.resize(sentences.size(), kPositive);

  Vocabulary vocabulary(sentences, options.min_count);
  std::vector<std::vector<int32_t>> encoded;
  encoded.reserve(sentences.size());
  for (const Words& words : sentences) encoded.push_back(vocabulary.encode(words));
  const auto data = std::make_shared<TextArray>(
      pad_sentences(encoded, {.min_length = options.min_length, .max_length = options.max_length}), vocabulary.size(),
      std::move(labels), kClasses);

  const int64_t test = (data->size() + 9) / 10;
  const int64_t validation = (data->size() - test + 4) / 5;
  const int64_t train = data->size() - test - validation;
  check(train > 0, "movie_reviews: {} sentences in '{}' leave none to train on beside validation's and test's",
        data->size(), directory.string());
  const auto order = random_permutation({options.split_seed, Purpose::split, 0, 0}, data->size());
  return {make_split(data, order, 0, train), make_split(data, order, train, validation),
          make_split(data, order, train + validation, test), std::move(vocabulary)};
}

std::filesystem::path movie_reviews_default_directory() {
  return "mr";
}

TransitionMatrix movie_reviews_noise(std::string_view name, double rate) {
  if (name == kMovieReviewsNoises[0]) return flip_noise(kClasses, {{kPositive, kNegative}}, rate);
  fail("movie_reviews: the noise '{}' is none of {}", name, fmt::join(kMovieReviewsNoises, ", "));
}

}  // namespace cofactor
