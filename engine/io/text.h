// Pieces of text: white space, case and lines. Only ASCII counts, whatever the locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cofactor {

// The text without spaces, tabs and carriage returns at either end.
std::string_view trimmed(std::string_view text);

// The text with A to Z in lower case.
std::string lower_case(std::string_view text);

// The text with a to z in upper case.
std::string upper_case(std::string_view text);

// Takes the first line off `text`: returns it without its line feed, and removes both from `text`.
std::string_view take_line(std::string_view& text);

// The number of line ends in the text: CR LF, LF or CR.
int64_t count_line_ends(std::string_view text);

}  // namespace cofactor
