// The cuda backend's module.
#include "engine/backends/module.h"

#include "engine/backends/cuda/backend.h"

const cofactor::BackendModule cofactor_backend_module = {
    &cofactor::CudaBackend::unavailable,
    []() -> cofactor::Backend* { return new cofactor::CudaBackend; },
};
