// In which order an epoch visits a split's samples, and how they are cut into batches.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/random.h"

namespace cofactor {

enum class SamplerKind {
  sequential,  // as they come
  shuffled,    // a new random order each epoch
  stratified,  // random, each batch with its share of every class (the exact share, rounded down or up)
};
enum class LastBatch { keep, drop };  // what becomes of a last batch with fewer samples than the others

// "shuffled" or "stratified" or "sequential"; any other name is an Error.
SamplerKind parse_sampler(std::string_view name);

// How many batches an epoch has. Throws Error where batch_size is below 1, where there are no samples, and where
// dropping short batches would leave none.
int64_t batch_count(int64_t samples, int64_t batch_size, LastBatch last);

// The positions (0 .. labels.size() - 1) of each batch of an epoch; each position is in one batch, or was dropped with
// the last one. key.step is the epoch; draws use key.index to key.index + 2. Throws Error as batch_count does.
std::vector<std::vector<int64_t>> make_batches(SamplerKind kind, const std::vector<int32_t>& labels, int64_t batch_size,
                                               LastBatch last, const RandomKey& key);

// The least batch size, from `least` on, with which every batch of a stratified epoch has a sample of each class; all
// samples in one batch at most. class_sizes: the samples of each class. Throws Error where a class has none.
int64_t complete_batch_size(const std::vector<int64_t>& class_sizes, int64_t least = 1);

}  // namespace cofactor
