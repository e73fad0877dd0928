#include "experiments/derive/theorem_world.h"

#include <algorithm>
#include <cmath>

#include "engine/autograd.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/log_abs_det.h"
#include "engine/ops/matmul.h"
#include "engine/ops/reduce.h"
#include "engine/ops/softmax.h"
#include "losses/dmi.h"

namespace cofactor::theorem {
namespace {

constexpr double kLargestMargin = 8.0;

double sum_of(const Tensor& x) {
  return sum(x).item();
}

// An order of the classes that is not the usual one.
std::vector<int64_t> other_order(int64_t classes, const RandomKey& key) {
  std::vector<int64_t> order = random_permutation(key, classes);
  if (std::ranges::is_sorted(order)) std::rotate(order.begin(), order.begin() + 1, order.end());
  return order;
}

// Column c of the result is column order[c] of x (K, C).
Tensor with_columns(const Tensor& x, const std::vector<int64_t>& order) {
  std::vector<Tensor> columns;
  columns.reserve(order.size());
  for (const int64_t column : order) columns.push_back(slice(x, 1, column, 1));
  return concatenate(columns, 1);
}

// Sum over U of U log(U / (its row's sum times its column's)); a part of 0 adds 0.
double mutual_information(const Tensor& u) {
  const std::vector<double> joint = u.to_vector<double>();
  const std::vector<double> product = (sum(u, {1}, true) * sum(u, {0}, true)).to_vector<double>();
  double total = 0.0;
  for (size_t k = 0; k < joint.size(); ++k)
    if (joint[k] > 0.0) total += joint[k] * std::log(joint[k] / product[k]);
  return total;
}

}  // namespace

RandomKey key_of(uint64_t seed, Stream stream, uint64_t step) {
  return {.seed = seed, .purpose = Purpose::latent, .index = static_cast<uint32_t>(stream), .step = step};
}

World make_world(int64_t classes, uint64_t seed) {
  World world{.classes = classes, .share = {}, .classof = {}, .labels = {}};
  const RandomKey key = key_of(seed, Stream::shares);
  double total = 0.0;
  for (int64_t x = 0; x < classes * kKindsPerClass; ++x) {
    const int64_t y = x / kKindsPerClass;
    const double of_class = 0.5 + random_uniform(key, static_cast<uint64_t>(y));
    const double of_kind = 0.5 + random_uniform(key, static_cast<uint64_t>(classes + x));
    total += of_class * of_kind;
    world.share.push_back(of_class * of_kind);
    world.classof.push_back(static_cast<int32_t>(y));
  }
  for (double& share : world.share) share /= total;
  world.labels = Tensor::from(world.classof, {world.kinds()}, kHost);
  return world;
}

Tensor label_weights(const World& world, const Transition& noise) {
  const Tensor share = Tensor::from(world.share, {world.kinds(), 1}, kHost);
  return matmul(one_hot(world.labels, world.classes, DType::f64) * share, noise.tensor());
}

Tensor informative_logits(const World& world, double margin, uint64_t seed, uint64_t index) {
  const Shape shape{world.kinds(), world.classes};
  return one_hot(world.labels, world.classes, DType::f64) * margin +
         Tensor::randn(shape, key_of(seed, Stream::logits, index), DType::f64, kHost);
}

Tensor with_merged_classes(const World& world, const Tensor& logits, double distance) {
  constexpr int64_t kMerged = 2 * kKindsPerClass;
  const Tensor merged = slice(logits, 0, 0, kMerged), center = mean(merged, {0}, true);
  std::vector<Tensor> parts = {center + (merged - center) * distance};
  const int64_t rest = world.kinds() - kMerged;
  if (rest > 0) parts.push_back(slice(logits, 0, kMerged, rest));
  return concatenate(parts, 0);
}

Classifier draw_classifier(const World& world, uint64_t seed, int64_t index, int64_t count) {
  const auto families = static_cast<int64_t>(kFamilies.size());
  const std::string_view family = kFamilies[static_cast<size_t>(index % families)];
  const double quality = static_cast<double>(index) / static_cast<double>(std::max<int64_t>(count - 1, 1));
  const double margin = family == "random" ? 0.0 : kLargestMargin * quality;
  const RandomKey key = key_of(seed, Stream::order, static_cast<uint64_t>(index));
  Tensor logits = informative_logits(world, margin, seed, static_cast<uint64_t>(index));
  if (family == "permuted") logits = with_columns(logits, other_order(world.classes, key));
  if (family == "nearly singular")
    logits = with_merged_classes(world, logits, std::pow(10.0, -0.5 - 2.5 * random_uniform(key, 0)));
  return {family, logits};
}

Transition random_stochastic(int64_t n, double strength, const RandomKey& key) {
  std::vector<double> weights;
  for (int64_t k = 0; k < n * n; ++k) weights.push_back(random_uniform(key, static_cast<uint64_t>(k)) + 1e-6);
  std::vector<double> values = Transition::from_weights(n, std::move(weights)).values();
  for (int64_t k = 0; k < n * n; ++k) {
    double& value = values[static_cast<size_t>(k)];
    value = (k / n == k % n ? 1.0 - strength : 0.0) + strength * value;
  }
  return {n, std::move(values)};
}

Tensor joint(const Tensor& logits, const Tensor& weights) {
  return matmul(transpose(softmax(logits)), weights);
}

Tensor inverse_transposed(const Tensor& u) {
  Tensor leaf = u.clone();
  leaf.set_requires_grad(true);
  backward(log_abs_det(leaf));
  return leaf.grad();
}

Measures measure(const Tensor& logits, const Tensor& weights) {
  const Tensor u = joint(logits, weights);
  Measures result;
  result.loss = dmi_from_joint(u).item();
  result.values[kDmi] = std::exp(-result.loss);
  result.values[kInformation] = mutual_information(u);
  result.values[kCrossEntropy] = -sum_of(log_softmax(logits) * weights);
  result.values[kAccuracy] = sum_of(gather(weights, argmax(logits)));
  return result;
}

bool is_tie(double a, double b) {
  return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
}

double Spread::standard_error() const {
  return deviation / std::sqrt(static_cast<double>(std::max<int64_t>(count, 1)));
}

Spread spread_of(const std::vector<double>& values) {
  Spread spread{.count = static_cast<int64_t>(values.size())};
  if (values.empty()) return spread;
  const auto count = static_cast<double>(values.size());
  for (const double value : values) spread.mean += value / count;
  double squares = 0.0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  if (values.size() > 1) spread.deviation = std::sqrt(squares / (count - 1.0));
  return spread;
}

}  // namespace cofactor::theorem
