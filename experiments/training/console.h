// Writing to standard output and standard error, which may be a closed pipe or a full disk.
#pragma once

#include <cstdio>
#include <string_view>

namespace cofactor {

// Writes the text and flushes. Returns false, with errno set, where the file cannot be written to; the program goes on.
bool write_text(std::FILE* file, std::string_view text);
// Writes a line to standard error, likewise.
void print_error(std::string_view line);

}  // namespace cofactor
