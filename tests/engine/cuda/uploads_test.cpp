// Values on their way to device "cuda": they arrive whole, however often memory is used again while kernels still run,
// from any thread, and while a step is recorded.
#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "data/loader.h"
#include "engine/autograd.h"
#include "engine/backend.h"
#include "engine/device_features.h"
#include "engine/ops/matmul.h"
#include "engine/optim/sgd.h"
#include "experiments/training/step_runner.h"
#include "losses/cross_entropy.h"
#include "models/two_layer_cnn.h"
#include "tests/engine/cuda/cuda_device.h"
#include "tests/fixtures/errors.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

// Values that differ from one number to the next in every place.
std::vector<int32_t> pattern(size_t number, size_t count) {
  std::vector<int32_t> values(count);
  std::iota(values.begin(), values.end(), static_cast<int32_t>(number * 7919));
  return values;
}

std::unique_ptr<Upload> upload_of(const std::vector<int32_t>& values) {
  std::unique_ptr<Upload> upload = features_of(Device::cuda).upload(values.size() * sizeof(int32_t));
  std::memcpy(upload->values(), values.data(), values.size() * sizeof(int32_t));
  return upload;
}

Tensor as_integers(const Tensor& bytes) {
  return bytes.part(0, {bytes.numel() / 4}, DType::i32);
}

Tensor arrived(const std::vector<int32_t>& values) {
  const auto upload = upload_of(values);
  upload->start();
  return as_integers(upload->finish());
}

// Queues work that takes longer than a copy.
class BusyDevice {
 public:
  void queue() const {
    const NoGrad no_grad;
    matmul(matrix_, matrix_);
  }

 private:
  Tensor matrix_ = Tensor::full({busy_extent(), busy_extent()}, 1.0, DType::f32, Device::cuda);
};

// Sample i is an image of 28 x 28 values that follow from i.
class CountedSamples : public Dataset {
 public:
  explicit CountedSamples(int64_t size) {
    for (int64_t i = 0; i < size; ++i) labels_.push_back(static_cast<int32_t>(i % 2));
  }
  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  Shape sample_shape() const override { return {28, 28, 1}; }
  const std::vector<int32_t>& labels() const override { return labels_; }
  int64_t classes() const override { return 2; }
  void read(int64_t index, const RandomKey&, void* out) const override {
    const std::vector<float> values = random_values<float>(28 * 28, static_cast<uint32_t>(index));
    std::memcpy(out, values.data(), values.size() * sizeof(float));
  }

 private:
  std::vector<int32_t> labels_;
};

LoaderOptions loader_options(int workers) {
  LoaderOptions options;
  options.batch_size = 4;
  options.device = Device::cuda;
  options.workers = workers;
  options.prefetch = 6;
  options.seed = 3;
  return options;
}

struct TrainedFromLoader {
  std::vector<double> losses;
  std::vector<std::vector<float>> weights;
  bool replaying = false;
};

// Losses are read at the end, so that nothing waits for the device on the way.
TrainedFromLoader train_from_loader(int workers, bool record) {
  Initializer init(Device::cuda, 7);
  TwoLayerCnn model(init);
  model.train();
  CrossEntropyLoss loss;
  Sgd optimizer(model.parameters(), SgdOptions{.lr = 0.01, .momentum = 0.9});
  StepRunner runner(model, loss, optimizer, record);
  Loader loader(make_split(std::make_shared<CountedSamples>(30), 0, 30), loader_options(workers));
  TrainedFromLoader trained;
  std::vector<Tensor> losses;
  uint64_t number = 0;
  for (int epoch = 0; epoch < 3; ++epoch) {
    loader.start_epoch(epoch);
    while (const auto batch = loader.next()) losses.push_back(runner.run(*batch, 5, number++).clone());
  }
  for (const Tensor& value : losses) trained.losses.push_back(value.item());
  for (const NamedTensor& parameter : model.parameters())
    trained.weights.push_back(parameter.tensor.to_vector<float>());
  CHECK(runner.refusal() == "");
  trained.replaying = runner.replaying();
  return trained;
}

}  // namespace

