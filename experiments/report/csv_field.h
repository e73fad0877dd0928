// Writing tables as RFC 4180 has them.
#pragma once

#include <string>
#include <string_view>

namespace cofactor {

// A field of a table: with a comma, a quote or a line break it stands in quotes.
std::string csv_field(std::string_view text);

}  // namespace cofactor
