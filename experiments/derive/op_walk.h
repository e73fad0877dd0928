// What the walks of layers and ops share.
#pragma once

#include <filesystem>

#include "experiments/derive/derivation.h"

namespace cofactor {

// Seeded tensors, a table of one's own in place of x, and the gradient g that arrives at the output y: the walk
// differentiates L = sum(g * y).
class OpDerivation : public Derivation {
 protected:
  // --seed and --input, whose help says what its rows and columns are. --input excludes the flags of `sizes`.
  void add_common(Flags& flags, const std::string& rows_and_columns, const std::vector<Flag>& sizes);

  // Normal numbers, rounded to two decimals; tensors with different indices are independent.
  Numbers drawn(const Shape& shape, uint32_t index) const;
  bool has_input() const { return input_.has_value(); }
  const std::string& input() const { return *input_; }

  // The last given step, g, and L. Returns g.
  Numbers walk_loss(Walk& walk, const Numbers& y_by_formula, const Tensor& y) const;

 private:
  uint64_t seed_ = 1;
  std::optional<std::string> input_;  // a file
};

// A flag of an extent and its value.
struct Extent {
  const char* flag;
  int64_t value;
};

// Throws UsageError for an extent below `least` or above kMostNumbers, naming its flag.
void check_extent(const Extent& extent, int64_t least = 1);
// Throws UsageError where a tensor of these extents has more than kMostNumbers elements.
void check_count(std::string_view tensor, std::initializer_list<int64_t> extents);

// sum(f(x) * g), a number, for the gradients of an op.
LossFunction weighted_sum(const LossFunction& f, const Numbers& g);

// The names of leaves, for --graph: makes them collect gradients.
std::map<const Node*, std::string> name_leaves(std::initializer_list<std::pair<Tensor*, std::string>> leaves);

std::unique_ptr<Derivation> make_linear_derivation();
std::unique_ptr<Derivation> make_softmax_derivation();
std::unique_ptr<Derivation> make_batch_norm_derivation();
std::unique_ptr<Derivation> make_conv2d_derivation();
std::unique_ptr<Derivation> make_max_pool_derivation();

}  // namespace cofactor
