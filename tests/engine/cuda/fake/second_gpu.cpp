// Uses the backends of two make-believe GPUs (fake_cuda.h) in turns and from several threads. Kernels do not run, so
// nothing is computed: a call with the wrong GPU current is an Error, whose message this program prints.
#include <fmt/core.h>

#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include "data/image_array.h"
#include "data/loader.h"
#include "engine/autograd.h"
#include "engine/backend.h"
#include "engine/device_features.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/log_abs_det.h"
#include "engine/optim/adam.h"
#include "layers/init.h"
#include "losses/cross_entropy.h"
#include "models/resnet.h"

using namespace cofactor;

namespace {

const Device kFirst = Device::cuda, kSecond = Device::cuda_at(1);

// Every copy between the host and the two.
void copy_around() {
  const std::vector<float> values{1, 2, 3, 4, 5};
  const Tensor a = Tensor::from(values, {5}, kFirst), b = Tensor::from(values, {5}, kSecond);
  check(a.to_vector<float>() == values && b.to_vector<float>() == values, "values changed on their way");
  check(a.to(kSecond).to_vector<float>() == values, "values changed from the first GPU to the second");
  check(b.to(kFirst).clone().to_vector<float>() == values, "values changed from the second GPU to the first");
  b.copy_from(a);
}

void copy_on_threads() {
  std::vector<std::exception_ptr> errors(4);
  {
    std::vector<std::jthread> threads;
    for (std::exception_ptr& error : errors)
      threads.emplace_back([&error] {
        try {
          for (int i = 0; i < 50; ++i) copy_around();
        } catch (...) {
          error = std::current_exception();
        }
      });
  }
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

// Batches that loaders read on threads of their own and upload beside the kernels.
void load() {
  auto images =
      std::make_shared<const ImageArray>(std::vector<uint8_t>(4000), Shape{10, 10, 1}, std::vector<int32_t>(40), 1,
                                         std::vector<float>{0.5f}, std::vector<float>{0.25f});
  const Split split = make_split(images, 0, 40);
  for (const Resident resident : {Resident::off, Resident::on}) {
    Loader first(split, {.batch_size = 3, .device = kFirst, .workers = 2, .resident = resident});
    Loader second(split, {.batch_size = 3, .device = kSecond, .workers = 2, .resident = resident});
    for (int epoch = 0; epoch < 2; ++epoch) {
      first.start_epoch(epoch);
      second.start_epoch(epoch);
      while (const auto batch = second.next()) {
        check(batch->inputs.device() == kSecond && batch->labels.device() == kSecond, "a batch is on another device");
        check(first.next().has_value(), "a batch is missing");
      }
    }
  }
}

// A step of training on each, in turns: convolution, batch norm, pooling, products, losses, an optimizer.
void train() {
  struct Run {
    explicit Run(Device device)
        : init(device, 1),
          model(init, ResNetOptions::of_depth(20, 10, ResNetStem::imagenet)),
          optimizer(model.parameters(), {.lr = 0.1}),
          inputs(Tensor::zeros({4, 32, 32, 3}, DType::f32, device)) {
      model.train();
      batch.host_labels = {0, 1, 2, 3};
      batch.labels = Tensor::from(batch.host_labels, {4}, device);
    }
    void step() {
      optimizer.zero_grad();
      backward(loss(model(inputs), batch));
      optimizer.step();
    }
    Initializer init;
    ResNet model;
    Adam optimizer;
    CrossEntropyLoss loss;
    Tensor inputs;
    Batch batch;
  };
  Run first(kFirst), second(kSecond);
  for (int i = 0; i < 2; ++i) {
    first.step();
    second.step();
  }
}

// By a block of threads and by cuSOLVER.
void factorise() {
  for (const int64_t classes : {10, 80})
    for (const Device device : {kFirst, kSecond}) {
      const Tensor u = Tensor::zeros({classes, classes}, DType::f64, device);
      log_abs_det(u);
      log_abs_det(u, 0.01);
    }
}

// A step of the second GPU, which uses the first as well, is replayed and given up on threads of its own. Its memory
// goes with the last tensor in it.
void record() {
  const Tensor x = Tensor::zeros({100}, DType::f32, kSecond);
  Tensor y;
  std::unique_ptr<CapturedStep> step = features_of(kSecond).capture([&] {
    y = x + x;
    Tensor::from({1.0f}, {1}, kFirst).item();
  });
  check(step != nullptr, "nothing was recorded");
  copy_around();
  std::exception_ptr error;
  std::jthread([&] {
    try {
      step->replay({});
    } catch (...) {
      error = std::current_exception();
    }
  }).join();
  if (error) std::rethrow_exception(error);
  std::jthread([&] { step.reset(); }).join();
  Tensor::zeros({1}, DType::f32, kFirst);  // the first GPU is current
  y = {};                                  // and with it go the recorded step's blocks on the second
}

}  // namespace

int main() {
  try {
    check(available_devices().back() == kSecond, "the second GPU is not listed");
    check(parse_device("cuda:1") == kSecond, "cuda:1 is not the second GPU");
    copy_around();
    const auto first = features_of(kFirst).free_memory(), second = features_of(kSecond).free_memory();
    check(first && second && *second == 2 * *first, "free memory is not each GPU's own");
    features_of(kSecond).check_bf16();
    copy_on_threads();
    load();
    train();
    factorise();
    record();
    backend_of(kFirst).synchronize();
    backend_of(kSecond).synchronize();
  } catch (const std::exception& error) {
    fmt::print("{}\n", error.what());
    return 1;
  }
  fmt::print("done\n");
}
