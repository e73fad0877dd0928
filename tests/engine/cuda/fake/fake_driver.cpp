// A driver whose every call fails, for CUDA's own runtime: cuInit returns FAKE_cuInit, and the driver serves the CUDA
// version FAKE_DRIVER.
#include <cstring>

#include "tests/engine/cuda/fake/fake_cuda.h"

namespace {

int other() {
  constexpr int kUnknown = 999;
  return kUnknown;
}

}  // namespace

extern "C" {

int cuInit(unsigned) {
  return fake::asked_status("cuInit");
}
int cuDriverGetVersion(int* version) {
  *version = fake::number("FAKE_DRIVER", 99000);
  return fake::kSuccess;
}
int cuGetProcAddress_v2(const char* symbol, void** function, int, unsigned long long, int* status) {
  const auto is = [&](const char* name) { return std::strcmp(symbol, name) == 0; };
  *function = is("cuInit")               ? reinterpret_cast<void*>(&cuInit)
              : is("cuDriverGetVersion") ? reinterpret_cast<void*>(&cuDriverGetVersion)
              : is("cuGetProcAddress")   ? reinterpret_cast<void*>(&cuGetProcAddress_v2)
                                         : reinterpret_cast<void*>(&other);
  if (status) *status = 0;
  return fake::kSuccess;
}
int cuGetProcAddress(const char* symbol, void** function, int version, unsigned long long flags) {
  return cuGetProcAddress_v2(symbol, function, version, flags, nullptr);
}
}
