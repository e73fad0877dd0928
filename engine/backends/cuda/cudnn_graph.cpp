#include "engine/backends/cuda/cudnn_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/backends/cuda/error.h"

namespace cofactor::cudnn {

using cuda::check_cudnn;

namespace {

cudnnDataType_t data_type(DType dtype) {
  return dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16 : dtype == DType::f64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
}

// A tensor whose bytes are (a, h, w, c), in cuDNN's order of axes (a, c, h, w): images NHWC, weights OHWI.
Descriptor channels_last(Operand id, const Shape& shape, DType dtype) {
  const int64_t h = shape[1], w = shape[2], c = shape[3];
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, data_type(dtype))
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::array{shape[0], c, h, w})
      .set(CUDNN_ATTR_TENSOR_STRIDES, std::array{h * w * c, int64_t{1}, w * c, c})
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, static_cast<int64_t>(id))
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, int64_t{16})
      .finalize();
  return tensor;
}

// The padding at the end that gives the output the requested extent.
int64_t padding_after(int64_t in, int64_t out, int64_t kernel, int stride, int pad, int dilation) {
  return std::max<int64_t>(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - in - pad);
}

Descriptor convolution(const ConvProblem& problem) {
  const Conv2dParams& p = problem.params;
  const std::array<int64_t, 2> before{p.pad_h, p.pad_w};
  const std::array<int64_t, 2> after{
      padding_after(problem.x[1], problem.y[1], problem.w[1], p.stride_h, p.pad_h, p.dilation_h),
      padding_after(problem.x[2], problem.y[2], problem.w[2], p.stride_w, p.pad_w, p.dilation_w)};
  // bf16 is multiplied and summed in f32.
  const cudnnDataType_t compute = problem.dtype == DType::f64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
  Descriptor conv(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  conv.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, int64_t{2})
      .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, compute)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, before)
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, after)
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, std::array<int64_t, 2>{p.dilation_h, p.dilation_w})
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, std::array<int64_t, 2>{p.stride_h, p.stride_w})
      .finalize();
  return conv;
}

// The names of one operation's attributes.
struct OperationNames {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t x, w, y, conv, alpha, beta;
};

OperationNames names_of(ConvKind kind) {
  switch (kind) {
    case ConvKind::forward:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
    case ConvKind::input_gradient:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    default:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
  }
}

Descriptor operation(const ConvProblem& problem) {
  const OperationNames names = names_of(problem.kind);
  const Descriptor x = channels_last(kX, problem.x, problem.dtype);
  const Descriptor w = channels_last(kW, problem.w, problem.w_dtype);
  const Descriptor y = channels_last(kY, problem.y, problem.dtype);
  const Descriptor conv = convolution(problem);
  Descriptor result(names.type);
  result.set(names.x, x).set(names.w, w).set(names.y, y).set(names.conv, conv);
  if (problem.dtype == DType::f64) {
    result.set(names.alpha, CUDNN_TYPE_DOUBLE, 1.0).set(names.beta, CUDNN_TYPE_DOUBLE, 0.0);
  } else {
    result.set(names.alpha, CUDNN_TYPE_FLOAT, 1.0f).set(names.beta, CUDNN_TYPE_FLOAT, 0.0f);
  }
  result.finalize();
  return result;
}

// cuDNN 9.12 calls the handle's attributes deprecated, and 9.0 needs them.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
constexpr auto kGraphHandle = CUDNN_ATTR_OPERATIONGRAPH_HANDLE;
constexpr auto kPlanHandle = CUDNN_ATTR_EXECUTION_PLAN_HANDLE;
#pragma GCC diagnostic pop

// The engine configurations that cuDNN's heuristics list for a graph in one mode, best first.
std::vector<Descriptor> engine_configs(const Descriptor& graph, cudnnBackendHeurMode_t mode) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
  if (!heuristics.try_finalize()) return {};
  int64_t count = 0;
  check_cudnn(cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                       0, &count, nullptr),
              "cudnnBackendGetAttribute (the number of engines)");
  std::vector<Descriptor> configs;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (int64_t i = 0; i < count; ++i) {
    configs.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    handles.push_back(configs.back().get());
  }
  check_cudnn(cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                       count, &count, handles.data()),
              "cudnnBackendGetAttribute (the engines)");
  configs.erase(configs.begin() + std::min<int64_t>(count, static_cast<int64_t>(configs.size())), configs.end());
  return configs;
}

