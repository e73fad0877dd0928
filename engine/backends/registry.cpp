// The one file that decides which backends exist in this build.
#include "engine/backends/reference/backend.h"
#include "engine/device.h"
#ifdef COFACTOR_HAS_CPU
#include "engine/backends/cpu/backend.h"
#endif
#ifdef COFACTOR_HAS_CUDA
#include "engine/backends/cuda/backend.h"
#endif

namespace cofactor {

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
      static Backend& cpu = *new CpuBackend;
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
      static Backend& cuda = *new CudaBackend;
      return cuda;
    }
#else
      fail(
          "device cuda: this build has no cuda backend; install the CUDA Toolkit and cuDNN 9, then configure again, "
          "which "
          "says what it finds");
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
  if (CudaBackend::unavailable().empty()) devices.push_back(Device::cuda);
#endif
  return devices;
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
