// Names of classes that look alike to a person but are different.
#pragma once

#include <string>
#include <vector>

namespace cofactor {

// One warning for each group of names that a person would take for the same: names that differ only in case, in spaces
// (at the ends, or of several kinds), or in how Unicode composes their letters. Names are shown as `unmistakable`
// (engine/io/utf8.h) shows them. Throws Error for a name that is not valid UTF-8.
std::vector<std::string> find_look_alikes(const std::vector<std::string>& names);

// A hint for an error about two lists of names that should be equal: "; 'Cat' and 'cat' look alike but are not the
// same" if that may be the cause, otherwise empty. Throws Error as above.
std::string look_alike_hint(const std::vector<std::string>& some, const std::vector<std::string>& others);

}  // namespace cofactor
