#include "engine/backends/cpu/backend.h"

#include <dlfcn.h>

#include "engine/backends/cpu/primitives.h"
#include "engine/backends/cpu/thread_pool.h"

namespace cofactor {

CpuBackend::CpuBackend() : primitives_(std::make_unique<Primitives>()) {
  // LAPACK may come from OpenBLAS, which would bring threads of its own; the factorisations here are too small for any.
  // Its OpenMP build sets that runtime's number as well, which nothing here uses.
  using SetThreads = void (*)(int);
  if (const auto set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set(1);
}

CpuBackend::~CpuBackend() = default;

void CpuBackend::set_num_threads(int threads) {
  cpu::ThreadPool::instance().set_threads(threads);
}

std::string CpuBackend::bf16_note() const {
  if (onednn::multiplies_bf16()) return {};
  return "this processor has no bf16 instructions (AVX512_BF16 or AMX): bf16 is computed in f32 and rounded, which "
         "saves no time";
}

}  // namespace cofactor
