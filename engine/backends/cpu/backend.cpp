#include "engine/backends/cpu/backend.h"

#include <dlfcn.h>
#include <sys/mman.h>

#include "engine/backends/cpu/primitives.h"
#include "engine/backends/cpu/thread_pool.h"

namespace cofactor {

CpuBackend::CpuBackend() : primitives_(std::make_unique<Primitives>()) {
  // LAPACK may be OpenBLAS, which would start its own threads; the factorisations here are too small for them.
  using SetThreads = void (*)(int);
  if (const auto set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set(1);
}

CpuBackend::~CpuBackend() = default;

int CpuBackend::num_threads() {
  return cpu::ThreadPool::instance().threads();
}

void CpuBackend::set_num_threads(int threads) {
  cpu::ThreadPool::instance().set_threads(threads);
}

void onednn::check_room_for_primitive() {
  constexpr size_t kRoom = size_t{8} << 20;
  void* probe = mmap(nullptr, kRoom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (probe == MAP_FAILED) throw OutOfMemory("oneDNN: there is no memory for the code of another kernel");
  munmap(probe, kRoom);
}

std::string CpuBackend::bf16_note() const {
  if (onednn::multiplies_bf16()) return {};
  return "this processor has no bf16 instructions (AVX512_BF16 or AMX): bf16 is computed in f32 and rounded, which "
         "saves no time";
}

}  // namespace cofactor
