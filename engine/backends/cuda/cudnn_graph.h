// cuDNN's graph API (cudnn_backend.h) as far as convolutions need it. The fixed-function calls are deprecated since
// cuDNN 9; here an operation is described, cuDNN's heuristics list engines for it, best first, and the first one that
// is deterministic and of an allowed precision becomes a plan.
#pragma once

#include <cudnn_backend.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/kernel_params.h"

namespace cofactor::cudnn {

// A backend descriptor: made, filled with attributes, finalised; destroyed with its owner.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);
  Descriptor(Descriptor&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Descriptor();

  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const T& value) {
    return set_values(name, type, 1, &value);
  }
  template <size_t kCount>
  Descriptor& set(cudnnBackendAttributeName_t name, const std::array<int64_t, kCount>& values) {
    return set_values(name, CUDNN_TYPE_INT64, kCount, values.data());
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    return set_values(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.handle_);
  }
  Descriptor& set_values(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                         const void* values);
  void finalize();
  // Whether cuDNN supports the attributes; anything but "not supported" is an Error.
  bool try_finalize();

  cudnnBackendDescriptor_t get() const { return handle_; }

 private:
  cudnnBackendDescriptor_t handle_ = nullptr;
};

// The operands of a convolution's three operations in cuDNN's names: x (input), w (weights), y (output, or its
// gradient).
enum Operand : int64_t { kX = 1, kW = 2, kY = 3 };

enum class ConvKind { forward, input_gradient, weight_gradient };

// The key of a convolution's plan.
struct ConvProblem {
  ConvKind kind;
  Shape x, w, y;  // NHWC, OHWI, NHWC
  Conv2dParams params;
  DType dtype;    // of x and y
  DType w_dtype;  // of w: the weight gradient of bf16 images may be f32
  bool allow_tf32;
};

// A finalised execution plan.
class Plan {
 public:
  Plan(Descriptor plan, std::string engine);
  size_t workspace_bytes() const { return workspace_bytes_; }
  // The engine's place in cuDNN's list and its numerical notes, for logs: "engine 3: tensor core".
  const std::string& engine() const { return engine_; }
  void execute(cudnnHandle_t handle, void* x, void* w, void* y, void* workspace) const;

 private:
  Descriptor plan_;
  size_t workspace_bytes_ = 0;
  std::string engine_;
};

// Nothing where cuDNN has no deterministic engine in the requested precision.
std::optional<Plan> plan_convolution(cudnnHandle_t handle, const ConvProblem& problem);

}  // namespace cofactor::cudnn
