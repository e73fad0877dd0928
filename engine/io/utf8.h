// UTF-8, and bytes that may be none, as text that a message can hold.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cofactor {

// How many bytes the character takes that begins at `at` (1 to 4); 0 where no character of valid UTF-8 does.
size_t utf8_length(std::string_view bytes, size_t at);

// The place of the first byte that is not part of a valid character; bytes.size() where all are.
size_t first_not_utf8(std::string_view bytes);

// The bytes as a message shows them: control characters and what is not UTF-8 as \x0A and \xE9, a backslash doubled,
// "..." in place of all that lies behind the first `most` bytes.
std::string legible(std::string_view bytes, size_t most = 200);

}  // namespace cofactor
