// NCCL itself behind NcclCalls.
#include <nccl.h>

#include <cstring>

#include "engine/distributed/nccl_calls.h"
#include "engine/error.h"

namespace cofactor {

namespace {

// All that moves is bytes: NCCL adds nothing up.
constexpr ncclDataType_t kBytes = ncclUint8;

class Nccl : public NcclCalls {
 public:
  std::string version() override {
    int code = 0;  // since 2.9: major * 10000 + minor * 100 + patch
    check(ncclGetVersion(&code) == ncclSuccess, "NCCL: ncclGetVersion has failed");
    return fmt::format("{}.{}.{}", code / 10000, code / 100 % 100, code % 100);
  }

  Result make_id(Id& id) override {
    ncclUniqueId made{};
    static_assert(sizeof(made.internal) == sizeof(Id));
    const Result result = result_of(ncclGetUniqueId(&made));
    std::memcpy(id.data(), made.internal, id.size());
    return result;
  }

  Result init(int ranks, const Id& id, int rank) override {
    rank_ = rank;
    ncclUniqueId shared{};
    std::memcpy(shared.internal, id.data(), id.size());
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;  // else a call waits for ever for a rank that does not come
    return result_of(ncclCommInitRankConfig(&comm_, ranks, shared, rank, &config));
  }

  Result poll() override {
    ncclResult_t state = ncclSuccess;
    const ncclResult_t asked = ncclCommGetAsyncError(comm_, &state);
    return result_of(asked == ncclSuccess ? state : asked);
  }

  Result group_start() override { return result_of(ncclGroupStart()); }
  Result group_end() override { return result_of(ncclGroupEnd()); }
  Result send(const void* data, size_t bytes, int to, void* stream) override {
    return result_of(ncclSend(data, bytes, kBytes, to, comm_, stream_of(stream)));
  }
  Result receive(void* data, size_t bytes, int from, void* stream) override {
    return result_of(ncclRecv(data, bytes, kBytes, from, comm_, stream_of(stream)));
  }
  Result broadcast(void* data, size_t bytes, int root, void* stream) override {
    return result_of(ncclBroadcast(data, data, bytes, kBytes, root, comm_, stream_of(stream)));
  }
  // In place: the rank's own part lies where it belongs.
  Result all_gather(void* data, size_t bytes_of_each, void* stream) override {
    const void* own = static_cast<const std::byte*>(data) + static_cast<size_t>(rank_) * bytes_of_each;
    return result_of(ncclAllGather(own, data, bytes_of_each, kBytes, comm_, stream_of(stream)));
  }

  Result finalize() override { return result_of(ncclCommFinalize(comm_)); }
  Result destroy() override {
    const Result result = result_of(ncclCommDestroy(comm_));
    comm_ = nullptr;
    return result;
  }
  void abort() override {
    if (comm_) ncclCommAbort(comm_);
    comm_ = nullptr;
  }

 private:
  static cudaStream_t stream_of(void* stream) { return static_cast<cudaStream_t>(stream); }

  Result result_of(ncclResult_t code) const {
    if (code == ncclSuccess) return {};
    if (code == ncclInProgress) return {.status = Status::in_progress};
    const char* last = ncclGetLastError(comm_);
    std::string text = ncclGetErrorString(code);
    if (last && *last) text += fmt::format(": {}", last);
    return {.status = Status::failed, .text = std::move(text)};
  }

  ncclComm_t comm_ = nullptr;
  int rank_ = 0;
};

}  // namespace

}  // namespace cofactor

const cofactor::NcclModule cofactor_nccl_module = {
    []() -> std::unique_ptr<cofactor::NcclCalls> { return std::make_unique<cofactor::Nccl>(); },
};