struct EngineFacts {
  int64_t number = 0;
  std::vector<cudnnBackendNumericalNote_t> notes;
  bool has(cudnnBackendNumericalNote_t note) const { return std::ranges::find(notes, note) != notes.end(); }
};

EngineFacts facts_of(const Descriptor& config) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t handle = engine.get();
  int64_t count = 0;
  check_cudnn(cudnnBackendGetAttribute(config.get(), CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                                       &count, &handle),
              "cudnnBackendGetAttribute (an engine)");
  EngineFacts facts;
  check_cudnn(
      cudnnBackendGetAttribute(handle, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &count, &facts.number),
      "cudnnBackendGetAttribute (an engine's number)");
  facts.notes.resize(CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  check_cudnn(cudnnBackendGetAttribute(handle, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                       CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count, facts.notes.data()),
              "cudnnBackendGetAttribute (an engine's numerical notes)");
  facts.notes.resize(static_cast<size_t>(std::clamp<int64_t>(count, 0, CUDNN_NUMERICAL_NOTE_TYPE_COUNT)));
  return facts;
}

// Deterministic, and f32 as f32: an engine that uses tensor cores on f32 rounds its inputs to TF32.
bool allowed(const EngineFacts& facts, const ConvProblem& problem) {
  if (facts.has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) return false;
  if (facts.has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)) return false;
  if (problem.dtype != DType::f32 || problem.allow_tf32) return true;
  return !facts.has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) && !facts.has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
}

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

bool Descriptor::try_finalize() {
  const cudnnStatus_t status = cudnnBackendFinalize(handle_);
  if (status == CUDNN_STATUS_SUCCESS) return true;
  // All the "not supported" statuses are numbered from 3000 on, up to the next thousand.
  if (status >= CUDNN_STATUS_NOT_SUPPORTED && status < CUDNN_STATUS_INTERNAL_ERROR) return false;
  check_cudnn(status, "cudnnBackendFinalize");
  return false;
}

Plan::Plan(Descriptor plan, std::string engine) : plan_(std::move(plan)), engine_(std::move(engine)) {
  int64_t bytes = 0, count = 0;
  check_cudnn(cudnnBackendGetAttribute(plan_.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
                                       &count, &bytes),
              "cudnnBackendGetAttribute (a plan's workspace)");
  workspace_bytes_ = static_cast<size_t>(bytes);
}

void Plan::execute(cudnnHandle_t handle, void* x, void* w, void* y, void* workspace) const {
  const std::array<int64_t, 3> ids{kX, kW, kY};
  const std::array<void*, 3> pointers{x, w, y};
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids)
      .set_values(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, pointers.data())
      .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace)
      .finalize();
  check_cudnn(cudnnBackendExecute(handle, plan_.get(), pack.get()), "cudnnBackendExecute");
}

std::optional<Plan> plan_convolution(cudnnHandle_t handle, const ConvProblem& problem) {
  const Descriptor conv = operation(problem);
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, conv).set(kGraphHandle, CUDNN_TYPE_HANDLE, handle);
  if (!graph.try_finalize()) return std::nullopt;
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    for (const Descriptor& config : engine_configs(graph, mode)) {
      const EngineFacts facts = facts_of(config);
      if (!allowed(facts, problem)) continue;
      Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config).set(kPlanHandle, CUDNN_TYPE_HANDLE, handle);
      if (!plan.try_finalize()) continue;
      return Plan(std::move(plan), fmt::format("engine {}{}", facts.number,
                                               facts.has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) ? ", tensor cores" : ""));
    }
  }
  return std::nullopt;
}

}  // namespace cofactor::cudnn
