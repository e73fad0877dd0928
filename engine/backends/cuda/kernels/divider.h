// Division of indices by a number that is the same for all threads of a launch.
#pragma once

#include <bit>
#include <cstdint>

#include "engine/dtype.h"

namespace cofactor::cuda {

// A division by d is a multiplication by 2^s / d - 1, kept as a fraction of 64 bits, and a shift by s, where 2^s is the
// least power of two that is not below d (Granlund, Montgomery: Division by invariant integers using multiplication;
// PLDI 1994). Half of the fraction serves where dividend and divisor fit 31 bits. A division in 64 bits takes a GPU
// about a hundred instructions.
class Divider {
 public:
  Divider() : Divider(1) {}
  // By `divisor`, at least 1; 0, an extent of a tensor without elements, divides nothing and counts as 1.
  explicit Divider(int64_t divisor) : divisor_(divisor > 0 ? divisor : 1) {
    const auto d = static_cast<uint64_t>(divisor_);
    shift_ = static_cast<int>(std::bit_width(d - 1));
    uint64_t rest = (uint64_t{1} << shift_) - d;
    for (int bit = 0; bit < 64; ++bit) {
      rest *= 2;
      fraction_ = 2 * fraction_ + (rest >= d);
      if (rest >= d) rest -= d;
    }
  }

  COFACTOR_HD int64_t divisor() const { return divisor_; }
  // Of a dividend that is not negative.
  COFACTOR_HD int64_t quotient(int64_t dividend) const {
    const auto n = static_cast<uint64_t>(dividend);
    if ((dividend | divisor_) >> 31 != 0) return static_cast<int64_t>((upper_half(n, fraction_ + 1) + n) >> shift_);
    const uint64_t upper = fraction_ >> 32;
    return (static_cast<uint32_t>((upper + 1) * n >> 32) + static_cast<uint32_t>(n)) >> shift_;
  }
  COFACTOR_HD int64_t remainder(int64_t dividend) const { return dividend - quotient(dividend) * divisor_; }

 private:
  // The upper 64 bits of a product.
  COFACTOR_HD static uint64_t upper_half(uint64_t a, uint64_t b) {
    const uint64_t a_low = static_cast<uint32_t>(a), a_high = a >> 32, b_low = static_cast<uint32_t>(b),
                   b_high = b >> 32;
    const uint64_t middle = a_high * b_low + (a_low * b_low >> 32);
    return a_high * b_high + (middle >> 32) + ((a_low * b_high + static_cast<uint32_t>(middle)) >> 32);
  }

  int64_t divisor_;
  uint64_t fraction_ = 0;
  int shift_ = 0;
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
