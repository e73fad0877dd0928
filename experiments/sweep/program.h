// What every program of this folder shares around its work: bad usage, exit codes, standard files.
#pragma once

#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <string>
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

// The most threads, or processes, that a flag may ask for: four times the cores, and 64 at least.
int max_threads();

// What the program is at, "training clothes-to-bags, rate 0.8, seed 1, dmi", and where finished results are: for the
// message of an error that may come at any moment, that of memory.
void now_doing(std::string what);
void results_are_in(const std::filesystem::path& file);

// The sentence for an exception: its own; where memory did not suffice, also what the program was at, the limit that is
// set, and where finished results are.
std::string message_of(const std::exception& error);

// "program: message", without the program where the message begins with it.
std::string with_program(std::string_view program, std::string_view message);

// Writes text and flushes. A file that cannot be written to (a closed pipe, a full disk) never ends the program: false.
bool write_text(std::FILE* file, std::string_view text);
// A line on standard error, likewise.
void print_error(std::string_view line);

// Runs the body of a main(): returns its exit code, or prints "program: message" to stderr and returns 2 for a
// UsageError and 1 for every other exception, also where what it printed cannot be written. After Interrupted
// (stop.h) the process ends by that signal. Standard files that are closed are opened on /dev/null first, so that no
// other file takes their place, and a pipe that nobody reads is an error of the write that meets it.
int run_main(std::string_view program, const std::function<int()>& body);

}  // namespace cofactor
