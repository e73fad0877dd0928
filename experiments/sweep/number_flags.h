// Numbers on a command line: what is written is judged before it is converted.
#pragma once

namespace CLI {
class App;
}

namespace cofactor {

// Makes every flag of `app` that takes numbers refuse, with a UsageError that names the flag and the value, what is no
// number of its kind. The conversion would take -1 for 2^64 - 1 where no sign is expected, 010 for eight, numbers
// beyond its range for its end, and nan and 1e400 (infinity) for numbers. Call it when all flags have been added.
void check_numbers_of(CLI::App& app);

}  // namespace cofactor
