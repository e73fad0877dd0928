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

namespace {

// The one backend of a class, made on first use and never destroyed: tensors with static storage may outlive any order
// of destruction.
template <class T>
T& only() {
  static T& backend = *new T;
  return backend;
}

// The backend of a device as its kernels (Backend) or as what else it can do (DeviceFeatures).
template <class Interface>
Interface& interface_of(Device device) {
  switch (device) {
    case Device::reference: return only<ReferenceBackend>();
    case Device::cpu:
#ifdef COFACTOR_HAS_CPU
      return only<CpuBackend>();
#else
      fail(
          "device cpu: this build has no cpu backend; install oneDNN (libdnnl-dev) and LAPACKE (liblapacke-dev), "
          "then configure again");
#endif
    case Device::cuda:
#ifdef COFACTOR_HAS_CUDA
      return only<CudaBackend>();
#else
      fail(
          "device cuda: this build has no cuda backend; install the CUDA Toolkit and cuDNN 9, then configure again, "
          "which says what it finds");
#endif
  }
  fail("device: unknown");
}

}  // namespace

Backend& backend_of(Device device) {
  return interface_of<Backend>(device);
}

DeviceFeatures& features_of(Device device) {
  return interface_of<DeviceFeatures>(device);
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
  check(threads >= 1, "threads: {} is not a number of threads", threads);
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
  fail("device: '{}' is none of auto, cpu, cuda, reference", name);
}

}  // namespace cofactor
