// Optimizer steps: kernels/optimizers.h launched on the GPU.
#include "engine/backends/cuda/context.h"
#include "engine/backends/cuda/device_launch.cuh"
#include "engine/backends/cuda/kernels/optimizers.h"

namespace cofactor {

using cuda::DeviceLaunch;

void CudaBackend::sgd_step(std::span<const SgdSlot> slots, const SgdParams& params) {
  if (slots.empty()) return;
  cuda::sgd_step(DeviceLaunch(context_->stream.get(), "sgd_step", slots.front().param.shape()), slots, params,
                 context_->step_values);
}

void CudaBackend::adam_step(std::span<const AdamSlot> slots, const AdamParams& params) {
  if (slots.empty()) return;
  cuda::adam_step(DeviceLaunch(context_->stream.get(), "adam_step", slots.front().param.shape()), slots, params,
                  context_->step_values);
}

}  // namespace cofactor
