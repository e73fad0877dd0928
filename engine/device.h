// Devices, and the backends that compute on them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"

namespace cofactor {

class Backend;

enum class Device { reference, cpu, cuda };

// The device of tensors that the host reads and writes: files, checkpoints, tables. Its kernels are the reference
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

// The backend of a device, made on first use. Throws Error where this build or this machine has no such device; there
// is no silent fallback. Thread-safe.
Backend& backend_of(Device device);

// The devices that this build supports and this machine has, `reference` first.
std::vector<Device> available_devices();

// Parses "reference", "cpu", "cuda", or "auto": the GPU where there is one, else the cpu backend, else the reference.
// Throws Error for any other name, and for a device that is not available.
Device parse_device(std::string_view name);

// What the cpu backend's kernels are compiled for: "native" (the machine that built this), or the best of "x86-64-v3"
// and "x86-64-v4" (AVX-512) that this processor runs; "none" without a cpu backend. The environment variable
// COFACTOR_CPU_VARIANT names another. Throws Error where this build lacks that one, or the processor does not run it.
std::string_view cpu_variant();

// The number of threads that the host's kernels divide their work among, for the whole process: OMP_NUM_THREADS where
// it is set, else the number of cores, until it is set here. Results are bitwise repeatable for a given number; another
// number may change the order of sums. No more threads run at once than there are cores. set_num_threads throws Error
// below 1. Without a cpu backend the number is 1 and setting it has no effect: the reference backend uses one thread.
int num_threads();
void set_num_threads(int threads);

}  // namespace cofactor

template <>
struct fmt::formatter<cofactor::Device> : fmt::formatter<fmt::string_view> {
  fmt::format_context::iterator format(const cofactor::Device& value, fmt::format_context& context) const;
};
