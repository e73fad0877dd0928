#include "experiments/sweep/paper_noises.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "data/noise/synthetic.h"

namespace cofactor {
namespace {

constexpr std::string_view kUniform = "uniform", kSymmetric = "symmetric";

struct NamedFlip {
  std::string_view from, to;
};
struct FlipNoise {
  std::string_view name;
  std::vector<NamedFlip> flips;
};

const std::vector<FlipNoise>& flip_noises() {
  static const std::vector<FlipNoise> noises = {
      {"bags-to-clothes", {{"bag", "clothes"}}},
      {"clothes-to-bags", {{"clothes", "bag"}}},
      {"cat-to-dog", {{"cat", "dog"}}},
      {"positive-to-negative", {{"positive", "negative"}}},
      {"similar-classes", {{"truck", "automobile"}, {"bird", "airplane"}, {"deer", "horse"}, {"cat", "dog"}}},
  };
  return noises;
}

int64_t class_named(std::string_view name, std::string_view noise, const std::vector<std::string>& classes) {
  const auto found = std::ranges::find(classes, name);
  check(found != classes.end(), "noise {}: there is no class '{}' among {}", noise, name, fmt::join(classes, ", "));
  return found - classes.begin();
}

}  // namespace

Transition paper_noise(std::string_view name, const std::vector<std::string>& classes, double rate) {
  const auto count = static_cast<int64_t>(classes.size());
  if (name == kUniform) return uniform_noise(count, rate);
  if (name == kSymmetric) return symmetric_noise(count, rate);
  std::vector<std::string_view> names = {kUniform, kSymmetric};
  for (const FlipNoise& noise : flip_noises()) {
    names.push_back(noise.name);
    if (noise.name != name) continue;
    std::vector<LabelFlip> flips;
    for (const auto& [from, to] : noise.flips)
      flips.push_back({class_named(from, name, classes), class_named(to, name, classes)});
    return flip_noise(count, flips, rate);
  }
  fail("noise {}: unknown name, expected one of: {}", name, fmt::join(names, ", "));
}

}  // namespace cofactor
