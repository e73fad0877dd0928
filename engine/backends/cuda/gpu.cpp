#include "engine/backends/cuda/gpu.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <string>

namespace cofactor::cuda {

namespace {

// "13.0" of 13000
std::string cuda_version(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

// "9.19.0" of 91900
std::string cudnn_version(size_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

std::string about_driver() {
  int driver = 0, runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) return "the library libcuda.so.1 that the loader finds is not that of a working NVIDIA driver";
  return fmt::format("the NVIDIA driver serves CUDA up to {}, and this build uses CUDA {}: install a newer driver",
                     cuda_version(driver), cuda_version(runtime));
}

std::string about_no_gpu() {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (!visible) return "the NVIDIA driver finds no GPU on this machine (nvidia-smi lists those that it finds)";
  if (std::string_view(visible).empty()) return "CUDA_VISIBLE_DEVICES is empty, which hides every GPU";
  return fmt::format("the NVIDIA driver finds no GPU among those of CUDA_VISIBLE_DEVICES={}", visible);
}

// What the error of a call that opens CUDA or a GPU means, and what to do; empty where its own text says it best.
std::string meaning(cudaError_t status) {
  switch (status) {
    case cudaErrorInsufficientDriver: return about_driver();
    case cudaErrorNoDevice: return about_no_gpu();
    case cudaErrorStubLibrary:
      return "the loader finds the CUDA Toolkit's stub of libcuda.so.1 before the NVIDIA driver's library: take the "
             "folder \"stubs\" out of LD_LIBRARY_PATH";
    case cudaErrorSystemDriverMismatch:
      return "the NVIDIA driver's library and its kernel module have different versions: restart the machine, as after "
             "every update of the driver";
    case cudaErrorSystemNotReady:
      return "the machine's GPUs are not ready; where NVSwitch connects them, the service nvidia-fabricmanager must "
             "run";
    case cudaErrorCompatNotSupportedOnDevice:
      return "CUDA's forward compatibility (cuda-compat) does not serve this GPU: install a newer driver instead";
    case cudaErrorDevicesUnavailable:
      return "it is used by another process alone, or its compute mode forbids use (nvidia-smi -q -d COMPUTE shows the "
             "mode)";
    case cudaErrorInitializationError:
    case cudaErrorUnknown:
      return "the NVIDIA driver does not start, perhaps since its kernel modules are not loaded: nvidia-smi shows "
             "whether it works";
    case cudaErrorMemoryAllocation: return "its memory is full: nvidia-smi shows which processes use it";
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
      return "this build has no kernels for it, only for the architectures " COFACTOR_CUDA_ARCHITECTURES
             ": configure again with its own in CMAKE_CUDA_ARCHITECTURES";
    case cudaErrorUnsupportedPtxVersion:
      return "the NVIDIA driver is too old to compile this build's kernels for it: install a newer driver, or "
             "configure again with its architecture in CMAKE_CUDA_ARCHITECTURES";
    default: return "";
  }
}

// The Error names the device, the cause, and the call with CUDA's own name for its status.
void check_opened(cudaError_t status, std::string_view device, std::string_view call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  const std::string known = meaning(status);
  fail("device {}: {} ({}: {})", device, known.empty() ? cudaGetErrorString(status) : known, call,
       cudaGetErrorName(status));
}

// The file that holds cuDNN, as the loader names it.
std::string cudnn_file() {
  Dl_info info;
  const bool known = dladdr(reinterpret_cast<const void*>(&cudnnGetVersion), &info) != 0 && info.dli_fname;
  return known ? info.dli_fname : "libcudnn.so.9";
}

// Any version of the same major one serves, an older one too: all that is called of cuDNN is in the first, and engines
// are chosen by what the library itself lists.
void check_cudnn_version(std::string_view device) {
  const size_t found = cudnnGetVersion();
  check(found / 10000 == CUDNN_MAJOR,
        "device {}: {} is cuDNN {}, and this build needs cuDNN {}: install it, or put its folder first in "
        "LD_LIBRARY_PATH",
        device, cudnn_file(), cudnn_version(found), CUDNN_MAJOR);
}

}  // namespace

int count_gpus() {
  int count = 0;
  check_opened(cudaGetDeviceCount(&count), "cuda", "cudaGetDeviceCount");
  if (count == 0) check_opened(cudaErrorNoDevice, "cuda", "cudaGetDeviceCount");
  check_cudnn_version("cuda");
  return count;
}

void Gpu::open() const {
  const std::string name = name_of(device());
  check_opened(cudaSetDevice(index_), name, "cudaSetDevice");
  check_opened(cudaFree(nullptr), name, "cudaFree");  // the first call that needs the GPU's context makes it
  if (const cudaError_t probed = probe_kernels(); probed != cudaSuccess) {
    cudaDeviceProp properties{};
    cudaGetDeviceProperties(&properties, index_);
    const std::string described =
        fmt::format("{} ({}, compute capability {}.{})", name, properties.name,
                    attribute(cudaDevAttrComputeCapabilityMajor), attribute(cudaDevAttrComputeCapabilityMinor));
    check_opened(probed, described, "cudaFuncGetAttributes");
  }
  check(attribute(cudaDevAttrMemoryPoolsSupported) != 0,
        "device {}: this GPU has no stream-ordered memory (cudaMallocAsync), which a virtual GPU may lack", name);
}

Gpu::Memory Gpu::memory() const {
  make_current();
  Memory memory{};
  check_cuda(cudaMemGetInfo(&memory.free, &memory.total), "cudaMemGetInfo");
  return memory;
}

int Gpu::attribute(cudaDeviceAttr name) const {
  int value = 0;
  check_cuda(cudaDeviceGetAttribute(&value, name, index_), "cudaDeviceGetAttribute");
  return value;
}

}  // namespace cofactor::cuda
