// Names of files and folders, which a file system takes as bytes: whether they are text, and which look alike.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

bool is_utf8(std::string_view name);

// The name as people can read it in a message and programs in a table: bytes that are no UTF-8 as "\xE9", control
// characters as "\u000A"; all else as it is.
std::string printable(std::string_view name);

// The name so that no other one looks like it: as printable, and also blanks at either end and all that is not ASCII as
// "\u0020", "\u00E9", and a backslash doubled.
std::string unmistakable(std::string_view name);

// A sentence for each group of names that people take for one: they differ in upper and lower case, in blanks at the
// ends or of several kinds, or in how Unicode composes their letters, alone. Each is shown unmistakably.
std::vector<std::string> find_look_alikes(const std::vector<std::string>& names);

// For an error about two lists of names that are not the same: "; 'Cat' and 'cat' look alike but are not the same"
// where that is why, and else empty.
std::string look_alike_hint(const std::vector<std::string>& some, const std::vector<std::string>& others);

}  // namespace cofactor
