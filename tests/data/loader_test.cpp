#include "data/loader.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <thread>

#include "engine/backend.h"
#include "tests/data/sets/idx_files.h"

namespace cofactor::testing {

namespace {

// Sample i is (i, an augmentation draw). Reading sample `broken` throws. Counts the samples read.
class ProbeData : public Dataset {
 public:
  explicit ProbeData(int64_t size, int64_t broken = -1) : broken_(broken) {
    for (int64_t i = 0; i < size; ++i) labels_.push_back(static_cast<int32_t>(i % 3));
  }
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  Shape sample_shape() const override { return {1, 2}; }
  const std::vector<int32_t>& labels() const override { return labels_; }
  int64_t classes() const override { return 3; }
  void read(int64_t index, const RandomKey& augmentation, void* out) const override {
    check(index != broken_, "probe: sample {} is broken", index);
    ++reads_;
    if (slow_) std::this_thread::sleep_for(std::chrono::microseconds(index % 7 * 50));
    auto* values = static_cast<float*>(out);
    values[0] = static_cast<float>(index);
    values[1] = static_cast<float>(random_uniform(augmentation, 0));
  }
  void set_slow() { slow_ = true; }
  int64_t reads() const { return reads_; }

 private:
  std::vector<int32_t> labels_;
  int64_t broken_;
  bool slow_ = false;
  mutable std::atomic<int64_t> reads_ = 0;
};

Split probe(int64_t size, int64_t broken = -1) {
  return make_split(std::make_shared<ProbeData>(size, broken), 0, size);
}

LoaderOptions reference_options(int64_t batch_size, int workers, int prefetch = 4) {
  LoaderOptions options;
  options.batch_size = batch_size;
  options.device = Device::reference;
  options.workers = workers;
  options.prefetch = prefetch;
  options.seed = 42;
  return options;
}

// All batches of an epoch, as values on the host.
struct Delivered {
  std::vector<std::vector<float>> inputs;
  std::vector<std::vector<int32_t>> labels;
  std::vector<std::vector<int64_t>> indices;
  bool operator==(const Delivered&) const = default;
};

Delivered read_epoch(Loader& loader, int epoch) {
  Delivered delivered;
  loader.start_epoch(epoch);
  while (auto batch = loader.next()) {
    CHECK(batch->labels.to_vector<int32_t>() == batch->host_labels);
    delivered.inputs.push_back(batch->inputs.to_vector<float>());
    delivered.labels.push_back(batch->host_labels);
    delivered.indices.push_back(batch->indices);
  }
  CHECK(!loader.next());
  return delivered;
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("a batch holds its samples with their labels in the split and their indices") {
    Split split = make_split(std::make_shared<ProbeData>(10), 3, 5);
    split.labels = {2, 2, 1, 0, 1};
    auto options = reference_options(4, 1);
    options.sampler = SamplerKind::sequential;
    Loader loader(split, options);
    CHECK(loader.batches_per_epoch() == 2);
    loader.start_epoch(0);
    const auto first = loader.next();
    REQUIRE(first);
    CHECK(first->inputs.shape() == Shape{4, 1, 2});
    CHECK(first->inputs.dtype() == DType::f32);
    CHECK(first->inputs.device() == Device::reference);
    CHECK(first->labels.shape() == Shape{4});
    CHECK(first->host_labels == std::vector<int32_t>{2, 2, 1, 0});
    CHECK(first->indices == std::vector<int64_t>{3, 4, 5, 6});
    CHECK(first->size() == 4);
    const auto values = first->inputs.to_vector<float>();
    for (size_t i = 0; i < 4; ++i) CHECK(values[2 * i] == static_cast<float>(3 + i));
    const auto second = loader.next();
    REQUIRE(second);
    CHECK(second->inputs.shape() == Shape{1, 1, 2});
    CHECK(second->indices == std::vector<int64_t>{7});
    CHECK(!loader.next());
    CHECK(!loader.next());
  }

  TEST_CASE("batches are those of the sampler on this build's fastest device") {
    const Split split = probe(23);
    auto options = reference_options(5, 2);
    options.sampler = SamplerKind::stratified;
    options.last_batch = LastBatch::drop;
    options.device = available_devices().back();
    Loader loader(split, options);
    CHECK(loader.batches_per_epoch() == 4);
    for (int epoch : {0, 3})
      CHECK(read_epoch(loader, epoch).indices == make_batches(SamplerKind::stratified, split.labels, 5, LastBatch::drop,
                                                              {42, Purpose::shuffle, 0, static_cast<uint64_t>(epoch)}));
  }

  TEST_CASE("an epoch depends neither on workers and prefetch nor on the epochs before it") {
    auto data = std::make_shared<ProbeData>(101);
    data->set_slow();  // depending on the sample, so that workers overtake each other
    const Split split = make_split(data, 0, 101);
    Loader plain(split, reference_options(8, 0));
    const Delivered epoch0 = read_epoch(plain, 0);
    const Delivered epoch1 = read_epoch(plain, 1);
    CHECK(epoch0.indices.size() == 13);
    CHECK(epoch0.indices != epoch1.indices);
    for (const auto& [workers, prefetch] : std::vector<std::pair<int, int>>{{1, 1}, {1, 4}, {2, 3}, {4, 2}, {7, 50}}) {
      CAPTURE(workers);
      CAPTURE(prefetch);
      Loader loader(split, reference_options(8, workers, prefetch));
      CHECK(read_epoch(loader, 1) == epoch1);
      CHECK(read_epoch(loader, 0) == epoch0);
      CHECK(read_epoch(loader, 1) == epoch1);
    }
  }

  TEST_CASE("an epoch may begin at any of its batches without the others being read") {
    for (const int workers : {0, 1, 3}) {
      for (const auto sampler : {SamplerKind::shuffled, SamplerKind::stratified}) {
        const auto data = std::make_shared<ProbeData>(50);
        auto options = reference_options(8, workers, 2);
        options.sampler = sampler;
        Loader loader(make_split(data, 0, 50), options);
        const Delivered whole = read_epoch(loader, 2);
        for (const int64_t first : {0, 1, 3, 6, 7}) {
          CAPTURE(first);
          const int64_t before = data->reads();
          loader.start_epoch(2, first);
          size_t number = static_cast<size_t>(first);
          for (; const auto batch = loader.next(); ++number) {
            CHECK(batch->indices == whole.indices[number]);
            CHECK(batch->inputs.to_vector<float>() == whole.inputs[number]);
            CHECK(batch->host_labels == whole.labels[number]);
          }
          CHECK(number == 7);
          CHECK(data->reads() - before == std::max<int64_t>(0, 50 - 8 * first));
        }
        CHECK(error_of([&] { loader.start_epoch(2, 8); }) == "loader: batch 8 of an epoch of 7");
        CHECK(error_of([&] { loader.start_epoch(2, -1); }) == "loader: batch -1 of an epoch of 7");
      }
    }
  }

  TEST_CASE("the shares of all ranks are the batches of one process") {
    for (const SamplerKind sampler : {SamplerKind::sequential, SamplerKind::shuffled, SamplerKind::stratified}) {
      for (const int ranks : {2, 3, 7}) {
        for (const int64_t part_size : {0, 2}) {
          LoaderOptions options = reference_options(10, 1);
          options.sampler = sampler;
          Loader alone(probe(33), options);  // the last batch has 3 samples, too few for 7 ranks
          options.part_size = part_size;
          options.ranks = ranks;
          std::vector<std::unique_ptr<Loader>> loaders;
          for (options.rank = 0; options.rank < ranks; ++options.rank) {
            loaders.push_back(std::make_unique<Loader>(probe(33), options));
            loaders.back()->start_epoch(1, 1);
          }
          alone.start_epoch(1, 1);
          while (const auto batch = alone.next()) {
            CAPTURE(batch->size());
            CHECK(batch->whole == nullptr);
            const bool divided = batch->size() >= ranks;
            std::vector<float> inputs;
            std::vector<int64_t> indices;
            int64_t shared_out = 0;
            for (int rank = 0; rank < ranks; ++rank) {
              if (!divided) {
                indices.clear();
                inputs.clear();
              }
              for (const Batch& part : loaders[static_cast<size_t>(rank)]->next_parts()) {
                REQUIRE(part.whole);
                CHECK(part.whole->labels == batch->host_labels);
                CHECK(part.whole->copies() == (divided ? 1 : ranks));
                CHECK(part.first == std::ssize(indices));
                if (part_size > 0) CHECK(part.size() <= part_size);
                const auto values = part.inputs.to_vector<float>();
                inputs.insert(inputs.end(), values.begin(), values.end());
                indices.insert(indices.end(), part.indices.begin(), part.indices.end());
                shared_out += part.size();
                CHECK(part.whole->shared_out == batch->size() * (divided ? 1 : ranks));
              }
            }
            CHECK(indices == batch->indices);
            CHECK(inputs == batch->inputs.to_vector<float>());
            CHECK(shared_out == batch->size() * (divided ? 1 : ranks));
          }
          for (const auto& loader : loaders) CHECK(loader->next_parts().empty());
        }
      }
    }
    LoaderOptions options = reference_options(10, 0);
    options.rank = options.ranks = 2;
    CHECK(error_of([&] { Loader(probe(33), options); }) == "sampler: rank 2 of 2 ranks");
  }

  TEST_CASE("a batch in parts holds the samples of the whole batch in its order") {
    for (const SamplerKind sampler : {SamplerKind::shuffled, SamplerKind::stratified}) {
      for (const int workers : {0, 2}) {
        LoaderOptions options = reference_options(10, workers);
        options.sampler = sampler;
        Loader whole(probe(37), options);
        options.part_size = 4;
        Loader in_parts(probe(37), options);
        CHECK(in_parts.batches_per_epoch() == 4);
        for (const int64_t first : {0, 1, 3, 4}) {
          whole.start_epoch(2, first);
          in_parts.start_epoch(2, first);
          int64_t batches = 0;
          while (const auto batch = whole.next()) {
            ++batches;
            std::vector<float> inputs;
            std::vector<int64_t> indices;
            std::vector<int64_t> sizes, firsts;
            for (const Batch& part : in_parts.next_parts()) {
              CHECK(part.labels.to_vector<int32_t>() == part.host_labels);
              const auto values = part.inputs.to_vector<float>();
              inputs.insert(inputs.end(), values.begin(), values.end());
              indices.insert(indices.end(), part.indices.begin(), part.indices.end());
              firsts.push_back(std::accumulate(sizes.begin(), sizes.end(), int64_t{0}) - part.first);
              sizes.push_back(part.size());
            }
            CHECK(std::ranges::count(firsts, 0) == std::ssize(firsts));
            CHECK(sizes == part_sizes(batch->size(), 4));
            CHECK(indices == batch->indices);
            CHECK(inputs == batch->inputs.to_vector<float>());  // with the same augmentation
          }
          CHECK(batches == 4 - first);
          CHECK(in_parts.next_parts().empty());
        }
      }
    }
    Loader broken(probe(20, 13), reference_options(10, 0));
    broken.start_epoch(0);
    CHECK(error_of([&] {
            while (!broken.next_parts().empty()) {
            }
          }) == "probe: sample 13 is broken");
    LoaderOptions negative = reference_options(10, 0);
    negative.part_size = -1;
    CHECK(error_of([&] { Loader(probe(20), negative); }).find("parts of -1 samples") != std::string::npos);
  }

  TEST_CASE("an Error of the data set is distinguished from other exceptions") {
    Loader loader(probe(4, 2), reference_options(4, 1));
    loader.start_epoch(0);
    CHECK_THROWS_AS(loader.next(), ReadError);
  }

  TEST_CASE("augmentation depends only on seed and epoch and sample") {
    // Sample 6 as one of ten in batches of 3, and as one of two in a batch of its own.
    const auto data = std::make_shared<ProbeData>(10);
    const auto draw_of_6 = [&](int64_t first, int64_t count, int64_t batch_size, int epoch, uint64_t seed) {
      auto options = reference_options(batch_size, 1);
      options.seed = seed;
      Loader loader(make_split(data, first, count), options);
      const Delivered all = read_epoch(loader, epoch);
      for (size_t b = 0; b < all.indices.size(); ++b)
        for (size_t i = 0; i < all.indices[b].size(); ++i)
          if (all.indices[b][i] == 6) return all.inputs[b][2 * i + 1];
      return -1.0f;
    };
    const float draw = draw_of_6(0, 10, 3, 2, 42);
    CHECK(draw == draw_of_6(6, 2, 1, 2, 42));
    CHECK(draw == static_cast<float>(random_uniform(augmentation_key(42, 2, 6), 0)));
    CHECK(draw != draw_of_6(0, 10, 3, 1, 42));
    CHECK(draw != draw_of_6(0, 10, 3, 2, 43));
    CHECK(random_uniform(augmentation_key(42, 2, 7), 0) != random_uniform(augmentation_key(42, 2, 6), 0));
  }

  TEST_CASE("an error in reading is thrown when its batch is due and again until a new epoch starts") {
    for (const int workers : {0, 1, 3}) {
      auto options = reference_options(4, workers);
      options.sampler = SamplerKind::sequential;
      Loader loader(probe(20, 9), options);
      for (int epoch : {0, 1}) {
        loader.start_epoch(epoch);
        CHECK(loader.next()->indices.front() == 0);
        CHECK(loader.next()->indices.front() == 4);
        CHECK(error_of([&] { loader.next(); }) == "probe: sample 9 is broken");
        CHECK(error_of([&] { loader.next(); }) == "probe: sample 9 is broken");
      }
    }
  }

  TEST_CASE("epochs and loaders may be left at any point") {
    auto data = std::make_shared<ProbeData>(64, 37);
    data->set_slow();
    const Split split = make_split(data, 0, 64);
    for (int round = 0; round < 60; ++round) {
      Loader loader(split, reference_options(4, 1 + round % 4, 1 + round % 5));
      if (round % 7 == 0) continue;  // destroyed before it started
      for (int epoch = 0; epoch < 3; ++epoch) {
        loader.start_epoch(epoch);
        try {
          for (int taken = 0; taken < (round + epoch) % 6; ++taken) CHECK(loader.next()->size() == 4);
        } catch (const Error& error) {
          CHECK(std::string(error.what()) == "probe: sample 37 is broken");
        }
      }
    }
  }

  TEST_CASE("workers read no further ahead than they may") {
    const auto data = std::make_shared<ProbeData>(1000);
    Loader loader(make_split(data, 0, 1000), reference_options(10, 3, 5));
    loader.start_epoch(0);
    for (int taken = 0; taken < 2; ++taken) loader.next();
    while (data->reads() < 70) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // time to read too far ahead
    CHECK(data->reads() == 70);                                  // 2 delivered and 5 ready
  }

  TEST_CASE("after the first epoch no memory is allocated from the system") {
    Backend& backend = backend_of(Device::reference);
    const Split split = probe(1000);
    {
      Loader loader(split, reference_options(128, 0));
      read_epoch(loader, 0);
      const size_t requests = backend.memory_stats().system_requests;
      read_epoch(loader, 1);
      CHECK(backend.memory_stats().system_requests == requests);
    }
    // Batches alive at once: those ready or being read, and the caller's; inputs and labels, full and short batches.
    constexpr size_t kWorkers = 2;
    constexpr size_t kPrefetch = 3;
    Loader loader(split, reference_options(100, kWorkers, kPrefetch));
    const size_t requests = backend.memory_stats().system_requests;
    for (int epoch = 0; epoch < 20; ++epoch) read_epoch(loader, epoch);
    CHECK(backend.memory_stats().system_requests - requests <= 2 * (kPrefetch + 1));
  }

  TEST_CASE("invalid splits and options are errors") {
    const auto message = [](const Split& split, const LoaderOptions& options) {
      return error_of([&] { Loader(split, options); });
    };
    const auto options = reference_options(4, 1);
    CHECK(message(probe(8), options).empty());
    CHECK(message(Split{}, options) == "loader: the split has no data set");
    CHECK(message(probe(0), options) == "sampler: there are no samples to make batches of");
    Split split = probe(8);
    split.labels.pop_back();
    CHECK(message(split, options) == "loader: the split has 8 samples but 7 labels");
    split = probe(8);
    split.labels[5] = 3;
    CHECK(message(split, options) == "loader: label 3 of sample 5 does not lie in [0, 3)");
    split.labels[5] = -1;
    CHECK(message(split, options) == "loader: label -1 of sample 5 does not lie in [0, 3)");
    split = probe(8);
    split.indices[2] = 8;
    CHECK(message(split, options) == "loader: sample 2 of the split is sample 8 of a data set of 8");

    CHECK(message(probe(8), reference_options(0, 1)) == "sampler: a batch size of 0, expected at least 1");
    CHECK(message(probe(8), reference_options(4, -1)) == "loader: -1 worker threads, expected at least 0");
    CHECK(message(probe(8), reference_options(4, 1, 0)) ==
          "loader: a prefetch of 0 batches, expected at least 1 with worker threads");
    CHECK(message(probe(8), reference_options(4, 0, 0)).empty());
    auto drop = reference_options(9, 1);
    drop.last_batch = LastBatch::drop;
    CHECK(message(probe(8), drop).find("8 samples do not fill a batch of 9") != std::string::npos);

    Loader loader(probe(8), options);
    CHECK(error_of([&] { loader.next(); }) == "loader: next was called before start_epoch");
    CHECK(error_of([&] { loader.start_epoch(-1); }) == "loader: epoch -1, expected at least 0");
  }
}

}  // namespace cofactor::testing
