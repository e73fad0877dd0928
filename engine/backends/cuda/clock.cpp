// The GPU's clock: events on the stream that kernels are queued on.
#include "engine/backends/cuda/context.h"

namespace cofactor {

using cuda::check_cuda;

namespace {

class CudaClock : public DeviceClock {
 public:
  CudaClock(cuda::Gpu gpu, cudaStream_t stream) : gpu_(gpu), stream_(stream) {}
  ~CudaClock() override { gpu_.try_make_current(); }
  CudaClock(const CudaClock&) = delete;
  CudaClock& operator=(const CudaClock&) = delete;

  size_t mark() override {
    gpu_.make_current();
    events_.push_back(cuda::make_event(cudaEventDefault));
    check_cuda(cudaEventRecord(events_.back().get(), stream_), "cudaEventRecord");
    return events_.size() - 1;
  }

  std::vector<double> times() override {
    gpu_.make_current();
    std::vector<double> seconds;
    for (const cuda::Event& event : events_) {
      check_cuda(cudaEventSynchronize(event.get()), "cudaEventSynchronize");
      float milliseconds = 0.0f;
      check_cuda(cudaEventElapsedTime(&milliseconds, events_.front().get(), event.get()), "cudaEventElapsedTime");
      seconds.push_back(1e-3 * static_cast<double>(milliseconds));
    }
    return seconds;
  }

 private:
  const cuda::Gpu gpu_;
  cudaStream_t stream_;
  std::vector<cuda::Event> events_;
};

}  // namespace

std::unique_ptr<DeviceClock> CudaBackend::clock() {
  return std::make_unique<CudaClock>(context_->gpu, context_->stream.get());
}

}  // namespace cofactor
