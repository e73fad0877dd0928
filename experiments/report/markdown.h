// Markdown of reports and pages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

// A table: the first row is the head. Cells stand as they are, so a "|" in one must be escaped. `rule` aligns the
// columns after the first: "---" or, to the right, "---:". `rows` is not empty. Ends with a line feed.
std::string markdown_table(const std::vector<std::vector<std::string>>& rows, std::string_view rule = "---");

}  // namespace cofactor
