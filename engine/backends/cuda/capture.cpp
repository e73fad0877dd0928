// A step as a CUDA graph: recorded from the stream, replayed with one call.
#include <utility>

#include "engine/backends/cuda/context.h"

namespace cofactor {

using cuda::check_cuda;

namespace {

using Graph = cuda::Owned<cudaGraph_t, cudaGraphDestroy>;
using GraphExec = cuda::Owned<cudaGraphExec_t, cudaGraphExecDestroy>;

class CudaStep : public CapturedStep {
 public:
  CudaStep(cuda::Gpu gpu, GraphExec exec, CapturePools::Arena arena, Tensor values, cudaStream_t stream,
           MemoryPool& pinned)
      : gpu_(gpu),
        arena_(std::move(arena)),
        values_(std::move(values)),
        stream_(stream),
        pinned_(pinned),
        exec_(std::move(exec)) {
    for (Slot& slot : slots_) {
      slot.data = pinned_.allocate(sizeof(StepValues));
      slot.copied = cuda::make_event();
    }
  }
  ~CudaStep() override {
    gpu_.try_make_current();
    cudaStreamSynchronize(stream_);  // a replay may still run in the arena
    for (Slot& slot : slots_) pinned_.deallocate(slot.data, sizeof(StepValues));
  }
  CudaStep(const CudaStep&) = delete;
  CudaStep& operator=(const CudaStep&) = delete;

  // The host runs ahead of the device by as many steps as there are slots, then waits for the oldest.
  void replay(const StepValues& values) override {
    gpu_.make_current();
    Slot& slot = slots_[next_++ % slots_.size()];
    check_cuda(cudaEventSynchronize(slot.copied.get()), "cudaEventSynchronize");
    *static_cast<StepValues*>(slot.data) = values;
    check_cuda(cudaMemcpyAsync(values_.raw_data(), slot.data, sizeof(StepValues), cudaMemcpyHostToDevice, stream_),
               "cudaMemcpyAsync of a step's values");
    check_cuda(cudaEventRecord(slot.copied.get(), stream_), "cudaEventRecord");
    check_cuda(cudaGraphLaunch(exec_.get(), stream_), "cudaGraphLaunch");
  }

 private:
  // Page-locked values of one replay, and when the device has read them.
  struct Slot {
    void* data = nullptr;
    cuda::Event copied;
  };

  const cuda::Gpu gpu_;
  CapturePools::Arena arena_;  // what the recorded kernels work in
  Tensor values_;              // StepValues on the device
  cudaStream_t stream_;
  MemoryPool& pinned_;
  std::array<Slot, 8> slots_;
  size_t next_ = 0;
  GraphExec exec_;
};

}  // namespace

std::unique_ptr<CapturedStep> CudaBackend::capture(const std::function<void()>& step) {
  Context& context = *context_;
  const Tensor values = scratch_memory(sizeof(StepValues));
  const std::scoped_lock no_copies(context.copying);
  const CapturePools::Arena arena = context.device.begin();
  context.step_values = static_cast<const StepValues*>(values.raw_data());
  context.recorder = std::this_thread::get_id();
  const auto stop = [&] {
    context.recorder = std::thread::id();
    context.step_values = nullptr;
    context.device.end();
  };
  cudaGraph_t recorded = nullptr;
  try {
    check_cuda(cudaStreamBeginCapture(context.stream.get(), cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
    step();
    context.gpu.make_current();  // the step may have used another GPU
  } catch (...) {
    context.gpu.try_make_current();
    cudaStreamEndCapture(context.stream.get(), &recorded);
    const Graph discarded(recorded);
    cudaGetLastError();
    stop();
    throw;
  }
  const cudaError_t ended = cudaStreamEndCapture(context.stream.get(), &recorded);
  const Graph graph(recorded);
  stop();
  check_cuda(ended, "cudaStreamEndCapture");
  cudaGraphExec_t exec = nullptr;
  check_cuda(cudaGraphInstantiate(&exec, graph.get(), 0), "cudaGraphInstantiate");
  return std::make_unique<CudaStep>(context.gpu, GraphExec(exec), arena, values, context.stream.get(), context.pinned);
}

}  // namespace cofactor
