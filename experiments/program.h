// What every program of this folder shares around its work: bad usage, exit codes.
#pragma once

#include <functional>
#include <string_view>

#include "engine/cores.h"
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

// Runs the body of a main(): returns its exit code, or prints "program: message" to stderr and returns 2 for a
// UsageError and 1 for every other exception.
int run_main(std::string_view program, const std::function<int()>& body);

}  // namespace cofactor
