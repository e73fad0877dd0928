// Text from outside as HTML, and templates.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace cofactor {

// The text as the content of an element or of a quoted attribute: what HTML would read as markup is escaped, and bytes
// that are not valid UTF-8 and control characters are shown as printable (engine/io/utf8.h) does.
std::string html(std::string_view text);

// The template with each {{name}} replaced by its value, which is not searched again. Throws Error for a name without a
// value.
std::string fill(std::string_view page, const std::map<std::string, std::string>& values);

}  // namespace cofactor
