#include "data/sampler.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "tests/data/sets/idx_files.h"

namespace cofactor::testing {

namespace {

using Batches = std::vector<std::vector<int64_t>>;

RandomKey epoch_key(uint64_t epoch, uint64_t seed = 3) {
  return {seed, Purpose::shuffle, 0, epoch};
}

std::vector<int64_t> joined(const Batches& batches) {
  std::vector<int64_t> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

std::vector<int64_t> count_up(size_t count) {
  std::vector<int64_t> values(count);
  std::iota(values.begin(), values.end(), int64_t{0});
  return values;
}

// Labels in random order, with this many of each class.
std::vector<int32_t> labels_with(const std::vector<int64_t>& class_sizes) {
  std::vector<int32_t> sorted;
  for (size_t c = 0; c < class_sizes.size(); ++c)
    sorted.insert(sorted.end(), static_cast<size_t>(class_sizes[c]), static_cast<int32_t>(c));
  std::vector<int32_t> labels;
  for (int64_t i : random_permutation({11, Purpose::test, 0, 0}, static_cast<int64_t>(sorted.size())))
    labels.push_back(sorted[static_cast<size_t>(i)]);
  return labels;
}

// Each batch has its proportional share of each class, to within one sample.
void check_shares(const Batches& batches, const std::vector<int32_t>& labels, const std::vector<int64_t>& class_sizes) {
  for (const auto& batch : batches) {
    std::map<int32_t, int64_t> counts;
    for (int64_t position : batch) ++counts[labels[static_cast<size_t>(position)]];
    for (size_t c = 0; c < class_sizes.size(); ++c) {
      const double exact =
          static_cast<double>(batch.size()) * static_cast<double>(class_sizes[c]) / static_cast<double>(labels.size());
      CAPTURE(c);
      CHECK(std::abs(static_cast<double>(counts[static_cast<int32_t>(c)]) - exact) < 1.0);
    }
  }
}

void check_sizes(const Batches& batches, size_t samples, size_t batch_size) {
  CHECK(batches.size() == (samples + batch_size - 1) / batch_size);
  for (size_t b = 0; b < batches.size(); ++b)
    CHECK(batches[b].size() == std::min(batch_size, samples - b * batch_size));
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("samplers are parsed by name") {
    CHECK(parse_sampler("sequential") == SamplerKind::sequential);
    CHECK(parse_sampler("shuffled") == SamplerKind::shuffled);
    CHECK(parse_sampler("stratified") == SamplerKind::stratified);
    CHECK(error_of([] { parse_sampler("random"); }) ==
          "sampler: unknown sampler 'random', expected sequential, shuffled or stratified");
  }

  TEST_CASE("sequential batches come in order with the short last one kept or dropped") {
    const std::vector<int32_t> labels(7);
    CHECK(make_batches(SamplerKind::sequential, labels, 3, LastBatch::keep, epoch_key(0)) ==
          Batches{{0, 1, 2}, {3, 4, 5}, {6}});
    CHECK(make_batches(SamplerKind::sequential, labels, 3, LastBatch::drop, epoch_key(0)) ==
          Batches{{0, 1, 2}, {3, 4, 5}});
    CHECK(make_batches(SamplerKind::sequential, labels, 7, LastBatch::drop, epoch_key(0)) == Batches{count_up(7)});
    CHECK(make_batches(SamplerKind::sequential, labels, std::numeric_limits<int64_t>::max(), LastBatch::keep,
                       epoch_key(0)) == Batches{count_up(7)});
  }

  TEST_CASE("shuffled batches are the random permutation of their epoch") {
    const std::vector<int32_t> labels(100);
    for (uint64_t epoch : {0, 1, 2}) {
      const auto batches = make_batches(SamplerKind::shuffled, labels, 32, LastBatch::keep, epoch_key(epoch));
      check_sizes(batches, 100, 32);
      CHECK(joined(batches) == random_permutation(epoch_key(epoch), 100));
    }
    CHECK(make_batches(SamplerKind::shuffled, labels, 32, LastBatch::drop, epoch_key(0)).size() == 3);
  }

  TEST_CASE("an epoch of a random sampler uses each sample once and differs from other epochs and seeds") {
    const auto labels = labels_with({70, 20, 33});
    for (const SamplerKind kind : {SamplerKind::shuffled, SamplerKind::stratified}) {
      const auto of = [&](const RandomKey& key) { return make_batches(kind, labels, 10, LastBatch::keep, key); };
      auto all = joined(of(epoch_key(4)));
      CHECK(all != count_up(labels.size()));
      std::ranges::sort(all);
      CHECK(all == count_up(labels.size()));
      CHECK(of(epoch_key(4)) == of(epoch_key(4)));
      CHECK(of(epoch_key(4)) != of(epoch_key(5)));
      CHECK(of(epoch_key(4)) != of(epoch_key(4, 99)));
    }
  }

  TEST_CASE("stratified batches have a proportional share of every class") {
    const std::vector<std::vector<int64_t>> cases = {
        {500, 45'00},
        {3, 997},
        {1, 1, 1, 1, 1, 1, 1},
        {40, 30, 20, 10},
        {5},
        {13, 1, 1, 2},
        {0, 6},
        {17, 19, 23, 29, 31},
        {50, 50, 50, 50, 50, 50, 50, 50, 50, 51},
    };
    for (const auto& class_sizes : cases) {
      const auto labels = labels_with(class_sizes);
      for (const int64_t batch_size : {1, 2, 3, 7, 10, 32, 128, 100'000})
        for (const uint64_t epoch : {0, 1}) {
          CAPTURE(labels.size());
          CAPTURE(batch_size);
          const auto batches =
              make_batches(SamplerKind::stratified, labels, batch_size, LastBatch::keep, epoch_key(epoch));
          check_sizes(batches, labels.size(), static_cast<size_t>(batch_size));
          check_shares(batches, labels, class_sizes);
          auto all = joined(batches);
          std::ranges::sort(all);
          CHECK(all == count_up(labels.size()));
        }
    }
    CHECK(joined(make_batches(SamplerKind::stratified, labels_with({3, 4}), std::numeric_limits<int64_t>::max(),
                              LastBatch::keep, epoch_key(0)))
              .size() == 7);
  }

  TEST_CASE("stratified batches without the last one keep their shares and drop other samples each epoch") {
    const std::vector<int64_t> class_sizes = {90, 17};
    const auto labels = labels_with(class_sizes);
    const auto of = [&](uint64_t epoch) {
      auto batches = make_batches(SamplerKind::stratified, labels, 10, LastBatch::drop, epoch_key(epoch));
      CHECK(batches.size() == 10);
      check_shares(batches, labels, class_sizes);
      auto all = joined(batches);
      std::ranges::sort(all);
      CHECK(std::ranges::adjacent_find(all) == all.end());
      return all;
    };
    CHECK(of(0) != of(1));
  }

  TEST_CASE("the order within a stratified batch is random") {
    // Two of each class in every batch of 4: each class is first about equally often.
    const auto labels = labels_with({200, 200});
    int64_t first_places = 0;
    for (const auto& batch : make_batches(SamplerKind::stratified, labels, 4, LastBatch::keep, epoch_key(0)))
      first_places += labels[static_cast<size_t>(batch[0])];
    CHECK(first_places > 30);
    CHECK(first_places < 70);
  }

  TEST_CASE("sizes that give no batch are errors") {
    const std::vector<int32_t> labels(5);
    for (const SamplerKind kind : {SamplerKind::sequential, SamplerKind::shuffled, SamplerKind::stratified}) {
      const auto message = [&](const std::vector<int32_t>& of, int64_t batch_size, LastBatch last) {
        return error_of([&] { make_batches(kind, of, batch_size, last, epoch_key(0)); });
      };
      CHECK(message(labels, 0, LastBatch::keep) == "sampler: a batch size of 0, expected at least 1");
      CHECK(message(labels, -4, LastBatch::keep) == "sampler: a batch size of -4, expected at least 1");
      CHECK(message({}, 4, LastBatch::keep) == "sampler: there are no samples to make batches of");
      CHECK(message(labels, 6, LastBatch::drop) ==
            "sampler: 5 samples do not fill a batch of 6, and the short last batch is dropped: no batch is left");
      CHECK(message(labels, 5, LastBatch::drop).empty());
    }
    CHECK(batch_count(5, 2, LastBatch::keep) == 3);
    CHECK(batch_count(5, 2, LastBatch::drop) == 2);
    CHECK(batch_count(6, 2, LastBatch::keep) == 3);
  }

  TEST_CASE("a batch is divided into the fewest parts and their sizes differ by at most one") {
    for (int64_t samples = 0; samples <= 40; ++samples) {
      for (int64_t most = 1; most <= 42; ++most) {
        const std::vector<int64_t> sizes = part_sizes(samples, most);
        CHECK(std::ssize(sizes) == (samples + most - 1) / most);
        CHECK(std::accumulate(sizes.begin(), sizes.end(), int64_t{0}) == samples);
        if (sizes.empty()) continue;
        CHECK(std::ranges::max(sizes) <= most);
        CHECK(sizes.front() - sizes.back() <= 1);
        CHECK(std::ranges::is_sorted(sizes, std::greater()));
      }
    }
    CHECK(error_of([] { part_sizes(5, 0); }).find("parts of 0 samples") != std::string::npos);
  }

  TEST_CASE("sampler: all ranks work through as many parts of their shares") {
    for (int64_t samples = 1; samples < 40; ++samples) {
      for (int ranks = 1; ranks < 7; ++ranks) {
        for (int64_t most = 1; most < 9; ++most) {
          CAPTURE(samples);
          CAPTURE(ranks);
          CAPTURE(most);
          const size_t parts = part_sizes_of_share(samples, 0, ranks, most).size();
          int64_t all = 0;
          for (int rank = 0; rank < ranks; ++rank) {
            const std::vector<int64_t> sizes = part_sizes_of_share(samples, rank, ranks, most);
            const int64_t own = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
            CHECK(own == share_of(samples, rank, ranks).count);
            if (most > 1) CHECK(sizes.size() == parts);
            CHECK(std::ranges::min(sizes) >= 1);
            CHECK(std::ranges::max(sizes) <= most);
            all += own;
          }
          CHECK(all == (samples < ranks ? samples * ranks : samples));
        }
      }
    }
  }

  TEST_CASE("the smallest batch size with every class in every stratified batch is found") {
    for (const std::vector<int64_t>& sizes :
         {std::vector<int64_t>{5, 5}, {1, 99}, {40, 3, 57}, {7, 7, 7, 2}, {300, 10, 10, 1}, {1, 1}}) {
      const std::vector<int32_t> labels = labels_with(sizes);
      const auto lacks_a_class = [&](int64_t batch_size) {
        for (uint64_t epoch = 0; epoch < 3; ++epoch) {
          for (const auto& batch :
               make_batches(SamplerKind::stratified, labels, batch_size, LastBatch::keep, epoch_key(epoch))) {
            std::map<int32_t, int64_t> counts;
            for (const int64_t position : batch) ++counts[labels[static_cast<size_t>(position)]];
            if (counts.size() < sizes.size()) return true;
          }
        }
        return false;
      };
      const int64_t least = complete_batch_size(sizes);
      CAPTURE(least);
      CHECK(!lacks_a_class(least));
      for (int64_t size = 1; size < least; ++size) CHECK(lacks_a_class(size));
      for (int64_t from = 1; from <= static_cast<int64_t>(labels.size()); ++from) {
        const int64_t enough = complete_batch_size(sizes, from);
        CHECK(enough >= from);
        CHECK(!lacks_a_class(enough));
      }
    }
    CHECK(error_of([] { complete_batch_size({3, 0}); }).find("a class has no samples") != std::string::npos);
  }
}

}  // namespace cofactor::testing
