#include "engine/backends/cpu/backend.h"

#include <dlfcn.h>
#include <omp.h>
#include <sys/mman.h>

#include <algorithm>
#include <latch>
#include <thread>
#include <vector>

#include "engine/backends/cpu/primitives.h"

namespace cofactor {

namespace {

constexpr int kMostThreads = 64;  // on machines of up to a quarter as many cores

}  // namespace

CpuBackend::CpuBackend() : primitives_(std::make_unique<Primitives>()) {
  // A number from the environment (OMP_NUM_THREADS) may be any.
  set_num_threads(std::min(omp_get_max_threads(), std::max(kMostThreads, 4 * omp_get_num_procs())));
}

CpuBackend::~CpuBackend() = default;

void onednn::check_room_for_primitive() {
  constexpr size_t kRoom = size_t{8} << 20;
  void* probe = mmap(nullptr, kRoom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (probe == MAP_FAILED) throw OutOfMemory("oneDNN: there is no room for the code of another kernel");
  munmap(probe, kRoom);
}

namespace {

// How many of `wanted` threads beside this one the system starts at once. OpenMP's runtime ends the process where one
// does not start.
int startable_threads(int wanted) {
  std::vector<std::jthread> threads;
  std::latch all_there(1);  // none ends before the last has been tried
  try {
    threads.reserve(static_cast<size_t>(wanted));
    while (static_cast<int>(threads.size()) < wanted) threads.emplace_back([&] { all_there.wait(); });
  } catch (const std::exception&) {  // std::system_error, or no memory to hold them
  }
  all_there.count_down();
  return static_cast<int>(threads.size());
}

// The size of the team that the runtime makes where `threads` are asked for.
int team_size(int threads) {
  int size = 1;
#pragma omp parallel num_threads(threads)
  {
#pragma omp single
    size = omp_get_num_threads();
  }
  return size;
}

}  // namespace

HostThreads CpuBackend::set_num_threads(int threads) {
  // LAPACK may come from OpenBLAS, which would bring threads of its own; the factorisations here are too small for any.
  // Its OpenMP build sets the runtime's number as well, so ours is set after it.
  using SetThreads = void (*)(int);
  if (const auto set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set(1);
  omp_set_dynamic(0);  // teams of another size from one region to the next would change the order of sums
  HostThreads given{.count = threads};
  if (const int limit = omp_get_thread_limit(); given.count > limit) {
    given = {limit, fmt::format("the OpenMP runtime gives {} (OMP_THREAD_LIMIT)", limit)};
  }
  if (const int started = 1 + startable_threads(given.count - 1); given.count > started) {
    given = {started, fmt::format("the system starts {} (ulimit -u, ulimit -v, or a limit of the container)", started)};
  }
  if (const int team = team_size(given.count); given.count > team) {
    given = {team, fmt::format("the OpenMP runtime gives {} (OMP_THREAD_LIMIT, OMP_MAX_ACTIVE_LEVELS)", team)};
  }
  omp_set_num_threads(given.count);
  return given;
}

std::string CpuBackend::bf16_note() const {
  if (onednn::multiplies_bf16()) return {};
  return "this processor has no bf16 instructions (AVX512_BF16 or AMX): bf16 is computed in f32 and rounded, which "
         "saves no time";
}

}  // namespace cofactor
