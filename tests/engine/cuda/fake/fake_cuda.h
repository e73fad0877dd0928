// A machine with GPUs that is none: libraries with the names of CUDA's, which the module of the cuda backend loads in
// their place. Kernels do not run and device memory is the host's, but every call is refused where CUDA would need
// another current GPU: its stream's, its event's, its block's or its handle's. make_fakes.cmake gives every other
// function that the module calls a stub that succeeds. The types are the ABI's; no vendor's header is read here.
//
// Environment: FAKE_GPUS, how many there are (default 2). FAKE_<call>, a status that this call returns, for calls that
// ask for it with asked_status. FAKE_CUDNN, what cudnnGetVersion returns. FAKE_STUCK: cudaSetDevice chooses each GPU
// once, and then does nothing.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string>

namespace fake {

constexpr int kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kInvalidHandle = 400;

// The number that an environment variable holds.
inline int number(const char* name, int fallback) {
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : fallback;
}

inline int asked_status(const std::string& call) {
  return number(("FAKE_" + call).c_str(), kSuccess);
}

// A stream, an event, or a handle of a library.
struct Object {
  int gpu;
  bool capturing = false;
};

// The number of the calling thread's current GPU, as cudaGetDevice gives it.
extern "C" int cudaGetDevice(int* gpu);

inline int current() {
  int gpu = 0;
  cudaGetDevice(&gpu);
  return gpu;
}

template <class Handle>
int make(Handle* handle) {
  *handle = new Object{current()};
  return kSuccess;
}

// Whether the object's GPU is current.
inline int belongs_here(const void* object) {
  return object && static_cast<const Object*>(object)->gpu == current() ? kSuccess : kInvalidHandle;
}

}  // namespace fake
