// Writing of RFC 4180 tables.
#pragma once

#include <string>
#include <string_view>

namespace cofactor {

// A field of a table, in quotes where it holds a comma, a quote or a line break.
std::string csv_field(std::string_view text);

}  // namespace cofactor
