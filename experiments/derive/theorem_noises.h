// The label noises of `derive theorem`, for any number of classes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/noise/transition.h"

namespace cofactor::theorem {

struct NamedNoise {
  std::string name;  // "flip 0.4"
  Transition transition;
  double log_abs_det;    // log|det T|
  double amplification;  // of an error by T's inverse: its largest sum of a row's absolute values

  // Whether the true class is the most frequent label of each class.
  bool is_dominant() const;
};

// The kinds that --noise takes:
//
//   uniform    with probability r a label drawn from all classes
//   symmetric  with probability r one of the other classes
//   flip       class 0 becomes class 1 with probability r (the paper's class-dependent noise)
//   cyclic     every class becomes the next one with probability r
//   random     (1 - r) I + r R, for a random stochastic matrix R that the seed decides
const std::vector<std::string>& noise_kinds();

// The noise of a kind at a rate, or of a file (data/noise/file.h). Throw UsageError for another kind, for a rate
// outside [0, 1], and where det T is 0 or so near it that T's inverse enlarges errors by more than 10^6: the theorem
// needs det T != 0.
NamedNoise make_noise(const std::string& kind, double rate, int64_t classes, uint64_t seed);
NamedNoise noise_from_file(const std::filesystem::path& path, int64_t classes);

}  // namespace cofactor::theorem
