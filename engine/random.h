// Counter-based random numbers: a draw depends only on its key and position, not on earlier draws, so the same seed
// gives the same numbers on every device and with any number of threads.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/dtype.h"

namespace cofactor {

// What a draw is for. Different purposes use different streams.
enum class Purpose : uint32_t {
  weights = 1,
  labels = 2,
  shuffle = 3,
  dropout = 4,
  augmentation = 5,
  split = 6,
  test = 7,
  latent = 8,
  bootstrap = 9
};

// Names one stream of draws: its purpose, an index (of a layer or a parameter, say) and a step (or an epoch).
struct RandomKey {
  uint64_t seed = 0;
  Purpose purpose = Purpose::test;
  uint32_t index = 0;
  uint64_t step = 0;
};

// The draws of a stream from number `first` on. The draw of element i of a tensor is number first + i, so that a
// process which has some rows of a batch draws what a process with all rows draws for these.
struct RandomDraws {
  RandomDraws(const RandomKey& stream, uint64_t first_draw = 0) : key(stream), first(first_draw) {}
  // For rows first_row, first_row + 1, ... of a tensor whose rows have `per_row` draws each.
  static RandomDraws of_rows(const RandomKey& stream, int64_t first_row, int64_t per_row) {
    return {stream, static_cast<uint64_t>(first_row) * static_cast<uint64_t>(per_row)};
  }

  RandomKey key;
  uint64_t first;
};

// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC 2011): ten rounds that mix
// a 128-bit counter under a 64-bit key into four independent 32-bit words.
COFACTOR_HD inline std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53u} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key = {key[0] + 0x9E3779B9u, key[1] + 0xBB67AE85u};
  }
  return counter;
}

// Words 4*block .. 4*block+3 of a stream. The purpose and the index are folded into the key's seed words and the
// counter, so that streams do not overlap for fewer than 2^24 indices and 2^32 blocks a step.
COFACTOR_HD inline std::array<uint32_t, 4> random_words(const RandomKey& key, uint64_t block) {
  const uint32_t stream = static_cast<uint32_t>(key.purpose) << 24 ^ key.index;
  return philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32) ^ stream,
                 static_cast<uint32_t>(key.step), static_cast<uint32_t>(key.step >> 32)},
                {static_cast<uint32_t>(key.seed), static_cast<uint32_t>(key.seed >> 32)});
}

// Word number `position` of a stream.
COFACTOR_HD inline uint32_t random_word(const RandomKey& key, uint64_t position) {
  return random_words(key, position / 4)[position % 4];
}

// Words position .. position + 3 of a stream. No index is computed, so that a GPU keeps all words in registers.
COFACTOR_HD inline std::array<uint32_t, 4> four_random_words(const RandomKey& key, uint64_t position) {
  auto words = random_words(key, position / 4);
  const auto skipped = static_cast<int>(position % 4);
  if (skipped == 0) return words;
  const auto next = random_words(key, position / 4 + 1);
  for (int turn = 0; turn < 3; ++turn)
    if (turn < skipped) words = {words[1], words[2], words[3], turn == 0 ? next[0] : turn == 1 ? next[1] : next[2]};
  return words;
}

// A number in [0, 1) with 24 random bits, exact in f32.
COFACTOR_HD inline float unit_float(uint32_t word) {
  return static_cast<float>(word >> 8) * 0x1p-24f;
}

// The class that a draw u in [0, 1) selects, with probability proportional to weights[c]: the first class c for which
// weights[0] + ... + weights[c] is greater than u times the sum of all weights. Sums are in double and in order, so
// that equal weights give equal classes on every device. A negative or NaN weight counts as 0; with no positive weight
// the class is 0.
template <class T>
COFACTOR_HD inline int32_t draw_class(const T* weights, int64_t classes, float u) {
  double total = 0.0;
  for (int64_t c = 0; c < classes; ++c)
    if (const double weight = convert<double>(weights[c]); weight > 0.0) total += weight;
  const double threshold = static_cast<double>(u) * total;
  double sum = 0.0;
  int64_t drawn = 0;
  for (int64_t c = 0; c < classes && !(sum > threshold); ++c) {
    const double weight = convert<double>(weights[c]);
    if (!(weight > 0.0)) continue;
    sum += weight;
    drawn = c;  // the last one, where rounding or an infinite weight keeps the sum below the threshold
  }
  return static_cast<int32_t>(drawn);
}

// A number in [0, 1) with 53 random bits.
inline double unit_double(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

// Draw number `position` of a stream, uniform in [0, 1), 53 random bits.
inline double random_uniform(const RandomKey& key, uint64_t position) {
  const auto words = random_words(key, position / 2);
  return position % 2 == 0 ? unit_double(words[0], words[1]) : unit_double(words[2], words[3]);
}

// Draw number `position` of a stream, from the standard normal distribution (Box-Muller). It uses the uniform draws
// 2 position and 2 position + 1.
inline double random_normal(const RandomKey& key, uint64_t position) {
  const auto words = random_words(key, position);
  const double radius = std::sqrt(-2.0 * std::log1p(-unit_double(words[0], words[1])));
  return radius * std::cos(2.0 * 3.14159265358979323846 * unit_double(words[2], words[3]));
}

// An integer in [0, bound), by draw number `position`. Bias below bound / 2^53.
inline int64_t random_below(const RandomKey& key, uint64_t position, int64_t bound) {
  return static_cast<int64_t>(random_uniform(key, position) * static_cast<double>(bound));
}

// 0 .. count-1 in random order (Fisher-Yates).
std::vector<int64_t> random_permutation(const RandomKey& key, int64_t count);

}  // namespace cofactor
