// Devices, and the backends that compute on them.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "engine/error.h"

namespace cofactor {

class Backend;

enum class DeviceKind { reference, cpu, cuda };

constexpr std::string_view name_of(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::reference: return "reference";
    case DeviceKind::cpu: return "cpu";
    case DeviceKind::cuda: return "cuda";
  }
  return "?";
}

// Where a tensor lies and its kernels run: a kind, and an index among the devices of that kind. There is one reference
// and one cpu; a machine may have several GPUs.
class Device {
 public:
  static const Device reference, cpu, cuda;  // cuda: the first GPU
  // The GPU with an index from 0, in the order of the driver and of CUDA_VISIBLE_DEVICES. Throws Error below 0.
  static Device cuda_at(int index) {
    check(index >= 0, "device cuda:{}: GPUs are counted from 0", index);
    return {DeviceKind::cuda, index};
  }

  constexpr DeviceKind kind() const { return kind_; }
  constexpr int index() const { return index_; }
  friend constexpr auto operator<=>(const Device&, const Device&) = default;

 private:
  constexpr Device(DeviceKind kind, int index) : kind_(kind), index_(index) {}

  DeviceKind kind_;
  int index_;
};

inline constexpr Device Device::reference{DeviceKind::reference, 0};
inline constexpr Device Device::cpu{DeviceKind::cpu, 0};
inline constexpr Device Device::cuda{DeviceKind::cuda, 0};

// The device of tensors that the host reads and writes: files, checkpoints, tables. Its kernels are the reference
// backend's.
inline constexpr Device kHost = Device::reference;

// "reference", "cpu", "cuda" for the first GPU, "cuda:1" for the second.
std::string name_of(Device device);

// The backend of a device, made on first use. Throws Error where this build or this machine has no such device; there
// is no silent fallback. Thread-safe.
Backend& backend_of(Device device);

// The devices that this build supports and this machine has: `reference`, then `cpu`, then every GPU by its index.
std::vector<Device> available_devices();

// The first GPU where its backend can be made, else the cpu, else the reference. Where the machine has NVIDIA's driver,
// and the GPU cannot be used all the same, the first call says why on stderr, in one line.
Device default_device();

// Parses "reference", "cpu", "cuda" (the first GPU), "cuda:N" (the GPU with index N), or "auto": default_device().
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
