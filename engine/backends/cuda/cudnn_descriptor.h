// Descriptors of cuDNN's graph API (cudnn_backend.h), and the device that plans are made for. The fixed-function calls
// are deprecated since cuDNN 9.
#pragma once

#include <cudnn_backend.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

  // An attribute with one integer.
  int64_t integer(cudnnBackendAttributeName_t name) const;
  // An attribute with a list of enumerators.
  template <class T>
  std::vector<T> list(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type) const {
    std::vector<T> values(kLongestList);
    values.resize(get_values(name, type, kLongestList, values.data()));
    return values;
  }
  // An attribute with text.
  std::string text(cudnnBackendAttributeName_t name) const;
  // An attribute with a list of descriptors, or with one.
  std::vector<Descriptor> descriptors(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type) const;
  Descriptor descriptor(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type) const;

  cudnnBackendDescriptor_t get() const { return handle_; }

 private:
  static constexpr int64_t kLongestList = 64;
  // Reads up to `count` values and returns how many there are of these.
  size_t get_values(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                    void* values) const;

  cudnnBackendDescriptor_t handle_ = nullptr;
};

// What plans are made for.
class PlanDevice {
 public:
  // The GPU of a handle, which has to outlive this.
  explicit PlanDevice(cudnnHandle_t handle) : handle_(handle) {}
  // A GPU that need not be there, by its properties as cuDNN writes them in JSON
  // (CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION). Such plans cannot be executed. Without NVIDIA's driver, cuDNN offers
  // only engines that were compiled with it. Throws Error where cuDNN refuses the text or is older than 9.8.
  explicit PlanDevice(const std::string& properties);

  // Names the device in a descriptor that is not finalised yet.
  void set_in_graph(Descriptor& graph) const;
  void set_in_heuristics(Descriptor& heuristics) const;
  void set_in_plan(Descriptor& plan) const;

 private:
  cudnnHandle_t handle_ = nullptr;
  std::optional<Descriptor> properties_;
};

// The properties of a handle's GPU, as PlanDevice takes them; empty where cuDNN is older than 9.8.
std::string gpu_properties(cudnnHandle_t handle);

}  // namespace cofactor::cudnn
