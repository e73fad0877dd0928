// The order in which an epoch visits the samples of a split, and how they are divided into batches.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/random.h"

namespace cofactor {

enum class SamplerKind {
  sequential,  // in the order of the split
  shuffled,    // a new random order in each epoch
  stratified,  // random, with each class's share of the split in every batch, rounded down or up
};
enum class LastBatch { keep, drop };  // whether an epoch has a last batch with fewer samples

// "sequential", "shuffled" or "stratified". Throws Error for any other name.
SamplerKind parse_sampler(std::string_view name);

// The number of batches in an epoch. Throws Error if batch_size is below 1, there are no samples, or dropping the last
// batch would leave none.
int64_t batch_count(int64_t samples, int64_t batch_size, LastBatch last);

// For each batch of an epoch, the positions in the split (0 .. labels.size() - 1) of its samples. Each position is in
// exactly one batch, or dropped with the last one. key.step is the epoch; the streams key.index to key.index + 2 are
// used. Throws Error as batch_count does.
std::vector<std::vector<int64_t>> make_batches(SamplerKind kind, const std::vector<int32_t>& labels, int64_t batch_size,
                                               LastBatch last, const RandomKey& key);

// The places in a batch that a rank has: [first, first + count). They follow one another by rank, and their sizes
// differ by at most one. A batch with fewer samples than there are ranks is not divided: every rank has all of it.
struct BatchShare {
  int64_t first = 0, count = 0;
};
// Throws Error unless 0 <= rank < ranks.
BatchShare share_of(int64_t samples, int rank, int ranks);

// Divides a batch into as few parts of at most `most` samples as possible: their sizes, which differ by at most one.
// Throws Error if `most` is below 1.
std::vector<int64_t> part_sizes(int64_t samples, int64_t most);
// The same for the share of a rank: as many parts as the largest share has, so that all ranks work through as many.
std::vector<int64_t> part_sizes_of_share(int64_t samples, int rank, int ranks, int64_t most);

// The smallest batch size from `least` up with which every batch of a stratified epoch has a sample of each class; at
// most all samples in one batch. class_sizes holds the number of samples of each class. Throws Error if one is 0.
int64_t complete_batch_size(const std::vector<int64_t>& class_sizes, int64_t least = 1);

}  // namespace cofactor
