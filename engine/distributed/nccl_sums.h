// Sums over ranks by NCCL, in the order of the ranks.
//
// NCCL's own reduction has an order that depends on its algorithm, and so on the size, the machine and the version. So
// NCCL only moves bytes here. As in message_communicator.h every rank owns a part of the elements. In a first group of
// calls it receives that part from all others; a kernel adds the terms up; a second group gathers the parts on all
// ranks. Per rank that is 2 (n - 1) / n of the bytes, as much as a ring sends. The result has the bits of the sum on
// the host, whoever owns an element.
#pragma once

#include <memory>
#include <string>

#include "engine/device_queue.h"
#include "engine/distributed/device_sums.h"
#include "engine/distributed/nccl_calls.h"

namespace cofactor {

class NcclSums : public DeviceSums {
 public:
  // Called by all ranks: starts NCCL with an id that rank 0 makes and `ranks` broadcasts, and waits until all have
  // come, with the deadline of `ranks`. Throws Error as Communicator does.
  NcclSums(Communicator& ranks, Device device, std::unique_ptr<DeviceQueue> queue, std::unique_ptr<NcclCalls> calls);
  ~NcclSums() override;

  Device device() const override { return device_; }
  std::string name() const override { return "NCCL " + calls_->version(); }
  std::unique_ptr<PendingSum> start(const Tensor& values) override;
  void close(bool in_order) override;

 private:
  struct Sum;
  class Pending;
  using Result = NcclCalls::Result;

  void start_nccl();
  void check_call(const Result& result, std::string_view function, const std::string& operation) const;
  bool idle(const std::string& operation);
  // Calls `queue` within a group.
  template <class F>
  void group(const std::string& operation, F&& queue);
  bool enqueue(Sum& sum);
  void prepare(Sum& sum);
  void exchange_terms(Sum& sum);
  void gather_parts(Sum& sum);
  template <class F>
  void wait_for(F&& done, const std::string& operation);
  void abort();

  Communicator& ranks_;
  const Device device_;
  const std::unique_ptr<DeviceQueue> queue_;
  const std::unique_ptr<NcclCalls> calls_;
  enum class State { fresh, open, ended } state_ = State::fresh;
};

}  // namespace cofactor
