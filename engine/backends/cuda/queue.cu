// A stream beside that of the kernels, for sums over ranks: kernels/rank_terms.h launched on the GPU.
#include <fmt/format.h>

#include "engine/backends/cuda/context.h"
#include "engine/backends/cuda/device_launch.cuh"
#include "engine/backends/cuda/kernels/rank_terms.h"

namespace cofactor {

using cuda::check_cuda;

namespace {

class QueueMark : public DeviceQueue::Mark {
 public:
  QueueMark(cuda::Gpu gpu, cudaStream_t stream) : gpu_(gpu), event_(cuda::make_event()) {
    check_cuda(cudaEventRecord(event_.get(), stream), "cudaEventRecord");
  }
  ~QueueMark() override { gpu_.try_make_current(); }
  QueueMark(const QueueMark&) = delete;
  QueueMark& operator=(const QueueMark&) = delete;
  bool reached() override {
    gpu_.make_current();
    const cudaError_t status = cudaEventQuery(event_.get());
    if (status == cudaErrorNotReady) {
      cudaGetLastError();  // it is not an error
      return false;
    }
    check_cuda(status, "cudaEventQuery, of a sum over ranks");
    return true;
  }

 private:
  const cuda::Gpu gpu_;
  const cuda::Event event_;
};

class CudaQueue : public DeviceQueue {
 public:
  CudaQueue(cuda::Gpu gpu, cudaStream_t kernels, RecordingGate& gate) : gpu_(gpu), kernels_(kernels), gate_(gate) {}
  ~CudaQueue() override { gpu_.try_make_current(); }
  CudaQueue(const CudaQueue&) = delete;
  CudaQueue& operator=(const CudaQueue&) = delete;

  void* handle() override {
    gpu_.make_current();
    return stream_.get();
  }
  void after_kernels() override {
    gate_.refuse("a sum over ranks");
    gpu_.make_current();
    {
      const auto lock = gate_.enter();
      check_cuda(cudaEventRecord(queued_.get(), kernels_), "cudaEventRecord");
    }
    check_cuda(cudaStreamWaitEvent(stream_.get(), queued_.get(), 0), "cudaStreamWaitEvent");
  }
  void add_rank_terms(const RankTerms& terms) override {
    gpu_.make_current();
    const Shape shape{terms.count};
    cuda::add_rank_terms(cuda::DeviceLaunch(stream_.get(), "all_reduce", shape), terms);
  }
  std::unique_ptr<Mark> mark() override {
    gpu_.make_current();
    return std::make_unique<QueueMark>(gpu_, stream_.get());
  }

 private:
  const cuda::Gpu gpu_;
  const cudaStream_t kernels_;
  RecordingGate& gate_;
  const cuda::Stream stream_ = cuda::make_stream();
  const cuda::Event queued_ = cuda::make_event();
};

}  // namespace

std::unique_ptr<DeviceQueue> CudaBackend::queue() {
  Context& context = *context_;
  return std::make_unique<CudaQueue>(context.gpu, context.stream.get(), context.device.gate());
}

// As nvidia-smi writes it: 16 bytes, "GPU-" before them.
std::string CudaBackend::unique_id() const {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, context_->gpu.index()), "cudaGetDeviceProperties");
  std::string id = "GPU-";
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += fmt::format("{:02x}", static_cast<unsigned char>(properties.uuid.bytes[i]));
  }
  return id;
}

}  // namespace cofactor
