#include "engine/backends/reference/backend.h"

#include <cstring>

namespace cofactor {

namespace {

// memmove with a null pointer is undefined even for no bytes, and an empty std::vector has one.
void copy_bytes(void* to, const void* from, size_t bytes) {
  if (bytes > 0) std::memmove(to, from, bytes);
}

// The host's memory is the device's: nothing is copied.
class HostUpload : public Upload {
 public:
  HostUpload(size_t bytes, Device device) : tensor_(Tensor::empty({static_cast<int64_t>(bytes)}, DType::u8, device)) {}
  std::byte* values() override { return static_cast<std::byte*>(tensor_.raw_data()); }
  void start() override {}
  Tensor finish() override { return tensor_; }

 private:
  Tensor tensor_;
};

}  // namespace

void ReferenceBackend::copy_from_host(void* device_data, const void* host_data, size_t bytes) {
  copy_bytes(device_data, host_data, bytes);
}

void ReferenceBackend::copy_to_host(void* host_data, const void* device_data, size_t bytes) {
  copy_bytes(host_data, device_data, bytes);
}

void ReferenceBackend::copy(void* to, const void* from, size_t bytes) {
  copy_bytes(to, from, bytes);
}

std::unique_ptr<Upload> ReferenceBackend::upload(size_t bytes) {
  return std::make_unique<HostUpload>(bytes, device());
}

// y[.., y_start + i, ..] = x[.., x_start + i, ..]: along `axis`, a slice is `length` runs of the trailing extents, and
// it repeats once per position of the leading extents. Copies bytes, so any dtype.
void ReferenceBackend::copy_slice(const Tensor& x, int64_t x_start, const Tensor& y, int64_t y_start, int64_t length,
                                  int axis) {
  axis = x.shape().normalize_axis(axis);
  int64_t outer = 1;
  auto run = static_cast<int64_t>(size_of(x.dtype()));
  for (int k = 0; k < axis; ++k) outer *= x.dim(k);
  for (int k = axis + 1; k < x.rank(); ++k) run *= x.dim(k);
  const auto* from = static_cast<const std::byte*>(x.raw_data());
  auto* to = static_cast<std::byte*>(y.raw_data());
  for (int64_t i = 0; i < outer; ++i)
    copy_bytes(to + (i * y.dim(axis) + y_start) * run, from + (i * x.dim(axis) + x_start) * run,
               static_cast<size_t>(length * run));
}

}  // namespace cofactor
