// The one file that decides which backends exist in this build.
#include <array>
#include <cstdlib>
#include <string>

#include "engine/backends/module.h"
#include "engine/backends/reference/backend.h"
#include "engine/device.h"
#ifdef COFACTOR_HAS_CPU
#include "engine/backends/cpu/backend.h"
#endif

namespace cofactor {

#ifdef COFACTOR_HAS_CPU
namespace {

// What the cpu backend's kernels are compiled for: those of this library first, then those in modules, whose processors
// run all before them.
constexpr auto kCpuVariants = std::to_array<std::string_view>({COFACTOR_CPU_VARIANTS});

bool runs_here(std::string_view variant) {
#ifdef __x86_64__
  if (variant == "x86-64-v4")
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
#endif
  return variant == kCpuVariants.front();  // as is the rest of this library
}

std::string_view choose_cpu_variant() {
  const char* asked = std::getenv("COFACTOR_CPU_VARIANT");
  std::string_view chosen;
  std::string names;
  for (const std::string_view variant : kCpuVariants) {
    names += (names.empty() ? "" : ", ") + std::string(variant);
    if (asked ? variant == asked : runs_here(variant)) chosen = variant;
  }
  check(!chosen.empty(), "COFACTOR_CPU_VARIANT: this build's cpu backend has no variant '{}', only {}",
        asked ? asked : "", names);
  check(runs_here(chosen), "COFACTOR_CPU_VARIANT: this processor does not run the variant '{}'", chosen);
  return chosen;
}

Backend& make_cpu_backend() {
  const std::string_view variant = cpu_variant();
  if (variant == kCpuVariants.front()) return *new CpuBackend;
  return *open_module("cofactor_cpu_" + std::string(variant)).make();
}

}  // namespace
#endif

#ifdef COFACTOR_HAS_CUDA
namespace {

constexpr const char* kCudaModule = "cofactor_cuda";

// The module's libraries take 0.1 s and about 200 MiB to load, so it is opened only if there is a driver.
bool has_usable_gpu() {
  if (!has_library("libcuda.so.1")) return false;
  try {
    return open_module(kCudaModule).unavailable().empty();
  } catch (const Error&) {  // a library that it needs is not on this machine
    return false;
  }
}

}  // namespace
#endif

// Backends are never destroyed: tensors with static storage may outlive any order of destruction.
Backend& backend_of(Device device) {
  switch (device) {
    case Device::reference: {
      static Backend& reference = *new ReferenceBackend;
      return reference;
    }
    case Device::cpu:
#ifdef COFACTOR_HAS_CPU
    {
      static Backend& cpu = make_cpu_backend();
      return cpu;
    }
#else
      fail(
          "device cpu: this build has no cpu backend; install oneDNN (libdnnl-dev) and LAPACKE (liblapacke-dev), "
          "then configure again");
#endif
    case Device::cuda:
#ifdef COFACTOR_HAS_CUDA
    {
      static Backend& cuda = *open_module(kCudaModule).make();
      return cuda;
    }
#else
      fail(
          "device cuda: this build has no cuda backend; install the CUDA Toolkit and cuDNN 9, then configure again, "
          "which says what it finds");
#endif
  }
  fail("device: unknown");
}

std::vector<Device> available_devices() {
  std::vector<Device> devices{Device::reference};
#ifdef COFACTOR_HAS_CPU
  devices.push_back(Device::cpu);
#endif
#ifdef COFACTOR_HAS_CUDA
  if (has_usable_gpu()) devices.push_back(Device::cuda);
#endif
  return devices;
}

std::string_view cpu_variant() {
#ifdef COFACTOR_HAS_CPU
  static const std::string_view variant = choose_cpu_variant();
  return variant;
#else
  return "none";
#endif
}

int num_threads() {
#ifdef COFACTOR_HAS_CPU
  return CpuBackend::num_threads();
#else
  return 1;
#endif
}

void set_num_threads(int threads) {
  check(threads >= 1, "threads: {}, expected at least 1", threads);
#ifdef COFACTOR_HAS_CPU
  CpuBackend::set_num_threads(threads);
#endif
}

Device parse_device(std::string_view name) {
  if (name == "auto") return available_devices().back();
  for (Device device : {Device::reference, Device::cpu, Device::cuda}) {
    if (name != name_of(device)) continue;
    backend_of(device);  // an Error where it is not available
    return device;
  }
  fail("device: '{}' is unknown, expected auto, cpu, cuda or reference", name);
}

}  // namespace cofactor
