// UTF-8: validation, byte order marks, and ways to show bytes that may not be valid text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cofactor {

// The number of bytes of the character that begins at `at`, 1 to 4; 0 if no valid character of UTF-8 begins there.
size_t utf8_length(std::string_view bytes, size_t at);

// The position of the first byte that is not part of a valid character; bytes.size() if there is none.
size_t first_not_utf8(std::string_view bytes);
bool is_utf8(std::string_view bytes);

// The byte order mark that some programs write at the beginning of a UTF-8 file.
inline constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
// Whether the bytes begin with a byte order mark of UTF-16, in either byte order.
bool has_utf16_mark(std::string_view bytes);

// ---- Bytes from outside, such as names of files and contents of files, as valid UTF-8 on one line. All three
// functions escape bytes that are not valid UTF-8 (\xE9) and control characters (\u000A).

// For the name of a file, folder, class or column, in a message or a table: complete, and everything else unchanged,
// so that a name that can be read is shown as it is.
std::string printable(std::string_view name);

// For an excerpt of a file's contents in a message: after the first `most` bytes it ends with "...". A backslash is
// doubled, so that it cannot be mistaken for an escape.
std::string legible(std::string_view text, size_t most = 200);

// For names that are compared with each other: as legible but complete, and with characters outside ASCII and spaces
// at either end escaped too, so that names that differ are shown differently.
std::string unmistakable(std::string_view name);

}  // namespace cofactor
