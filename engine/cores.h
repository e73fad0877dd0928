// The processor cores that this process may use.
#pragma once

namespace cofactor {

// Its affinity mask's, or its control groups' quota where that is less, rounded up; at least 1.
int usable_cores();

}  // namespace cofactor
