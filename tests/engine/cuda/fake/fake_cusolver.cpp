// cuSOLVER for make-believe GPUs (fake_cuda.h).
#include "tests/engine/cuda/fake/fake_cuda.h"

extern "C" {

int cusolverDnCreate(void** handle) {
  return fake::make(handle);
}
int cusolverDnSetStream(void* handle, void* stream) {
  return fake::belongs_here(handle) || fake::belongs_here(stream) ? fake::kInvalidValue : fake::kSuccess;
}
int cusolverDnXgetrf(void* handle) {
  return fake::belongs_here(handle) ? fake::kInvalidValue : fake::kSuccess;
}
int cusolverDnXgetrs(void* handle) {
  return fake::belongs_here(handle) ? fake::kInvalidValue : fake::kSuccess;
}
int cusolverDnXgesvd(void* handle) {
  return fake::belongs_here(handle) ? fake::kInvalidValue : fake::kSuccess;
}
}
