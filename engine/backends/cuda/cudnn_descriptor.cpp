#include "engine/backends/cuda/cudnn_descriptor.h"

#include <algorithm>

#include "engine/backends/cuda/error.h"
#include "engine/error.h"

namespace cofactor::cudnn {

using cuda::check_cudnn;

namespace {

// cuDNN 9.12 calls the handle's attributes deprecated, and 9.0 needs them.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
constexpr auto kGraphHandle = CUDNN_ATTR_OPERATIONGRAPH_HANDLE;
constexpr auto kPlanHandle = CUDNN_ATTR_EXECUTION_PLAN_HANDLE;
#pragma GCC diagnostic pop

}  // namespace

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  check_cudnn(cudnnBackendCreateDescriptor(type, &handle_), "cudnnBackendCreateDescriptor");
}

Descriptor::~Descriptor() {
  if (handle_) cudnnBackendDestroyDescriptor(handle_);
}

Descriptor& Descriptor::set_values(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                                   const void* values) {
  check_cudnn(cudnnBackendSetAttribute(handle_, name, type, count, values), "cudnnBackendSetAttribute");
  return *this;
}

void Descriptor::finalize() {
  check_cudnn(cudnnBackendFinalize(handle_), "cudnnBackendFinalize");
}

size_t Descriptor::get_values(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                              void* values) const {
  int64_t found = 0;
  check_cudnn(cudnnBackendGetAttribute(handle_, name, type, count, &found, values), "cudnnBackendGetAttribute");
  return static_cast<size_t>(std::clamp<int64_t>(found, 0, count));
}

int64_t Descriptor::integer(cudnnBackendAttributeName_t name) const {
  int64_t value = 0;
  get_values(name, CUDNN_TYPE_INT64, 1, &value);
  return value;
}

std::string Descriptor::text(cudnnBackendAttributeName_t name) const {
  int64_t count = 0;
  check_cudnn(cudnnBackendGetAttribute(handle_, name, CUDNN_TYPE_CHAR, 0, &count, nullptr), "cudnnBackendGetAttribute");
  std::string result(static_cast<size_t>(count), '\0');
  result.resize(get_values(name, CUDNN_TYPE_CHAR, count, result.data()));
  while (result.ends_with('\0')) result.pop_back();
  return result;
}

std::vector<Descriptor> Descriptor::descriptors(cudnnBackendAttributeName_t name,
                                                cudnnBackendDescriptorType_t type) const {
  int64_t count = 0;
  check_cudnn(cudnnBackendGetAttribute(handle_, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr),
              "cudnnBackendGetAttribute");
  std::vector<Descriptor> result;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (int64_t i = 0; i < count; ++i) handles.push_back(result.emplace_back(type).get());
  const size_t found = get_values(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, handles.data());
  result.erase(result.begin() + static_cast<std::ptrdiff_t>(found), result.end());
  return result;
}

Descriptor Descriptor::descriptor(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type) const {
  Descriptor result(type);
  cudnnBackendDescriptor_t handle = result.get();
  get_values(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &handle);
  return result;
}

#if CUDNN_VERSION >= 90800
PlanDevice::PlanDevice(const std::string& properties) : properties_(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR) {
  properties_
      ->set_values(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                   static_cast<int64_t>(properties.size() + 1), properties.c_str())
      .finalize();
}

std::string gpu_properties(cudnnHandle_t handle) {
  Descriptor properties(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  properties.set(CUDNN_ATTR_DEVICEPROP_HANDLE, CUDNN_TYPE_HANDLE, handle).finalize();
  return properties.text(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
}
#else
PlanDevice::PlanDevice(const std::string&) {
  fail("compiled for cuDNN {}: a GPU's properties as text need 9.8 or later", CUDNN_VERSION);
}

std::string gpu_properties(cudnnHandle_t) {
  return {};
}
#endif

void PlanDevice::set_in_graph(Descriptor& graph) const {
  if (handle_) graph.set(kGraphHandle, CUDNN_TYPE_HANDLE, handle_);
}

void PlanDevice::set_in_heuristics([[maybe_unused]] Descriptor& heuristics) const {
#if CUDNN_VERSION >= 90800
  if (properties_) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *properties_);
#endif
}

void PlanDevice::set_in_plan(Descriptor& plan) const {
  if (handle_) plan.set(kPlanHandle, CUDNN_TYPE_HANDLE, handle_);
#if CUDNN_VERSION >= 90800
  if (properties_) plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *properties_);
#endif
}

}  // namespace cofactor::cudnn
