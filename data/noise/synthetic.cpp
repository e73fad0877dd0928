#include "data/noise/synthetic.h"

namespace cofactor {

namespace {

void check_rate(double rate) {
  // Written so that NaN fails.
  check(rate >= 0.0 && rate <= 1.0, "label noise: the rate {} lies outside [0, 1]", rate);
}

// `diagonal` on the diagonal, `elsewhere` in all other entries.
Transition constant_off_diagonal(int64_t classes, double diagonal, double elsewhere) {
  std::vector<double> values = Transition::identity(classes).values();  // has checked the number of classes
  for (double& value : values) value = value == 1.0 ? diagonal : elsewhere;
  return {classes, std::move(values)};
}

}  // namespace

Transition uniform_noise(int64_t classes, double rate) {
  check_rate(rate);
  const double share = rate / static_cast<double>(classes);
  return constant_off_diagonal(classes, 1.0 - rate + share, share);
}

Transition symmetric_noise(int64_t classes, double rate) {
  check_rate(rate);
  check(classes >= 2, "label noise: symmetric noise needs at least 2 classes, not {}", classes);
  return constant_off_diagonal(classes, 1.0 - rate, rate / static_cast<double>(classes - 1));
}

Transition flip_noise(int64_t classes, const std::vector<LabelFlip>& flips, double rate) {
  check_rate(rate);
  std::vector<double> values = Transition::identity(classes).values();
  std::vector<bool> flipped(static_cast<size_t>(classes));
  for (const auto& [from, to] : flips) {
    check(from >= 0 && from < classes && to >= 0 && to < classes && from != to,
          "label noise: a flip from class {} to class {} does not fit {} classes", from, to, classes);
    check(!flipped[static_cast<size_t>(from)], "label noise: class {} is flipped twice", from);
    flipped[static_cast<size_t>(from)] = true;
    values[static_cast<size_t>(from * classes + from)] = 1.0 - rate;
    values[static_cast<size_t>(from * classes + to)] = rate;
  }
  return {classes, std::move(values)};
}

}  // namespace cofactor
