// cuBLASLt for make-believe GPUs (fake_cuda.h).
#include "tests/engine/cuda/fake/fake_cuda.h"

extern "C" {

int cublasLtCreate(void** handle) {
  return fake::make(handle);
}
int cublasLtMatmulAlgoGetHeuristic(void* handle, void*, void*, void*, void*, void*, void*, int, void*, int* found) {
  *found = 1;
  return fake::belongs_here(handle) ? fake::kInvalidValue : fake::kSuccess;
}
int cublasLtMatmul(void* handle, void*, const void*, const void*, void*, const void*, void*, const void*, const void*,
                   void*, void*, void*, const void*, void*, size_t, void* stream) {
  return fake::belongs_here(handle) || fake::belongs_here(stream) ? fake::kInvalidValue : fake::kSuccess;
}
}
