// The calls of NCCL that sums are made of. NCCL itself is behind them in the module `nccl`; tests have an own
// implementation of them between threads, so that everything above runs without a GPU.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>

namespace cofactor {

// One communicator of NCCL, of this rank, in its non-blocking mode: after a call that ends with `in_progress` nothing
// but poll() and abort() may be called until poll() ends with `done`. Each function calls the one of NCCL that its
// comment names. Streams are as DeviceQueue::handle gives them; sizes are in bytes.
class NcclCalls {
 public:
  enum class Status { done, in_progress, failed };
  struct Result {
    Status status = Status::done;
    std::string text{};  // of `failed`: what NCCL says
  };
  using Id = std::array<std::byte, 128>;

  virtual ~NcclCalls() = default;

  virtual std::string version() = 0;                           // ncclGetVersion: "2.28.9"
  virtual Result make_id(Id& id) = 0;                          // ncclGetUniqueId; by one rank, for all
  virtual Result init(int ranks, const Id& id, int rank) = 0;  // ncclCommInitRankConfig, on the current device
  virtual Result poll() = 0;                                   // ncclCommGetAsyncError
  virtual Result group_start() = 0;                            // ncclGroupStart
  virtual Result group_end() = 0;                              // ncclGroupEnd
  virtual Result send(const void* data, size_t bytes, int to, void* stream) = 0;   // ncclSend
  virtual Result receive(void* data, size_t bytes, int from, void* stream) = 0;    // ncclRecv
  virtual Result broadcast(void* data, size_t bytes, int root, void* stream) = 0;  // ncclBroadcast, in place
  virtual Result all_gather(void* data, size_t bytes_of_each, void* stream) = 0;   // ncclAllGather, in place
  virtual Result finalize() = 0;                                                   // ncclCommFinalize
  virtual Result destroy() = 0;                                                    // ncclCommDestroy, after finalize
  virtual void abort() = 0;                                                        // ncclCommAbort
};

// The module's object (engine/module_file.h).
struct NcclModule {
  std::unique_ptr<NcclCalls> (*make)();
};

}  // namespace cofactor

extern "C" const cofactor::NcclModule cofactor_nccl_module;
