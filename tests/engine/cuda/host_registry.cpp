// Takes the place of engine/backends/registry.cpp in the tests of the cuda kernels: a machine with two GPUs, "cuda" and
// "cuda:1", which are those kernels on the host. COFACTOR_TEST_GROUP_SIZE sets the threads of a group (default 1).
#include <cstdlib>

#include "engine/backends/gpus.h"
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
  static Gpus& gpus =
      *new Gpus(2, [](int index) { return new testing::HostKernelsBackend(Device::cuda_at(index), group_size()); });
  check(device != Device::cpu, "device cpu: not in this test");
  return device == Device::reference ? reference : gpus.at(device.index());
}

std::vector<Device> available_devices() {
  return {Device::reference, Device::cuda, Device::cuda_at(1)};
}

Device default_device() {
  return Device::cuda;
}

std::string_view cpu_variant() {
  return "none";
}

int num_threads() {
  return 1;
}

void set_num_threads(int) {}

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
