// What the program is doing, for errors that may come at any moment: where memory runs out, a message says what the
// program was doing and that finished results are safe.
#pragma once

#include <exception>
#include <filesystem>
#include <string>

namespace cofactor {

// Names the present work, "training clothes-to-bags, rate 0.8, seed 1, dmi", and the file that holds finished results.
void now_doing(std::string what);
void results_are_in(const std::filesystem::path& file);

// The message of an exception. Where memory did not suffice, also what the program was doing, the limit that is set and
// where finished results are.
std::string message_of(const std::exception& error);

}  // namespace cofactor
