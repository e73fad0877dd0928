// What built this program, for the results.
#pragma once

#include <string>

namespace cofactor {

// "0.1.0", and where it was built in a git checkout the commit: "0.1.0+1a2b3c4", with "-dirty" where files had changed.
std::string version();

}  // namespace cofactor
