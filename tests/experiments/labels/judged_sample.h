// Judged labels of a made-up classifier, for the tests of what is written about them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/random.h"
#include "experiments/labels/judged_labels.h"

namespace cofactor::testing {

// Samples whose true class is i % classes, of which every `wrong_every`th has the next class as its label. The network
// gives the true class 0.8 to 0.95.
inline JudgedLabels judged_sample(std::vector<std::string> classes, int64_t samples, int64_t wrong_every = 5) {
  const auto count = static_cast<int64_t>(classes.size());
  JudgedLabels labels;
  labels.classes = std::move(classes);
  labels.outputs = Outputs::true_class;
  labels.out_of_sample = true;
  const RandomKey key{.seed = 1, .purpose = Purpose::labels};
  for (int64_t i = 0; i < samples; ++i) {
    const int64_t true_class = i % count;
    const float sure = 0.8f + 0.15f * static_cast<float>(random_uniform(key, static_cast<uint64_t>(i)));
    for (int64_t c = 0; c < count; ++c)
      labels.probabilities.push_back(c == true_class ? sure : (1.0f - sure) / static_cast<float>(count - 1));
    labels.given.push_back(
        static_cast<int32_t>(i % wrong_every == wrong_every - 1 ? (true_class + 1) % count : true_class));
    labels.ids.push_back(std::to_string(i));
    labels.fold.push_back(static_cast<int32_t>(i % 3 + 1));
    labels.part.push_back(i % 4 == 3 ? SamplePart::validation : SamplePart::training);
    labels.kept.push_back(0);
  }
  return labels;
}

}  // namespace cofactor::testing
