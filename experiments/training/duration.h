// Durations as people write and read them.
#pragma once

#include <string>
#include <string_view>

namespace cofactor {

// "3 s", "12 min 05 s", "4 h 07 min"
std::string format_duration(double seconds);

// Seconds from "90", "30s", "5m", "5min", "1.5h", "200ms", "1d". Throws Error for anything else, for a negative one,
// and above 100 days.
double parse_duration(std::string_view text);

}  // namespace cofactor
