// The cuda backend's module.
#include "engine/backends/module.h"

#include "engine/backends/cuda/backend.h"
#include "engine/backends/cuda/gpu.h"

const cofactor::BackendModule cofactor_backend_module = {
    &cofactor::cuda::count_gpus,
    [](int index) -> cofactor::Backend* { return new cofactor::CudaBackend(index); },
};
