// What a run was computed on, for the results.
#pragma once

#include <string>

namespace cofactor {

// The model name of this machine's processor as lscpu has it; empty where the system does not give one.
const std::string& processor_name();

}  // namespace cofactor
