// Sums over ranks that are made in the devices' own memory, by NCCL. Without them a communicator sums the tensors of
// such a device through the host's memory, with the same bits (communicator.h).
#pragma once

#include <memory>
#include <string>

#include "engine/distributed/communicator.h"

namespace cofactor {

// Belongs to a communicator, which gives it the tensors of one device.
class DeviceSums {
 public:
  virtual ~DeviceSums() = default;
  virtual Device device() const = 0;
  // As "NCCL 2.28.9".
  virtual std::string name() const = 0;
  // Starts the sum of a tensor in f32, f64 or bf16, in place. Its work begins once the kernels queued before are done,
  // and runs beside those queued later. Throws Error as Communicator does.
  virtual std::unique_ptr<PendingSum> start(const Tensor& values) = 0;
  // Called once by the communicator, before anything else of it ends. In order all ranks call it; else what runs is
  // aborted. Throws Error where the others do not come.
  virtual void close(bool in_order) = 0;
};

// Has the communicator sum tensors of `device` by NCCL from now on. All ranks call it, each with the device that it
// uses (device_of_rank), and may not have started a sum. Where that is not possible on some rank, all go on through the
// host's memory. Says what is used: "NCCL 2.28.9", or "the host's memory: " and why. Throws Error where all ranks have
// NCCL and it fails.
std::string sum_on_devices(Communicator& ranks, Device device);

}  // namespace cofactor
