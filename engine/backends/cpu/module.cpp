// The cpu backend's module for processors with AVX-512 (engine/CMakeLists.txt), which the registry chooses.
#include "engine/backends/module.h"

#include "engine/backends/cpu/backend.h"

const cofactor::BackendModule cofactor_backend_module = {
    []() { return 1; },
    [](int) -> cofactor::Backend* { return new cofactor::CpuBackend; },
};
