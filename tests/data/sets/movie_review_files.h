// Writes a small data set that can be learned, in the format of MR, the sentence polarity data set.
#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "engine/io/file.h"
#include "engine/random.h"

namespace cofactor::testing {

// The number of sentences of each class. Their words depend on the seed.
struct TinyMovieReviews {
  int64_t negative = 60, positive = 60;
  uint64_t seed = 1;
};

// `count` sentences of 4 to 11 words, most of them neutral; the last two depend on the class.
inline std::string tiny_sentences(int64_t count, bool positive, uint64_t seed) {
  constexpr std::array<const char*, 8> kNeutral = {"the", "film", "a", "story", "of", "actor", "it's", "clich\xE9s"};
  constexpr std::array<const char*, 4> kBad = {"dull", "tedious", "flat", "awful"};
  constexpr std::array<const char*, 4> kGood = {"moving", "clever", "rich", "funny"};
  std::string text;
  for (int64_t i = 0; i < count; ++i) {
    const RandomKey key{seed, Purpose::test, positive ? 1u : 0u, static_cast<uint64_t>(i)};
    const int64_t neutral = 2 + random_below(key, 0, 8);
    for (int64_t w = 0; w < neutral; ++w)
      text.append(kNeutral[static_cast<size_t>(random_below(key, static_cast<uint64_t>(3 + w), 8))]) += ' ';
    for (const uint64_t position : {1u, 2u}) {
      const auto choice = static_cast<size_t>(random_below(key, position, 4));
      text.append(positive ? kGood[choice] : kBad[choice]) += ' ';
    }
    text += ". \n";
  }
  return text;
}

// Writes rt-polarity.neg and rt-polarity.pos into an existing folder, with sentences whose classes a small network
// learns within a few steps.
inline void write_tiny_movie_reviews(const std::filesystem::path& directory, const TinyMovieReviews& tiny = {}) {
  write_file_atomically(directory / "rt-polarity.neg", tiny_sentences(tiny.negative, false, tiny.seed));
  write_file_atomically(directory / "rt-polarity.pos", tiny_sentences(tiny.positive, true, tiny.seed));
}

}  // namespace cofactor::testing
