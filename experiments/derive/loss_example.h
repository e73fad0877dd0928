// The samples of a loss's walk: logits and labels.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/noise/transition.h"
#include "engine/batch.h"
#include "experiments/derive/walk.h"
#include "experiments/sweep/flags.h"

namespace cofactor {

struct LossExample {
  uint64_t seed = 0;
  std::string source;               // a sentence: where the samples come from
  Numbers logits;                   // (N, C)
  std::vector<int32_t> clean;       // the true labels, where noise was added
  std::vector<int32_t> labels;      // as the loss gets them
  std::optional<Transition> noise;  // through which they were drawn
  double rate = 0.0;
  std::string kind;  // of the noise

  int64_t samples() const { return logits.rows(); }
  int64_t classes() const { return logits.columns(); }
  int32_t label(int64_t i) const { return labels[static_cast<size_t>(i)]; }
  Batch batch() const;
};

// The flags that choose an example.
class ExampleFlags {
 public:
  // `default_rate` is the noise of generated labels where --noise is not given.
  ExampleFlags(Flags& flags, double default_rate);
  // Draws or reads the samples. Throws UsageError for a command line that has none, and Error as read_labelled does.
  LossExample make() const;

 private:
  void check_sizes() const;
  LossExample drawn() const;
  void add_noise(LossExample& example) const;

  int64_t classes_ = 3, samples_ = 8;
  uint64_t seed_ = 1;
  std::optional<double> rate_;
  double default_rate_;
  std::string kind_ = "uniform";
  std::optional<std::string> input_;  // a file
};

// The walk's first steps: logits, labels, and the noise if there is any.
void walk_example(Walk& walk, const LossExample& example);

// The labels as numbers (N).
Numbers label_numbers(const std::vector<int32_t>& labels);

}  // namespace cofactor
