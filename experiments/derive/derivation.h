// What derive can walk through.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "experiments/derive/walk.h"
#include "experiments/sweep/flags.h"

namespace cofactor {

// One walk: its flags, and its steps once they are parsed.
class Derivation {
 public:
  virtual ~Derivation() = default;
  virtual void add_flags(Flags& flags) = 0;
  // Throws UsageError for flags that cannot be meant together, and Error for input that has no walk.
  virtual Walk walk() = 0;
};

struct Subject {
  std::string name, what;
  std::function<std::unique_ptr<Derivation>()> make;
};

// The losses of losses/, then layers and ops.
const std::vector<Subject>& subjects();

std::vector<Subject> loss_subjects();
std::vector<Subject> layer_subjects();

// Walks print every number and move each of them for its central differences: no tensor has more elements.
inline constexpr int64_t kMostNumbers = 400;

}  // namespace cofactor
