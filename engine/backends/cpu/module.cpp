// The entry of the cpu backend's module for processors with AVX-512 (engine/CMakeLists.txt).
#include "engine/backends/module.h"

#include "engine/backends/cpu/backend.h"

extern "C" cofactor::MakeBackend cofactor_make_backend;

extern "C" cofactor::Backend* cofactor_make_backend() {
  return new cofactor::CpuBackend;
}
