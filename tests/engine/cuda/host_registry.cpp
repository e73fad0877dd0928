// Takes the place of engine/backends/registry.cpp in the tests of the cuda kernels: "cuda" is those kernels on the
// host. COFACTOR_TEST_GROUP_SIZE sets the threads of a group (default 1).
#include <cstdlib>

#include "engine/device.h"
#include "tests/engine/cuda/cuda_device.h"
#include "tests/engine/cuda/host_kernels_backend.h"

namespace cofactor {

namespace {

int group_size() {
  const char* text = std::getenv("COFACTOR_TEST_GROUP_SIZE");
  return text ? std::atoi(text) : 1;
}

}  // namespace

Backend& backend_of(Device device) {
  static Backend& reference = *new ReferenceBackend;
  static Backend& cuda = *new testing::HostKernelsBackend(group_size());
  check(device != Device::cpu, "device cpu: not in this test");
  return device == Device::cuda ? cuda : reference;
}

std::vector<Device> available_devices() {
  return {Device::reference, Device::cuda};
}

std::string_view cpu_variant() {
  return "none";
}

int num_threads() {
  return 1;
}

void set_num_threads(int) {}

Device parse_device(std::string_view name) {
  return name == "cuda" ? Device::cuda : Device::reference;
}

namespace testing {

int64_t busy_extent() {
  return 8;
}

struct ScarceMemory::Impl {
  HostKernelsBackend& backend = dynamic_cast<HostKernelsBackend&>(backend_of(Device::cuda));
  size_t before = backend.arena_bytes;
};

ScarceMemory::ScarceMemory(size_t bytes) : impl_(std::make_unique<Impl>()) {
  impl_->backend.arena_bytes = bytes;
}

ScarceMemory::~ScarceMemory() {
  impl_->backend.arena_bytes = impl_->before;
}

}  // namespace testing

}  // namespace cofactor
