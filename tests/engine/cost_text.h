// Costs in the messages of failed checks.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "engine/cost.h"

namespace doctest {
template <>
struct StringMaker<cofactor::Cost> {
  static String convert(const cofactor::Cost& cost) {
    return fmt::format("{} flops, {} bytes", cost.flops, cost.bytes).c_str();
  }
};
}  // namespace doctest
