// UTF-8, and arbitrary bytes as text for messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cofactor {

// The length in bytes (1 to 4) of the character that begins at `at`; 0 where there is no valid UTF-8.
size_t utf8_length(std::string_view bytes, size_t at);

// The offset of the first byte that is not part of a valid character; bytes.size() where all are.
size_t first_not_utf8(std::string_view bytes);

// The bytes as text: control characters and bytes that are not UTF-8 as \x0A and \xE9, backslashes doubled, and "..."
// for everything after the first `most` bytes.
std::string legible(std::string_view bytes, size_t most = 200);

}  // namespace cofactor
