// Division of indices by a number that is the same for all threads of a launch.
#pragma once

#include <bit>
#include <cstdint>

#include "engine/dtype.h"

namespace cofactor::cuda {

// Where dividend and divisor fit 31 bits, a division is a multiplication and a shift (Granlund, Montgomery: Division by
// invariant integers using multiplication; PLDI 1994); else it is one in 64 bits, which takes about a hundred
// instructions on a GPU.
class Divider {
 public:
  Divider() : Divider(1) {}
  // By `divisor`, at least 1; 0, an extent of a tensor without elements, divides nothing and counts as 1.
  explicit Divider(int64_t divisor) : divisor_(divisor > 0 ? divisor : 1) {
    if (divisor_ >> 31 != 0) return;
    const auto d = static_cast<uint64_t>(divisor_);
    shift_ = static_cast<uint32_t>(std::bit_width(d - 1));  // the least power of two that is not below d
    multiplier_ = static_cast<uint32_t>((((uint64_t{1} << shift_) - d) << 32) / d + 1);
  }

  COFACTOR_HD int64_t divisor() const { return divisor_; }
  // Of a dividend that is not negative.
  COFACTOR_HD int64_t quotient(int64_t dividend) const {
    if (multiplier_ == 0 || dividend >> 31 != 0) return dividend / divisor_;
    const auto n = static_cast<uint32_t>(dividend);
    return (static_cast<uint32_t>(uint64_t{n} * multiplier_ >> 32) + n) >> shift_;
  }
  COFACTOR_HD int64_t remainder(int64_t dividend) const { return dividend - quotient(dividend) * divisor_; }

 private:
  int64_t divisor_;
  uint32_t multiplier_ = 0, shift_ = 0;  // multiplier 0: the divisor is too large for the short way
};

// Element number `at` of a tensor (N, H, W, C).
struct Place {
  int64_t n, h, w, c;
};
struct Places {
  Divider height, width, channels;
  COFACTOR_HD Place of(int64_t at) const {
    const int64_t pixel = channels.quotient(at), line = width.quotient(pixel), n = height.quotient(line);
    return {n, line - n * height.divisor(), pixel - line * width.divisor(), at - pixel * channels.divisor()};
  }
};

}  // namespace cofactor::cuda
