// A step as a CUDA graph: recorded from the stream, replayed with one call.
#include <array>
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
           MemoryPool& pinned, RecordingGate& gate)
      : gpu_(gpu),
        arena_(std::move(arena)),
        values_(std::move(values)),
        stream_(stream),
        pinned_(pinned),
        gate_(gate),
        exec_(std::move(exec)) {
    for (Slot& slot : slots_) {
      slot.data = pinned_.allocate(sizeof(StepValues));
      slot.done = cuda::make_event();
    }
  }
  // A replay may still run in the arena.
  ~CudaStep() override {
    gpu_.try_make_current();
    for (Slot& slot : slots_) {
      if (slot.done) cudaEventSynchronize(slot.done.get());
      if (slot.data) pinned_.deallocate(slot.data, sizeof(StepValues));
    }
  }
  CudaStep(const CudaStep&) = delete;
  CudaStep& operator=(const CudaStep&) = delete;

  // One copy and one launch. The host runs ahead of the device by as many steps as there are slots, then waits for the
  // oldest.
  void replay(const StepValues& values) override {
    gate_.refuse("a replay");
    gpu_.make_current();
    Slot& slot = slots_[next_++ % slots_.size()];
    check_cuda(cudaEventSynchronize(slot.done.get()), "cudaEventSynchronize");
    *static_cast<StepValues*>(slot.data) = values;
    check_cuda(cudaMemcpyAsync(values_.raw_data(), slot.data, sizeof(StepValues), cudaMemcpyHostToDevice, stream_),
               "cudaMemcpyAsync of a step's values");
    check_cuda(cudaGraphLaunch(exec_.get(), stream_), "cudaGraphLaunch");
    check_cuda(cudaEventRecord(slot.done.get(), stream_), "cudaEventRecord");
  }

 private:
  // Page-locked values of one replay, and when that is over.
  struct Slot {
    void* data = nullptr;
    cuda::Event done;
  };

  const cuda::Gpu gpu_;
  CapturePools::Arena arena_;  // what the recorded kernels work in
  Tensor values_;              // StepValues on the device
  cudaStream_t stream_;
  MemoryPool& pinned_;
  RecordingGate& gate_;
  std::array<Slot, 8> slots_;
  size_t next_ = 0;
  GraphExec exec_;
};

// The graph of what `step` queues on the GPU's stream.
Graph record(cuda::Gpu gpu, cudaStream_t stream, const std::function<void()>& step) {
  cudaGraph_t recorded = nullptr;
  try {
    check_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
    step();
    gpu.make_current();  // the step may have used another GPU
  } catch (...) {
    gpu.try_make_current();
    cudaStreamEndCapture(stream, &recorded);
    const Graph discarded(recorded);
    cudaGetLastError();
    throw;
  }
  const cudaError_t ended = cudaStreamEndCapture(stream, &recorded);
  Graph graph(recorded);
  check_cuda(ended, "cudaStreamEndCapture");
  return graph;
}

}  // namespace

std::unique_ptr<CapturedStep> CudaBackend::capture(const std::function<void()>& step) {
  Context& context = *context_;
  context.device.gate().refuse("another recording");
  const Tensor values = scratch_memory(sizeof(StepValues));
  CapturePools::Arena arena;
  Graph graph;
  {
    const CapturePools::Recording recording(context.device);
    arena = recording.arena();
    context.step_values = static_cast<const StepValues*>(values.raw_data());
    struct Reset {
      Context& context;
      ~Reset() { context.step_values = nullptr; }
    };
    const Reset reset{context};
    graph = record(context.gpu, context.stream.get(), step);
  }
  cudaGraphExec_t made = nullptr;
  check_cuda(cudaGraphInstantiate(&made, graph.get(), 0), "cudaGraphInstantiate");
  GraphExec exec(made);
  // What the graph itself takes of the device's memory is taken here, where it can still be refused.
  check_cuda(cudaGraphUpload(exec.get(), context.stream.get()), "cudaGraphUpload");
  return std::make_unique<CudaStep>(context.gpu, std::move(exec), std::move(arena), values, context.stream.get(),
                                    context.staging.pool(), context.device.gate());
}

}  // namespace cofactor
