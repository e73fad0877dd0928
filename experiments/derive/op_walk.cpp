#include "experiments/derive/op_walk.h"

#include <cmath>

#include "engine/io/utf8.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

constexpr uint32_t kGradientIndex = 9;  // of the random stream of g; inputs and parameters have those below

}  // namespace

void OpDerivation::add_common(Flags& flags, const std::string& rows_and_columns, const std::vector<Flag>& sizes) {
  flags.add("--seed", seed_, "Decides the inputs, the parameters and the gradient that arrives");
  Flag input = flags.add("--input", input_, "CSV file with your own x, as described below");
  for (const Flag& size : sizes) input.excludes(size);
  flags.footer(fmt::format("The file of --input:\n  a header row; then {},\n  of numbers from -10000 to 10000.",
                           rows_and_columns));
}

Numbers OpDerivation::drawn(const Shape& shape, uint32_t index) const {
  Numbers numbers(shape);
  const RandomKey key{.seed = seed_, .purpose = Purpose::weights, .index = index};
  for (int64_t i = 0; i < shape.numel(); ++i)
    numbers[i] = std::round(100.0 * random_normal(key, static_cast<uint64_t>(i))) / 100.0;
  return numbers;
}

Numbers OpDerivation::walk_loss(Walk& walk, const Numbers& y_by_formula, const Tensor& y) const {
  walk.note(has_input() ? fmt::format("x of '{}'; what is drawn has seed {}.", printable(*input_), seed_)
                        : fmt::format("Drawn with seed {}.", seed_));
  Numbers g = drawn(y_by_formula.shape, kGradientIndex);
  walk.given("Gradient that arrives at y", {"g", "g"}, g);
  double loss = 0.0, size = 0.0;
  for (size_t i = 0; i < g.values.size(); ++i) {
    loss += g.values[i] * y_by_formula.values[i];
    size += std::abs(g.values[i] * y_by_formula.values[i]);
  }
  // The terms may cancel.
  const double condition = loss == 0.0 ? 1e300 : size / std::abs(loss);
  walk.value("A loss with that gradient", {"loss", "L"}, {"loss = sum g y", "L = \\sum g \\, y"}, Numbers::scalar(loss),
             sum(y * g.tensor()), condition);
  return g;
}

void check_extent(const Extent& extent, int64_t least) {
  if (extent.value < least || extent.value > kMostNumbers)
    usage("{} {}: expected a whole number from {} to {}", extent.flag, extent.value, least, kMostNumbers);
}

void check_count(std::string_view tensor, std::initializer_list<int64_t> extents) {
  int64_t count = 1;
  for (const int64_t extent : extents) {
    count *= extent;
    if (count > kMostNumbers)
      usage("{} has more than {} elements; a walk prints every number, so choose smaller extents", tensor,
            kMostNumbers);
  }
}

LossFunction weighted_sum(const LossFunction& f, const Numbers& g) {
  return [f, weights = g.tensor()](const Tensor& x) { return sum(f(x) * weights); };
}

std::map<const Node*, std::string> name_leaves(std::initializer_list<std::pair<Tensor*, std::string>> leaves) {
  std::map<const Node*, std::string> names;
  for (const auto& [tensor, name] : leaves) {
    tensor->set_requires_grad(true);
    names[tensor->node().get()] = name;
  }
  return names;
}

std::vector<Subject> layer_subjects() {
  return {{"linear", "A linear layer, y = x w^T + b", make_linear_derivation},
          {"conv2d", "A 2-D convolution", make_conv2d_derivation},
          {"batch_norm", "Batch normalisation, in training", make_batch_norm_derivation},
          {"softmax", "Softmax and log softmax", make_softmax_derivation},
          {"max_pool", "Max pooling", make_max_pool_derivation}};
}

}  // namespace cofactor
