// Two GPUs in one process: over the kernels of the cuda backend on the host, and on machines that have two.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "data/image_array.h"
#include "data/loader.h"
#include "engine/backend.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/matmul.h"
#include "engine/optim/adam.h"
#include "experiments/training/checkpoint.h"
#include "experiments/training/step_runner.h"
#include "losses/cross_entropy.h"
#include "models/two_layer_cnn.h"
#include "tests/engine/cuda/cuda_device.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"
#include "tests/gradient_check.h"

namespace cofactor::testing {

namespace {

const Device kSecond = Device::cuda_at(1);

// ctest takes the line for a skipped test (tests/list_tests.cmake).
bool has_second() {
  const auto devices = available_devices();
  const bool found = std::ranges::find(devices, kSecond) != devices.end();
  if (!found) std::puts("skipped: no GPU cuda:1");
  return found;
}

Split digit_like_images() {
  constexpr int64_t kCount = 14;  // four batches of 3 and one of 2
  std::vector<uint8_t> bytes;
  for (const float value : random_values<float>(kCount * 28 * 28, 3, 0.0, 255.0))
    bytes.push_back(static_cast<uint8_t>(value));
  std::vector<int32_t> labels;
  for (int32_t i = 0; i < kCount; ++i) labels.push_back(i % 2);
  auto images = std::make_shared<const ImageArray>(std::move(bytes), Shape{28, 28, 1}, std::move(labels), 2,
                                                   std::vector<float>{0.5f}, std::vector<float>{0.25f});
  return make_split(std::move(images), 0, kCount);
}

// A network in training, whose steps are recorded and replayed from the fourth on.
class Training {
 public:
  Training(Device device, const Split& split)
      : init_(device, 7),
        model_(init_),
        optimizer_(model_.parameters(), {.lr = 0.01}),
        loader_(split, {.batch_size = 3, .seed = 5, .device = device, .workers = 2}),
        runner_(model_, loss_, optimizer_, true) {
    model_.train();
  }

  // The losses of one epoch.
  std::vector<double> epoch(int number) {
    std::vector<double> losses;
    loader_.start_epoch(number);
    while (const auto batch = loader_.next()) {
      const auto step = static_cast<uint64_t>(number * loader_.batches_per_epoch()) + losses.size();
      losses.push_back(runner_.run(*batch, 5, step).item());
    }
    return losses;
  }

  Checkpoint checkpoint() const {
    return {.settings = "{}",
            .threads = 1,
            .history = {EpochMetrics{}},
            .model = model_.state(),
            .best = model_.state(),
            .optimizer = optimizer_.state()};
  }
  void resume(const Checkpoint& checkpoint) {
    model_.load_state(checkpoint.model);
    optimizer_.load_state(checkpoint.optimizer);
  }

  bool replaying() const { return runner_.replaying(); }
  std::vector<std::vector<float>> weights() const {
    std::vector<std::vector<float>> values;
    for (const NamedTensor& parameter : model_.parameters()) values.push_back(parameter.tensor.to_vector<float>());
    return values;
  }
  std::vector<NamedTensor> parameters() const { return model_.parameters(); }

 private:
  Initializer init_;
  TwoLayerCnn model_;
  CrossEntropyLoss loss_;
  Adam optimizer_;
  Loader loader_;
  StepRunner runner_;
};

}  // namespace

TEST_SUITE("unit" * doctest::skip(!has_cuda())) {
  TEST_CASE("several GPUs: tensors are copied from one to another and lie in its own memory") {
    if (!has_second()) return;
    const std::vector<float> values = random_values<float>(1000, 1);
    const auto in_use = [](Device device) { return backend_of(device).memory_stats().in_use; };
    const size_t first_before = in_use(Device::cuda), second_before = in_use(kSecond);
    const Tensor first = Tensor::from(values, {10, 100}, Device::cuda);
    CHECK(in_use(kSecond) == second_before);
    const Tensor second = first.to(kSecond);
    CHECK(in_use(Device::cuda) - first_before == in_use(kSecond) - second_before);
    CHECK(second.device() == kSecond);
    CHECK(second.raw_data() != first.raw_data());
    CHECK(second.to_vector<float>() == values);
    CHECK(second.to(kSecond).raw_data() == second.raw_data());
    CHECK(second.to(Device::cuda).device() == Device::cuda);
    CHECK(second.to(Device::cuda).to_vector<float>() == values);
    const Tensor target = Tensor::zeros({10, 100}, DType::f32, Device::cuda);
    target.copy_from(second);
    CHECK(target.to_vector<float>() == values);
    CHECK((second + second).device() == kSecond);
    CHECK((second * 2.0).device() == kSecond);
  }

  TEST_CASE("several GPUs: an op or an optimizer refuses tensors of two of them and names both") {
    if (!has_second()) return;
    const Tensor first = Tensor::zeros({2, 2}, DType::f32, Device::cuda), second = first.to(kSecond);
    const auto names_both = [](const std::string& message) {
      return contains(message, "is on cuda,") && contains(message, "on cuda:1");
    };
    CHECK(names_both(error_of([&] { (void)(first + second); })));
    CHECK(names_both(error_of([&] { (void)matmul(first, second); })));
    Tensor a = first, b = second;
    a.set_requires_grad(true);
    b.set_requires_grad(true);
    CHECK(error_of([&] { Adam({{"a", a}, {"b", b}}, {}); }) == "adam: parameter 'b' is on cuda:1, 'a' on cuda");
  }

  TEST_CASE("several GPUs: training on the second gives what training on the first gives bit by bit") {
    if (!has_second()) return;
    const Split split = digit_like_images();
    Training first(Device::cuda, split), second(kSecond, split);
    for (const NamedTensor& parameter : second.parameters()) CHECK(parameter.tensor.device() == kSecond);
    for (int epoch = 0; epoch < 3; ++epoch) CHECK(first.epoch(epoch) == second.epoch(epoch));
    CHECK(first.replaying());
    CHECK(second.replaying());
    CHECK(first.weights() == second.weights());
  }

  TEST_CASE("several GPUs: what was trained on one goes on on another bit by bit") {
    if (!has_second()) return;
    const TemporaryFolder folder;
    const auto path = folder.path() / "checkpoint.safetensors";
    const Split split = digit_like_images();
    Training whole(Device::cuda, split), begun(kSecond, split), resumed(Device::cuda, split);
    whole.epoch(0);
    begun.epoch(0);
    save_checkpoint(path, begun.checkpoint());
    resumed.resume(load_checkpoint(path, Device::cuda));
    CHECK(resumed.epoch(1) == whole.epoch(1));
    CHECK(resumed.weights() == whole.weights());
  }
}

}  // namespace cofactor::testing
