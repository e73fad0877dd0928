// cuDNN for make-believe GPUs (fake_cuda.h): it has no engine for any convolution.
#include "tests/engine/cuda/fake/fake_cuda.h"

extern "C" {

size_t cudnnGetVersion() {
  return static_cast<size_t>(fake::number("FAKE_CUDNN", 99900));
}
int cudnnCreate(void** handle) {
  return fake::make(handle);
}
int cudnnSetStream(void* handle, void* stream) {
  return fake::belongs_here(handle) || fake::belongs_here(stream) ? fake::kInvalidValue : fake::kSuccess;
}
}
