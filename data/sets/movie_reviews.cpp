#include "data/sets/movie_reviews.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <system_error>
#include <utility>

#include "data/files/find_folder.h"
#include "data/text/sentences.h"
#include "engine/io/file.h"
#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

constexpr int32_t kNegative = 0;
constexpr int32_t kPositive = 1;
constexpr int64_t kClasses = 2;
constexpr std::array<const char*, kClasses> kFileNames = {"rt-polarity.neg", "rt-polarity.pos"};  // by class

constexpr std::string_view kReviewsSource =
    "rt-polarity.neg and rt-polarity.pos are the sentence polarity data set v1.0 of Pang and Lee (2005), "
    "rt-polaritydata.tar.gz at https://www.cs.cornell.edu/people/pabo/movie-review-data/";
constexpr uint64_t kMaxReviewBytes = 128 << 20;  // the padded sentences may have this many bytes,
constexpr uint64_t kReviewBytesPerByte = 16;     // or this many per byte of text

using Words = std::vector<std::string>;

int64_t line_of(std::string_view bytes, size_t at) {
  return 1 + std::ranges::count(bytes.substr(0, at), '\n');
}

// Recognises the encoding by the content. Text in Latin-1 or CP1252 is practically never valid UTF-8, since there a
// character outside ASCII has at least two bytes.
std::string_view encoding_of(std::string_view bytes) {
  const bool ascii = std::ranges::all_of(bytes, [](char c) { return static_cast<uint8_t>(c) < 0x80; });
  if (ascii) return "ASCII";
  return is_utf8(bytes) ? "UTF-8" : "Latin-1 or CP1252";
}

// A file, without a byte order mark and without blank lines at its end.
struct Text {
  std::filesystem::path path;
  std::string bytes;
  std::string_view encoding;
  int64_t sentences = 0;
};

Text read_text(const std::filesystem::path& path) {
  check(!is_missing(path), "movie_reviews: '{}' does not exist; {}", path.string(), kReviewsSource);
  check(may_be_file(path), "movie_reviews: '{}' is a folder, not a file", path.string());
  Text text{.path = path, .bytes = read_file(path), .encoding = {}};
  std::string& bytes = text.bytes;
  check(!bytes.empty(), "movie_reviews: '{}' is empty, expected sentences of both classes", path.string());
  check(!has_utf16_mark(bytes),
        "movie_reviews: '{}' is UTF-16, expected UTF-8 or Latin-1 (iconv -f UTF-16 -t UTF-8 converts it)",
        path.string());
  const size_t nul = bytes.find('\0');
  check(nul == std::string::npos,
        "movie_reviews: '{}', line {}: a zero byte at byte {} of the file, which a text file does not contain",
        path.string(), nul == std::string::npos ? 0 : line_of(bytes, nul), nul);
  if (bytes.starts_with(kUtf8Mark)) bytes.erase(0, kUtf8Mark.size());
  bytes.erase(bytes.find_last_not_of(" \t\r\n\v\f") + 1);
  if (bytes.find('\n') == std::string::npos) std::ranges::replace(bytes, '\r', '\n');  // line ends of old Macs
  text.encoding = encoding_of(bytes);
  return text;
}

// The longest sentence so far.
struct Longest {
  size_t words = 0;
  std::string place;  // "'mr/rt-polarity.neg', line 7"
};

// Appends the words of each line.
void read_sentences(Text& text, std::vector<Words>& sentences, Longest& longest) {
  std::string_view rest = text.bytes;
  do {
    const std::string_view sentence = take_line(rest);
    ++text.sentences;
    const auto place = [&] { return fmt::format("'{}', line {}", text.path.string(), text.sentences); };
    if (sentence.find_first_not_of(" \t\r\v\f") == std::string_view::npos)
      fail("movie_reviews: {}: a blank line, expected a sentence", place());
    sentences.push_back(tokenize(clean_sentence(sentence)));
    const size_t words = sentences.back().size();
    if (words == 0)
      fail("movie_reviews: {}: no word is left after cleaning, which keeps only letters, digits and (),!?'`", place());
    if (words > longest.words) longest = {words, place()};
  } while (!rest.empty());
}

// All sentences are padded to one length, so that a single long line could demand any amount of memory.
void check_length(const Longest& longest, size_t sentences, size_t text_bytes, const MovieReviewsOptions& options) {
  const auto length = std::max(
      static_cast<uint64_t>(std::max<int64_t>(options.min_length, 0)),
      options.max_length ? static_cast<uint64_t>(std::max<int64_t>(*options.max_length, 0)) : uint64_t{longest.words});
  uint64_t bytes = 0;
  const bool fits = !__builtin_mul_overflow(length, uint64_t{sentences} * sizeof(int32_t), &bytes) &&
                    (bytes <= kMaxReviewBytes || bytes / kReviewBytesPerByte <= text_bytes);
  check(fits || options.max_length.has_value(),
        "movie_reviews: {}: a sentence of {} words; {} sentences of that length take more memory than {} bytes of text "
        "can justify. Are line breaks missing? --max-length keeps only the first words of each sentence",
        longest.place, longest.words, sentences, text_bytes);
  check(fits,
        "movie_reviews: {} sentences of {} words take more memory than {} bytes of text can justify; the longest "
        "sentence has {} words",
        sentences, length, text_bytes, longest.words);
}

// The folder that contains the files: the given one, or one inside it.
std::filesystem::path folder_of_reviews(const std::filesystem::path& directory) {
  std::error_code error;
  const auto type = std::filesystem::status(directory, error).type();
  check(type != std::filesystem::file_type::regular, "movie_reviews: '{}' is a file, not a folder", directory.string());
  const auto found = find_folder(directory, "movie_reviews", [](const std::filesystem::path& folder) {
    return std::ranges::any_of(kFileNames, [&](const char* name) { return may_be_file(folder / name); });
  });
  check(!found.empty(), "movie_reviews: '{}' {}; {}", directory.string(),
        is_missing(directory) ? "does not exist"
                              : "and the folders up to three levels inside it do not contain the files",
        kReviewsSource);
  return found;
}

}  // namespace

MovieReviews load_movie_reviews(const std::filesystem::path& directory, const MovieReviewsOptions& options) {
  const auto folder = folder_of_reviews(directory);
  std::vector<Words> sentences;
  Longest longest;
  Text negative = read_text(folder / kFileNames[kNegative]), positive = read_text(folder / kFileNames[kPositive]);
  read_sentences(negative, sentences, longest);
  read_sentences(positive, sentences, longest);
  std::vector<int32_t> labels(sentences.size(), kPositive);
  std::fill_n(labels.begin(), negative.sentences, kNegative);
  check_length(longest, sentences.size(), negative.bytes.size() + positive.bytes.size(), options);

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
  check(train > 0, "movie_reviews: {} sentences in '{}', expected at least 3, for training, validation and test",
        data->size(), directory.string());
  const auto order = random_permutation({options.split_seed, Purpose::split, 0, 0}, data->size());
  return {make_split(data, order, 0, train), make_split(data, order, train, validation),
          make_split(data, order, train + validation, test), std::move(vocabulary),
          fmt::format("{} sentences in '{}' ({}), {} in '{}' ({})", negative.sentences, negative.path.string(),
                      negative.encoding, positive.sentences, positive.path.string(), positive.encoding)};
}

std::filesystem::path movie_reviews_default_directory() {
  return "mr";
}

}  // namespace cofactor
