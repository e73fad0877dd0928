// Tables as RFC 4180 has them: a field with a comma, a quote or a line break stands in quotes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

std::string csv_field(std::string_view text);

// The rows of a table, whose lines all end; nothing where a quote is not closed or the last line is cut short.
std::optional<std::vector<std::vector<std::string>>> csv_rows(std::string_view text);

}  // namespace cofactor
