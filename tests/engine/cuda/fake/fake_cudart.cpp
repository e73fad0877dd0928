// CUDA's runtime for make-believe GPUs (fake_cuda.h).
#include <atomic>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>

#include "tests/engine/cuda/fake/fake_cuda.h"

using fake::belongs_here;
using fake::kSuccess;
using fake::Object;

namespace {

struct Dim3 {
  unsigned x, y, z;
};
// The first members of cudaLaunchConfig_t, in their order.
struct Launch {
  Dim3 grid, block;
  size_t shared;
  void* stream;
};
enum CopyKind { kToDevice = 1, kToHost = 2, kOnDevice = 3 };

constexpr size_t kGigabyte = size_t{1} << 30;

thread_local int now_current = 0;
thread_local int last_error = kSuccess;
thread_local Launch pushed;

int result(int status) {
  if (status != kSuccess) last_error = status;
  return status;
}

int gpus() {
  return fake::number("FAKE_GPUS", 2);
}

struct Block {
  size_t size;
  int gpu;
};
std::mutex& blocks_mutex() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}
std::map<const char*, Block>& blocks() {
  static auto& all = *new std::map<const char*, Block>;
  return all;
}

int obtain(void** data, size_t size) {
  *data = std::malloc(size);
  const std::scoped_lock lock(blocks_mutex());
  blocks()[static_cast<const char*>(*data)] = {size, now_current};
  return kSuccess;
}

// Whether an address lies in a block of that GPU.
bool lies_on(const void* address, int gpu) {
  const std::scoped_lock lock(blocks_mutex());
  const auto after = blocks().upper_bound(static_cast<const char*>(address));
  if (after == blocks().begin()) return false;
  const auto& [start, block] = *std::prev(after);
  return static_cast<const char*>(address) < start + block.size && block.gpu == gpu;
}

// What is given back without a check of the status must be given back with its GPU current.
int give_back(void* data) {
  if (!data) return kSuccess;
  {
    const std::scoped_lock lock(blocks_mutex());
    const auto found = blocks().find(static_cast<const char*>(data));
    if (found == blocks().end() || found->second.gpu != now_current) {
      std::fprintf(stderr, "fake CUDA: a block is given back with cuda:%d current\n", now_current);
      std::abort();
    }
    blocks().erase(found);
  }
  std::free(data);
  return kSuccess;
}

}  // namespace

extern "C" {

int cudaGetDeviceCount(int* count) {
  *count = gpus();
  return result(fake::asked_status("cudaGetDeviceCount"));
}
int fake::cudaGetDevice(int* gpu) {
  *gpu = now_current;
  return kSuccess;
}
int cudaSetDevice(int gpu) {
  if (gpu < 0 || gpu >= gpus()) return result(101);
  static std::atomic<unsigned> chosen = 0;
  const unsigned bit = 1u << gpu;
  const bool again = chosen.fetch_or(bit) & bit;
  if (!(again && std::getenv("FAKE_STUCK"))) now_current = gpu;
  return result(fake::asked_status("cudaSetDevice"));
}
int cudaGetLastError() {
  return std::exchange(last_error, kSuccess);
}
const char* cudaGetErrorName(int status) {
  switch (status) {
    case 2: return "cudaErrorMemoryAllocation";
    case 46: return "cudaErrorDevicesUnavailable";
    case 101: return "cudaErrorInvalidDevice";
    case 209: return "cudaErrorNoKernelImageForDevice";
    case fake::kInvalidHandle: return "cudaErrorInvalidResourceHandle";
    default: return "a status of the fake CUDA";
  }
}
const char* cudaGetErrorString(int) {
  return "fake CUDA";
}
int cudaDriverGetVersion(int* version) {
  *version = 13000;
  return kSuccess;
}
int cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return kSuccess;
}
int cudaDeviceGetAttribute(int* value, int attribute, int) {
  constexpr int kMajor = 75, kMinor = 76, kMemoryPools = 115;
  *value = attribute == kMajor         ? 9
           : attribute == kMinor       ? 0
           : attribute == kMemoryPools ? fake::number("FAKE_POOLS", 1)
                                       : 1;
  return kSuccess;
}
int cudaGetDeviceProperties(char* name_first, int) {
  std::strcpy(name_first, "Fake GPU");
  return kSuccess;
}
int cudaFuncGetAttributes(void*, const void*) {
  return result(fake::asked_status("cudaFuncGetAttributes"));
}
int cudaMemGetInfo(size_t* free, size_t* total) {
  *free = static_cast<size_t>(now_current + 1) * kGigabyte;
  *total = 8 * kGigabyte;
  return kSuccess;
}

