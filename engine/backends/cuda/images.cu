// Batches of images: kernels/images.h launched on the GPU.
#include "engine/backends/cuda/context.h"
#include "engine/backends/cuda/device_launch.cuh"
#include "engine/backends/cuda/kernels/images.h"

namespace cofactor {

using cuda::DeviceLaunch;

void CudaBackend::images_from_bytes(const Tensor& bytes, const Tensor& windows, const Tensor& scale,
                                    const Tensor& shift, const Tensor& y) {
  cuda::images_from_bytes(DeviceLaunch(context_->stream.get(), "images_from_bytes", y.shape()), bytes, windows, scale,
                          shift, y);
}

}  // namespace cofactor
