// Takes the place of engine/backends/registry.cpp in the tests of plans: there is one device, and it records.
#include "tests/engine/cuda/conv_recorder.h"

namespace cofactor {

testing::ConvRecorder& testing::conv_recorder() {
  static ConvRecorder& recorder = *new ConvRecorder;
  return recorder;
}

Backend& backend_of(Device device) {
  check(device == Device::reference, "device {}: not in this test", device);
  return testing::conv_recorder();
}

std::vector<Device> available_devices() {
  return {Device::reference};
}

Device default_device() {
  return Device::reference;
}

std::string_view cpu_variant() {
  return "none";
}

int num_threads() {
  return 1;
}

void set_num_threads(int) {}

}  // namespace cofactor