TEST_SUITE("unit" * doctest::skip(!has_cuda())) {
  TEST_CASE("uploads: values arrive whole while kernels run and memory is used again") {
    const BusyDevice busy;
    constexpr size_t kRounds = 200, kSizes[] = {16, 5000, 40000, 39999};
    std::vector<Tensor> copies;
    for (size_t k = 0; k < kRounds; ++k) {
      const auto upload = upload_of(pattern(k, kSizes[k % 4]));
      upload->start();
      if (k % 3 == 0) busy.queue();
      copies.push_back(as_integers(upload->finish()).clone());  // queued behind the busy kernels
    }
    for (size_t k = 0; k < kRounds; ++k) CHECK(copies[k].to_vector<int32_t>() == pattern(k, kSizes[k % 4]));
  }

  TEST_CASE("uploads: a tensor outlives its upload and parts of it share its memory") {
    Tensor first, second;
    {
      const auto upload = features_of(Device::cuda).upload(192);
      std::vector<int32_t> values = pattern(1, 48);
      std::memcpy(upload->values(), values.data(), 192);
      upload->start();
      const Tensor all = upload->finish();
      CHECK(all.shape() == Shape{192});
      CHECK(all.dtype() == DType::u8);
      CHECK(all.device() == Device::cuda);
      first = all.part(0, {4, 4}, DType::i32);
      second = all.part(64, {32}, DType::i32);
      CHECK(error_of([&] { all.part(4, {1}, DType::i32); }) == "part: it begins at byte 4, expected a multiple of 64");
      CHECK(error_of([&] { all.part(128, {17}, DType::i32); }) ==
            "part: 68 bytes from byte 128 on, of a tensor of shape (192) in u8 with 192 bytes");
    }
    for (size_t k = 0; k < 30; ++k) arrived(pattern(k, 48));  // other uploads leave the memory alone
    const std::vector<int32_t> values = pattern(1, 48);
    CHECK(first.to_vector<int32_t>() == std::vector<int32_t>(values.begin(), values.begin() + 16));
    CHECK(second.to_vector<int32_t>() == std::vector<int32_t>(values.begin() + 16, values.end()));
    CHECK(second.view({2, 16}).to_vector<int32_t>() == second.to_vector<int32_t>());
  }

  TEST_CASE("uploads: they may be dropped at any point") {
    const BusyDevice busy;
    for (size_t k = 0; k < 60; ++k) {
      const auto dropped = upload_of(pattern(k, 3000));
      if (k % 3 > 0) dropped->start();
      if (k % 3 > 1) dropped->finish();
      busy.queue();
      CHECK(arrived(pattern(k + 1, 3000)).to_vector<int32_t>() == pattern(k + 1, 3000));
    }
  }

  TEST_CASE("uploads: other threads upload while a step is recorded and tensors go within it") {
    const NoGrad no_grad;
    const BusyDevice busy;
    constexpr size_t kThreads = 3, kUploads = 40, kCount = 20000;
    const Tensor x = Tensor::full({16}, 1.0, DType::f32, Device::cuda), y = x.clone();
    std::vector<std::vector<std::unique_ptr<Upload>>> uploads(kThreads);
    {
      Tensor goes = arrived(pattern(0, kCount));
      std::vector<std::jthread> threads;
      for (size_t t = 0; t < kThreads; ++t)
        threads.emplace_back([&, t] {
          for (size_t k = 0; k < kUploads; ++k) {
            uploads[t].push_back(upload_of(pattern(t * kUploads + k, kCount)));
            uploads[t].back()->start();
          }
        });
      for (int round = 0; round < 5; ++round) {
        const auto captured = features_of(Device::cuda).capture([&] {
          busy.queue();
          goes = {};
          y.copy_from(x);
        });
        captured->replay({});
        goes = arrived(pattern(1, kCount));
      }
    }
    for (size_t t = 0; t < kThreads; ++t)
      for (size_t k = 0; k < kUploads; ++k) {
        const Tensor tensor = as_integers(uploads[t][k]->finish());
        uploads[t][k].reset();
        CHECK(tensor.to_vector<int32_t>() == pattern(t * kUploads + k, kCount));
      }
    CHECK(y.to_vector<float>() == x.to_vector<float>());
  }

  TEST_CASE("copies: one from the host is seen by what is queued after it and not by what was before") {
    const NoGrad no_grad;
    const BusyDevice busy;
    constexpr size_t kRounds = 100, kCount = 10000;
    const Tensor target = Tensor::from(pattern(0, kCount), {kCount}, Device::cuda);
    std::vector<Tensor> seen;
    for (size_t k = 1; k <= kRounds; ++k) {
      if (k % 4 == 0) busy.queue();
      seen.push_back(target.clone());
      const std::vector<int32_t> values = pattern(k, kCount);
      target.backend().copy_from_host(target.raw_data(), values.data(), kCount * sizeof(int32_t));
    }
    for (size_t k = 0; k < kRounds; ++k) CHECK(seen[k].to_vector<int32_t>() == pattern(k, kCount));
    CHECK(target.to_vector<int32_t>() == pattern(kRounds, kCount));
  }

  TEST_CASE("copies: several threads copy and take memory while steps are recorded and replayed") {
    const NoGrad no_grad;
    const BusyDevice busy;
    const Tensor x = Tensor::full({16}, 1.0, DType::f32, Device::cuda), y = x.clone();
    std::atomic<bool> stop = false;
    std::atomic<int> wrong = 0, rounds = 0;
    {
      std::vector<std::jthread> threads;
      for (size_t t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
          for (size_t k = 0; k < 30 || !stop; ++k) {
            const std::vector<int32_t> values = pattern(1000 * t + k, 500 + 100 * (k % 5));
            const Tensor there = Tensor::from(values, {static_cast<int64_t>(values.size())}, Device::cuda);
            const Tensor copied = there.clone();
            wrong += copied.to_vector<int32_t>() != values;
            ++rounds;
          }
        });
      for (int round = 0; round < 10; ++round) {
        const auto captured = features_of(Device::cuda).capture([&] {
          busy.queue();
          y.copy_from(x);
        });
        for (int replay = 0; replay < 10; ++replay) captured->replay({});
      }
      stop = true;
    }
    CHECK(wrong == 0);
    CHECK(rounds >= 90);
    CHECK(y.to_vector<float>() == x.to_vector<float>());
  }

  TEST_CASE("uploads: a loader's workers read ahead while a step is recorded and replayed") {
    const TrainedFromLoader eager = train_from_loader(0, false);
    CHECK(!eager.replaying);
    for (const int workers : {0, 1, 3}) {
      CAPTURE(workers);
      const TrainedFromLoader replayed = train_from_loader(workers, true);
      CHECK(replayed.replaying);
      CHECK(replayed.losses == eager.losses);
      CHECK(replayed.weights == eager.weights);
    }
  }
}

}  // namespace cofactor::testing
