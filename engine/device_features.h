// What a device can do beside running kernels: precisions, memory of its own, copies and sums beside its work, recorded
// steps.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/captured_step.h"
#include "engine/device.h"
#include "engine/device_clock.h"
#include "engine/device_queue.h"
#include "engine/upload.h"

namespace cofactor {

// The defaults are those of the host.
class DeviceFeatures {
 public:
  virtual ~DeviceFeatures() = default;

  // Whether f32 convolutions and products may round their inputs to TF32 (10 bits of mantissa). Off at first. Throws
  // Error where the device has no such mode.
  virtual void set_allow_tf32(bool allow) = 0;

  // Throws Error, which says what is missing, where the device does not compute in bf16.
  virtual void check_bf16() const {}
  // Why bf16 saves no time on this device: a clause without a full stop. Empty where it does save time.
  virtual std::string bf16_note() const { return {}; }

  // The free bytes of a device with its own memory; nothing where it uses the host's.
  virtual std::optional<size_t> free_memory() const { return std::nullopt; }
  // The bytes of such a device that are in use, by this process and all others.
  virtual std::optional<size_t> used_memory() const { return std::nullopt; }

  // Memory for `bytes` values that the host fills and the device copies (engine/upload.h). Called by any thread. On a
  // device that uses the host's memory, the host fills the tensor's own memory. Throws OutOfMemory.
  virtual std::unique_ptr<Upload> upload(size_t bytes) = 0;

  // A clock of the device's own, where kernels run beside the host; null where a kernel is done when its call returns.
  virtual std::unique_ptr<DeviceClock> clock() { return nullptr; }

  // A queue beside that of the kernels; null where a kernel is done when its call returns.
  virtual std::unique_ptr<DeviceQueue> queue() { return nullptr; }

  // What tells the device from every other one, on whatever machine: a GPU's UUID. Empty where processes share it.
  virtual std::string unique_id() const { return {}; }

  // Records one training step, to be replayed as a whole. Calls `step`, whose kernels are recorded and do not run;
  // returns null, without a call, where the device cannot record. Within `step` nothing may wait for the device or copy
  // from the host; memory that it allocates stays reserved for the result. Each draw's RandomKey::step and the
  // optimizer's rate and count of updates become StepValues. Throws Error where a kernel cannot be recorded; then
  // nothing has run.
  virtual std::unique_ptr<CapturedStep> capture(const std::function<void()>& step) {
    (void)step;
    return nullptr;
  }
};

// The features of a device. Throws Error where this build or this machine has no such device.
DeviceFeatures& features_of(Device device);

}  // namespace cofactor
