#include "data/sampler.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "engine/error.h"

namespace cofactor {

namespace {

using Batches = std::vector<std::vector<int64_t>>;

// The random streams of one epoch, numbered from the index of the caller's key.
enum Stream : uint32_t { kSamples = 0, kBatchOrder = 1, kWithinBatch = 2 };

RandomKey stream_of(RandomKey key, Stream stream) {
  key.index += stream;
  return key;
}

// Consecutive runs of `batch_size` samples; the last one has the remainder.
Batches cut(const std::vector<int64_t>& order, size_t batch_size) {
  Batches batches;
  for (size_t begin = 0; begin < order.size(); begin += batch_size) {
    const size_t end = std::min(order.size(), begin + batch_size);
    batches.emplace_back(order.begin() + static_cast<ptrdiff_t>(begin), order.begin() + static_cast<ptrdiff_t>(end));
  }
  return batches;
}

// Divides `total` into shares proportional to class_sizes (which sum to `samples`). Each is the floor or the ceiling of
// the exact share: those with the largest remainders are rounded up.
std::vector<int64_t> proportional_shares(const std::vector<int64_t>& class_sizes, int64_t samples, int64_t total) {
  std::vector<int64_t> shares;
  std::vector<int64_t> remainders;
  for (int64_t size : class_sizes) {
    shares.push_back(size * total / samples);
    remainders.push_back(size * total % samples);
  }
  std::vector<size_t> by_remainder(class_sizes.size());
  std::iota(by_remainder.begin(), by_remainder.end(), size_t{0});
  std::ranges::stable_sort(by_remainder, [&](size_t a, size_t b) { return remainders[a] > remainders[b]; });
  const int64_t left = total - std::accumulate(shares.begin(), shares.end(), int64_t{0});
  for (size_t i = 0; i < static_cast<size_t>(left); ++i) ++shares[by_remainder[i]];
  return shares;
}

// counts[b][c] is the number of samples of class c in batch b. Every count is the floor or the ceiling of the exact
// share, every batch but the last is full, and every sample is used. The last batch is rounded first. A full batch gets
// the floors; what is left of each class, at most one sample per full batch, is dealt to the full batches in turn,
// class after class. Consecutive samples go to different batches, so no batch gets two of a class, and all get equally
// many.
Batches stratified_counts(const std::vector<int64_t>& class_sizes, int64_t samples, int64_t batch_size,
                          const RandomKey& key) {
  const int64_t full = samples / batch_size;
  Batches counts(static_cast<size_t>(full));
  const auto last = proportional_shares(class_sizes, samples, samples % batch_size);
  const auto turn = random_permutation(stream_of(key, kBatchOrder), full);
  std::vector<int64_t> floors;
  floors.reserve(class_sizes.size());
  for (int64_t size : class_sizes) floors.push_back(size * batch_size / samples);
  std::ranges::fill(counts, floors);
  size_t dealt = 0;
  for (size_t c = 0; full > 0 && c < class_sizes.size(); ++c)
    for (int64_t left = class_sizes[c] - last[c] - full * floors[c]; left > 0; --left)
      ++counts[static_cast<size_t>(turn[dealt++ % turn.size()])][c];
  if (samples % batch_size != 0) counts.push_back(last);
  return counts;
}

void shuffle_within(Batches& batches, const RandomKey& key) {
  uint64_t position = 0;
  for (auto& batch : batches)
    for (size_t i = batch.size(); i-- > 0;)
      std::swap(batch[i], batch[static_cast<size_t>(random_below(key, position++, static_cast<int64_t>(i) + 1))]);
}

Batches stratified_batches(const std::vector<int32_t>& labels, int64_t batch_size, const RandomKey& key) {
  const auto samples = static_cast<int64_t>(labels.size());
  std::map<int32_t, std::vector<int64_t>> members;  // of each class, in random order
  for (int64_t position : random_permutation(stream_of(key, kSamples), samples))
    members[labels[static_cast<size_t>(position)]].push_back(position);
  std::vector<int64_t> class_sizes;
  class_sizes.reserve(members.size());
  for (const auto& [label, positions] : members) class_sizes.push_back(static_cast<int64_t>(positions.size()));

  Batches batches;
  for (const auto& counts : stratified_counts(class_sizes, samples, std::min(batch_size, samples), key)) {
    auto& batch = batches.emplace_back();
    size_t c = 0;
    for (auto& [label, positions] : members) {
      const auto first = positions.end() - counts[c++];
      batch.insert(batch.end(), first, positions.end());
      positions.erase(first, positions.end());
    }
  }
  shuffle_within(batches, stream_of(key, kWithinBatch));
  return batches;
}

}  // namespace

SamplerKind parse_sampler(std::string_view name) {
  if (name == "sequential") return SamplerKind::sequential;
  if (name == "shuffled") return SamplerKind::shuffled;
  if (name == "stratified") return SamplerKind::stratified;
  fail("sampler: unknown sampler '{}', expected sequential, shuffled or stratified", name);
}

int64_t batch_count(int64_t samples, int64_t batch_size, LastBatch last) {
  check(batch_size >= 1, "sampler: a batch size of {}, expected at least 1", batch_size);
  check(samples >= 1, "sampler: there are no samples to make batches of");
  check(last == LastBatch::keep || samples >= batch_size,
        "sampler: {} samples do not fill a batch of {}, and the short last batch is dropped: no batch is left", samples,
        batch_size);
  return samples / batch_size + (last == LastBatch::keep && samples % batch_size != 0);
}

Batches make_batches(SamplerKind kind, const std::vector<int32_t>& labels, int64_t batch_size, LastBatch last,
                     const RandomKey& key) {
  const auto samples = static_cast<int64_t>(labels.size());
  const int64_t count = batch_count(samples, batch_size, last);
  Batches batches;
  switch (kind) {
    case SamplerKind::sequential: {
      std::vector<int64_t> order(labels.size());
      std::iota(order.begin(), order.end(), int64_t{0});
      batches = cut(order, static_cast<size_t>(batch_size));
      break;
    }
    case SamplerKind::shuffled:
      batches = cut(random_permutation(stream_of(key, kSamples), samples), static_cast<size_t>(batch_size));
      break;
    case SamplerKind::stratified: batches = stratified_batches(labels, batch_size, key); break;
  }
  batches.resize(static_cast<size_t>(count));  // drops a short last batch
  return batches;
}

BatchShare share_of(int64_t samples, int rank, int ranks) {
  check(rank >= 0 && rank < ranks, "sampler: rank {} of {} ranks", rank, ranks);
  if (samples < ranks) return {0, samples};
  const int64_t least = samples / ranks, larger = samples % ranks;
  return {rank * least + std::min<int64_t>(rank, larger), least + (rank < larger)};
}

std::vector<int64_t> part_sizes(int64_t samples, int64_t most) {
  return part_sizes_of_share(samples, 0, 1, most);
}

std::vector<int64_t> part_sizes_of_share(int64_t samples, int rank, int ranks, int64_t most) {
  check(most >= 1, "sampler: parts of {} samples, expected at least 1", most);
  const int64_t largest = share_of(samples, 0, ranks).count, own = share_of(samples, rank, ranks).count;
  const int64_t parts = std::min(largest / most + (largest % most != 0), own);
  std::vector<int64_t> sizes(static_cast<size_t>(parts));
  for (int64_t i = 0; i < parts; ++i) sizes[static_cast<size_t>(i)] = own / parts + (i < own % parts);
  return sizes;
}

int64_t complete_batch_size(const std::vector<int64_t>& class_sizes, int64_t least) {
  const auto samples = std::accumulate(class_sizes.begin(), class_sizes.end(), int64_t{0});
  check(!class_sizes.empty() && std::ranges::min(class_sizes) > 0,
        "sampler: a class has no samples, so that no batch can hold one");
  const int64_t rarest = std::ranges::min(class_sizes);
  // A full batch may get only the share of each class, rounded down.
  for (int64_t size = std::max(least, (samples + rarest - 1) / rarest); size < samples; ++size) {
    const int64_t rest = samples % size;
    if (rest == 0 || std::ranges::min(proportional_shares(class_sizes, samples, rest)) > 0) return size;
  }
  return samples;
}

}  // namespace cofactor
