#include "engine/profile/machine_rates.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <thread>
#include <vector>

#include "engine/backend.h"
#include "engine/device_features.h"

namespace cofactor {

namespace {

// On a busy machine most runs are disturbed: the best of this many seconds of runs counts, and of this many at least.
constexpr double kEnough = 0.4;
constexpr int kRuns = 3;
constexpr double kLongEnough = 0.005;  // seconds: the product grows until it takes as long
constexpr int64_t kSmallest = 128, kLargest = 8192;
constexpr size_t kCopied = size_t{128} << 20;  // bytes; caches hold less

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double best_of_runs(const std::function<void()>& work, double enough) {
  double best = INFINITY, sum = 0.0;
  for (int i = 0; i < kRuns || sum < enough; ++i) {
    const double seconds = seconds_of(work);
    best = std::min(best, seconds);
    sum += seconds;
  }
  return best;
}

double product_rate(Device device, DType dtype) {
  for (int64_t n = kSmallest;; n *= 2) {
    const Tensor a = Tensor::full({n, n}, 1.0, dtype, device), y = Tensor::full({n, n}, 0.0, dtype, device);
    const auto multiply = [&] {
      a.backend().matmul(a, false, a, true, {}, y);
      a.backend().synchronize();
    };
    multiply();  // a library plans its first product of a shape
    if (n < kLargest && best_of_runs(multiply, 0.0) < kLongEnough) continue;
    return cost::matmul(a, false, a, true, {}, y).flops / best_of_runs(multiply, kEnough);
  }
}

// On a device with memory of its own in one call; else in a part for each thread.
double copy_rate(Device device) {
  const int parts = features_of(device).free_memory() ? 1 : num_threads();
  const size_t part = kCopied / static_cast<size_t>(parts) / Tensor::kAlignment * Tensor::kAlignment;
  std::vector<Tensor> from, to;
  for (int i = 0; i < parts; ++i) {
    from.push_back(Tensor::full({static_cast<int64_t>(part / size_of(DType::f32))}, 1.0, DType::f32, device));
    to.push_back(Tensor::full(from.back().shape(), 0.0, DType::f32, device));
  }
  Backend& backend = from.front().backend();
  const auto copy = [&] {
    std::vector<std::jthread> threads;
    for (size_t i = 1; i < from.size(); ++i)
      threads.emplace_back([&, i] { backend.copy(to[i].raw_data(), from[i].raw_data(), part); });
    backend.copy(to[0].raw_data(), from[0].raw_data(), part);
    threads.clear();
    backend.synchronize();
  };
  return cost::copy(part * static_cast<size_t>(parts)).bytes / best_of_runs(copy, kEnough);
}

}  // namespace

MachineRates measure_machine(Device device, DType dtype) {
  return {product_rate(device, dtype), copy_rate(device)};
}

}  // namespace cofactor
