// What every program of this folder shares around its work: bad usage, exit codes, the machine's cores.
#pragma once

#include <functional>
#include <string_view>

#include "engine/error.h"

namespace cofactor {

// A command line that cannot be meant: exit code 2, where every other Error is exit code 1.
class UsageError : public Error {
 public:
  using Error::Error;
};

// Throws UsageError with the formatted message.
template <class... Args>
[[noreturn]] void usage(fmt::format_string<Args...> format, Args&&... args) {
  throw UsageError(fmt::format(format, std::forward<Args>(args)...));
}

// How many processor cores this process may use: its affinity mask, and its control group's quota where that is less.
int usable_cores();

// Runs the body of a main(): returns its exit code, or prints "program: message" to stderr and returns 2 for a
// UsageError and 1 for every other exception.
int run_main(std::string_view program, const std::function<int()>& body);

}  // namespace cofactor
