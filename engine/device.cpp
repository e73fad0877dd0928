#include "engine/device.h"

#include <charconv>

namespace cofactor {

namespace {

constexpr std::string_view kGpu = "cuda:";

// The N of "cuda:N", as name_of and the driver write it; -1 for anything else.
int gpu_index(std::string_view name) {
  if (!name.starts_with(kGpu)) return -1;
  const std::string_view digits = name.substr(kGpu.size());
  int index = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  return whole && digits == std::to_string(index) ? index : -1;  // no "01"
}

Device device_named(std::string_view name) {
  for (const Device device : {Device::reference, Device::cpu, Device::cuda})
    if (name == name_of(device.kind())) return device;
  const int index = gpu_index(name);
  check(index >= 0,
        "device: '{}' is unknown, expected auto, cpu, reference, cuda, or cuda:N for the GPU number N, from 0", name);
  return Device::cuda_at(index);
}

}  // namespace

std::string name_of(Device device) {
  std::string name(name_of(device.kind()));
  if (device.index() > 0) name += ":" + std::to_string(device.index());
  return name;
}

Device parse_device(std::string_view name) {
  if (name == "auto") return default_device();
  const Device device = device_named(name);
  backend_of(device);  // an Error where it is not available
  return device;
}

}  // namespace cofactor
