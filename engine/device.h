// Which backend holds a tensor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"

namespace cofactor {

class Backend;

enum class Device { reference, cpu, cuda };

// Where tensors lie that the host reads and writes: files, checkpoints, tables. Its kernels are the reference
// backend's.
inline constexpr Device kHost = Device::reference;

constexpr std::string_view name_of(Device device) {
  switch (device) {
    case Device::reference: return "reference";
    case Device::cpu: return "cpu";
    case Device::cuda: return "cuda";
  }
  return "?";
}

// The backend of a device, made on first use. Throws Error where this build or this machine has none; there is no
// silent fallback. Thread-safe.
Backend& backend_of(Device device);

// The devices that this build has and this machine can use, `reference` first.
std::vector<Device> available_devices();

// Parses "reference", "cpu", "cuda", or "auto": the GPU where there is one, else the cpu backend, else the reference.
// Throws Error for any other name, and for a device that is not available.
Device parse_device(std::string_view name);

// What the cpu backend's kernels are compiled for: "native" (the machine that built this), or the best of "x86-64-v3"
// and "x86-64-v4" (AVX-512) that this processor runs; "none" without a cpu backend. The environment variable
// COFACTOR_CPU_VARIANT names another. Throws Error where this build lacks that one, or the processor does not run it.
std::string_view cpu_variant();

// For how many threads the host's kernels are cut, in the whole process: at first OMP_NUM_THREADS, where that is set,
// else as many as there are cores. Results are bitwise repeatable at a fixed number; another number may change the
// order of sums. At most as many compute at once as there are cores. set_num_threads throws Error below 1. Without a
// cpu backend there is one, and setting another has no effect: the reference runs in one thread.
int num_threads();
void set_num_threads(int threads);

}  // namespace cofactor

template <>
struct fmt::formatter<cofactor::Device> : fmt::formatter<fmt::string_view> {
  fmt::format_context::iterator format(const cofactor::Device& value, fmt::format_context& context) const;
};
