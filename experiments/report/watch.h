// Writing a report anew while its runs go on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "experiments/report/runs.h"

namespace cofactor {

// What changes when a run finishes or begins: the sizes and times of the results files, and of the folders of runs and
// their checkpoints' being there.
std::string state_of(const std::vector<std::filesystem::path>& paths);

// Calls `write` whenever state_of(paths) has changed, looking every `seconds`, until a signal asks the process to end
// (stop.h); then throws Interrupted. A failed `write` (Error) is printed and tried again.
void watch(const std::vector<std::filesystem::path>& paths, double seconds, const std::function<void()>& write);

}  // namespace cofactor
