// The one file that decides which backends exist in this build.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "engine/backends/gpus.h"
#include "engine/backends/module.h"
#include "engine/backends/reference/backend.h"
#include "engine/device.h"
#include "engine/module_file.h"
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
  return *open_module("cofactor_cpu_" + std::string(variant), Device::cpu).make(0);
}

}  // namespace
#endif

#ifdef COFACTOR_HAS_CUDA
namespace {

constexpr const char* kDriver = "libcuda.so.1";

// The module's libraries take 0.1 s and about 200 MiB to load, so it is opened only if there is a driver.
Gpus& open_gpus() {
  const std::string missing = open_library(kDriver);
  check(missing.empty(),
        "device cuda: NVIDIA's driver is not installed, or not where the loader looks ({}): install it, or choose the "
        "device cpu",
        missing);
  const BackendModule& module = open_module("cofactor_cuda", Device::cuda);
  return *new Gpus(module.count(), module.make);
}

Gpus& gpus() {
  static Gpus& all = open_gpus();
  return all;
}

}  // namespace
#endif

// Backends are never destroyed: tensors with static storage may outlive any order of destruction.
Backend& backend_of(Device device) {
  switch (device.kind()) {
    case DeviceKind::reference: {
      static Backend& reference = *new ReferenceBackend;
      return reference;
    }
    case DeviceKind::cpu:
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
    case DeviceKind::cuda:
#ifdef COFACTOR_HAS_CUDA
      return gpus().at(device.index());
#else
      fail(
          "device {}: this build has no cuda backend; install the CUDA Toolkit and cuDNN 9, then configure again, "
          "which says what it finds",
          device);
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
  try {
    for (int i = 0; i < gpus().count(); ++i) devices.push_back(Device::cuda_at(i));
  } catch (const Error&) {  // no GPU that can be used
  }
#endif
  return devices;
}

Device default_device() {
#ifdef COFACTOR_HAS_CPU
  constexpr Device host = Device::cpu;
#else
  constexpr Device host = Device::reference;
#endif
#ifdef COFACTOR_HAS_CUDA
  if (!open_library(kDriver).empty()) return host;
  try {
    backend_of(Device::cuda);
    return Device::cuda;
  } catch (const Error& error) {  // silence would cost hours
    static const int said = std::fputs(
        fmt::format("device auto: {} is used, not cuda. The reason: {}\n", host, error.what()).c_str(), stderr);
    (void)said;
  }
#endif
  return host;
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

}  // namespace cofactor