int cudaDeviceGetDefaultMemPool(void** pool, int gpu) {
  *pool = new Object{gpu};
  return kSuccess;
}
int cudaMalloc(void** data, size_t size) {
  return obtain(data, size);
}
int cudaMallocAsync(void** data, size_t size, void* stream) {
  if (const int status = belongs_here(stream)) return result(status);
  return obtain(data, size);
}
int cudaMallocHost(void** data, size_t size) {
  return obtain(data, size);
}
int cudaFree(void* data) {
  if (!data) return result(fake::asked_status("cudaFree"));
  return give_back(data);
}
int cudaFreeAsync(void* data, void*) {
  return give_back(data);
}
int cudaFreeHost(void* data) {
  return give_back(data);
}

int cudaStreamCreateWithFlags(void** stream, unsigned) {
  return fake::make(stream);
}
int cudaEventCreateWithFlags(void** event, unsigned) {
  return fake::make(event);
}
int cudaStreamSynchronize(void* stream) {
  return result(belongs_here(stream));
}
int cudaEventSynchronize(void* event) {
  return result(belongs_here(event));
}
int cudaEventQuery(void* event) {
  return result(belongs_here(event));
}
int cudaEventRecord(void* event, void* stream) {
  const int status = belongs_here(event);
  return result(status ? status : belongs_here(stream));
}
int cudaStreamWaitEvent(void* stream, void*, unsigned) {
  return result(belongs_here(stream));
}
int cudaMemcpyAsync(void* to, const void* from, size_t bytes, int kind, void* stream) {
  if (const int status = belongs_here(stream)) return result(status);
  if (kind != kToHost && !lies_on(to, now_current)) return result(fake::kInvalidValue);
  if (kind != kToDevice && !lies_on(from, now_current)) return result(fake::kInvalidValue);
  if (!static_cast<Object*>(stream)->capturing) std::memcpy(to, from, bytes);
  return kSuccess;
}
int cudaMemsetAsync(void* to, int value, size_t bytes, void* stream) {
  if (const int status = belongs_here(stream)) return result(status);
  if (!lies_on(to, now_current)) return result(fake::kInvalidValue);
  if (!static_cast<Object*>(stream)->capturing) std::memset(to, value, bytes);
  return kSuccess;
}

int cudaStreamBeginCapture(void* stream, int) {
  if (const int status = belongs_here(stream)) return result(status);
  static_cast<Object*>(stream)->capturing = true;
  return kSuccess;
}
int cudaStreamEndCapture(void* stream, void** graph) {
  if (const int status = belongs_here(stream)) return result(status);
  static_cast<Object*>(stream)->capturing = false;
  return fake::make(graph);
}
int cudaGraphInstantiate(void** exec, void* graph, unsigned long long) {
  if (const int status = belongs_here(graph)) return result(status);
  return fake::make(exec);
}
int cudaGraphUpload(void* exec, void* stream) {
  const int status = belongs_here(exec);
  return result(status ? status : belongs_here(stream));
}
int cudaGraphLaunch(void* exec, void* stream) {
  const int status = belongs_here(exec);
  return result(status ? status : belongs_here(stream));
}

// Kernels: what <<<>>> is compiled to.
void** __cudaRegisterFatBinary(void*) {
  static void* binary = nullptr;
  return &binary;
}
unsigned __cudaPushCallConfiguration(Dim3 grid, Dim3 block, size_t shared, void* stream) {
  pushed = {grid, block, shared, stream};
  return 0;
}
int __cudaPopCallConfiguration(Dim3* grid, Dim3* block, size_t* shared, void* stream) {
  *grid = pushed.grid;
  *block = pushed.block;
  *shared = pushed.shared;
  *static_cast<void**>(stream) = pushed.stream;
  return kSuccess;
}
int __cudaGetKernel(const void** kernel, const void* entry) {
  *kernel = entry;
  return kSuccess;
}
int __cudaLaunchKernel(const void*, Dim3, Dim3, void**, size_t, void* stream) {
  return result(belongs_here(stream));
}
int cudaLaunchKernel(const void*, Dim3, Dim3, void**, size_t, void* stream) {
  return result(belongs_here(stream));
}
int cudaLaunchKernelExC(const Launch* launch, const void*, void**) {
  return result(belongs_here(launch->stream));
}
int cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int, size_t) {
  *blocks = 1;
  return kSuccess;
}
}
