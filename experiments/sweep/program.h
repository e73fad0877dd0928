// What every program shares around its work: bad usage, exit codes and standard files.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "engine/error.h"

namespace cofactor {

// A command line that cannot be meant: exit code 2. Every other Error is exit code 1.
class UsageError : public Error {
 public:
  using Error::Error;
};

// Throws UsageError with the formatted message.
template <class... Args>
[[noreturn]] void usage(fmt::format_string<Args...> format, Args&&... args) {
  throw UsageError(fmt::format(format, std::forward<Args>(args)...));
}

// Calls parse(value). Its Error is bad usage of the flag.
template <class Parse>
auto as_usage(std::string_view flag, std::string_view value, Parse parse) {
  try {
    return parse(value);
  } catch (const Error& error) {
    usage("{} {}: {}", flag, value, error.what());
  }
}

// The most threads or processes that a flag may ask for: four times the number of cores, and at least 64.
int max_threads();

// "program: message"; the message alone where it begins so.
std::string with_program(std::string_view program, std::string_view message);

// Runs the body of a main() and returns its exit code. For an exception it prints "program: message" to standard error
// and returns 2 for a UsageError and 1 for any other, also where standard output cannot be written to. After
// Interrupted (stop.h) the process ends by that signal. Standard files that are closed are opened on /dev/null first,
// so that no other file takes their place. A pipe that nobody reads is an error of the write that meets it.
int run_main(std::string_view program, const std::function<int()>& body);

}  // namespace cofactor
