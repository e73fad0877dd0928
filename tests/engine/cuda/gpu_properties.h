// GPUs by their properties, as cuDNN writes them in JSON (CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION), so that it plans
// for them where there are none.
#pragma once

#include <array>
#include <string>

namespace cofactor::testing {

struct DescribedGpu {
  std::string name;
  std::string properties;
};

// NVIDIA's published figures: "NVIDIA H100 Tensor Core GPU Architecture" and "NVIDIA A100 Tensor Core GPU Architecture"
// (SXM modules with 80 GB), and the limits per compute capability in the CUDA C++ Programming Guide.
inline const std::array<DescribedGpu, 2>& described_gpus() {
  static const std::array<DescribedGpu, 2> gpus{{
      {"H100", R"({
         "cudaDeviceId": 0, "deviceName": "NVIDIA H100 80GB HBM3", "deviceVer": 900, "driverVer": 13000,
         "isTccDriver": 0, "l2CacheSize": 52428800, "maxCtasPerSM": 32, "maxGridSize": [2147483647, 65535, 65535],
         "maxBlockSize": [1024, 1024, 64], "maxRegistersPerSM": 65536, "maxSharedMemoryPerBlock": 49152,
         "maxSharedMemoryPerBlockOptin": 232448, "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048,
         "memClockRateKHz": 2619000, "multiProcessorCount": 132, "pciDeviceId": 9008, "regsPerBlock": 65536,
         "reservedSharedMemoryPerBlock": 1024, "smClockRateKHz": 1980000, "supportCoopLaunch": 1,
         "totalGlobalMem": 85017493504, "warpSize": 32})"},
      {"A100", R"({
         "cudaDeviceId": 0, "deviceName": "NVIDIA A100-SXM4-80GB", "deviceVer": 800, "driverVer": 13000,
         "isTccDriver": 0, "l2CacheSize": 41943040, "maxCtasPerSM": 32, "maxGridSize": [2147483647, 65535, 65535],
         "maxBlockSize": [1024, 1024, 64], "maxRegistersPerSM": 65536, "maxSharedMemoryPerBlock": 49152,
         "maxSharedMemoryPerBlockOptin": 166912, "maxThreadsPerBlock": 1024, "maxThreadsPerSM": 2048,
         "memClockRateKHz": 1593000, "multiProcessorCount": 108, "pciDeviceId": 8370, "regsPerBlock": 65536,
         "reservedSharedMemoryPerBlock": 1024, "smClockRateKHz": 1410000, "supportCoopLaunch": 1,
         "totalGlobalMem": 85899345920, "warpSize": 32})"},
  }};
  return gpus;
}

}  // namespace cofactor::testing
