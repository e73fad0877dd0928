#include "engine/backends/cuda/cudnn_graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "engine/backends/cuda/error.h"
#include "engine/error.h"

namespace cofactor::cudnn {

namespace {

// A tensor whose bytes are (a, h, w, c), in cuDNN's order of axes (a, c, h, w): images NHWC, weights OHWI.
Descriptor channels_last(Operand id, const Shape& shape, DType dtype) {
  const int64_t h = shape[1], w = shape[2], c = shape[3];
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE,
           dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::array{shape[0], c, h, w})
      .set(CUDNN_ATTR_TENSOR_STRIDES, std::array{h * w * c, int64_t{1}, w * c, c})
      .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, static_cast<int64_t>(id))
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, int64_t{16})
      .finalize();
  return tensor;
}

// Padding is the same on both sides, though with a stride the last windows may not reach all of it: their number is
// rounded down (conv2d_output), so rows that no window reaches change nothing. Less padding at the end would describe
// the same convolution as an asymmetric one, for which cuDNN has fewer engines.
Descriptor convolution(const Conv2dParams& p) {
  const std::array<int64_t, 2> padding{p.pad_h, p.pad_w};
  Descriptor conv(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  conv.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, int64_t{2})
      .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, padding)
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, padding)
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
  const Descriptor w = channels_last(kW, problem.w, problem.dtype);
  const Descriptor y = channels_last(kY, problem.y, problem.dtype);
  const Descriptor conv = convolution(problem.params);
  Descriptor result(names.type);
  result.set(names.x, x).set(names.w, w).set(names.y, y).set(names.conv, conv);
  result.set(names.alpha, CUDNN_TYPE_FLOAT, 1.0f)
      .set(names.beta, CUDNN_TYPE_FLOAT, problem.accumulate ? 1.0f : 0.0f)
      .finalize();
  return result;
}

// Deterministic, and f32 as f32: an engine that uses tensor cores on f32 rounds its inputs to TF32.
bool allowed(const Engine& engine, const ConvProblem& problem) {
  if (engine.has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)) return false;
  if (engine.has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION)) return false;
  if (problem.dtype != DType::f32 || problem.allow_tf32) return true;
  return !engine.has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE) && !engine.has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
}

// What cuDNN says where a call fails; empty where none does. Whatever it is, another engine may do.
template <class Calls>
std::string failure_of(const Calls& calls) {
  try {
    calls();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// Engines of a lower rank come first.
int rank(const Engine& engine, const ConvProblem& problem) {
  const bool to_be_preferred = problem.dtype == DType::bf16 || problem.allow_tf32;
  const bool slow = to_be_preferred && fills_tensor_cores(problem) && !engine.has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
  return (engine.runtime_compiled ? 2 : 0) + (slow ? 1 : 0);
}

}  // namespace

size_t workspace_limit(const ConvProblem& problem) {
  const auto elements = static_cast<size_t>(problem.x.numel() + problem.w.numel() + problem.y.numel());
  return elements * size_of(problem.dtype) + (size_t{256} << 20);
}

bool fills_tensor_cores(const ConvProblem& problem) {
  const auto word = static_cast<int64_t>(16 / size_of(problem.dtype));
  return problem.w[0] % word == 0 && problem.w[3] % word == 0;
}

std::vector<int64_t> ConvProblem::key() const {
  std::vector<int64_t> result{static_cast<int64_t>(kind),
                              static_cast<int64_t>(dtype),
                              allow_tf32,
                              accumulate,
                              params.stride_h,
                              params.stride_w,
                              params.pad_h,
                              params.pad_w,
                              params.dilation_h,
                              params.dilation_w};
  for (const Shape* shape : {&x, &w, &y}) result.insert(result.end(), shape->begin(), shape->end());
  return result;
}

std::string_view name_of(ConvKind kind) {
  switch (kind) {
    case ConvKind::forward: return "forward";
    case ConvKind::input_gradient: return "input gradient";
    case ConvKind::weight_gradient: return "weight gradient";
  }
  return "?";
}

std::string_view ConvProblem::precision() const {
  return dtype == DType::f32 && allow_tf32 ? "tf32" : cofactor::name_of(dtype);
}

std::string ConvProblem::text() const {
  return fmt::format("{}{}, x {}, w {}, stride {}x{}, pad {}x{}, dilation {}x{}, {}", name_of(kind),
                     accumulate ? " added" : "", x, w, params.stride_h, params.stride_w, params.pad_h, params.pad_w,
                     params.dilation_h, params.dilation_w, precision());
}

Engine::Engine(const Descriptor& config) {
  const Descriptor engine = config.descriptor(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  number = engine.integer(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  notes = engine.list<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE);
  const auto behaviour =
      engine.list<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE);
  runtime_compiled = std::ranges::find(behaviour, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) != behaviour.end();
}

bool Engine::has(cudnnBackendNumericalNote_t note) const {
  return std::ranges::find(notes, note) != notes.end();
}

std::string Engine::notes_text() const {
  // By the numbers of cudnnBackendNumericalNote_t, since older headers lack the last.
  static constexpr std::array<std::string_view, 10> kNames{
      "tensor cores",      "inputs rounded",    "sums in less than f32", "FFT",       "not deterministic", "Winograd",
      "Winograd by 4 x 4", "Winograd by 6 x 6", "Winograd by 13 x 13",   "strict NaN"};
  std::vector<std::string> texts;
  for (const cudnnBackendNumericalNote_t note : notes) {
    const auto number_of_note = static_cast<size_t>(note);
    texts.push_back(number_of_note < kNames.size() ? std::string(kNames[number_of_note])
                                                   : fmt::format("note {}", number_of_note));
  }
  if (runtime_compiled) texts.emplace_back("compiled for it");
  return texts.empty() ? "none" : fmt::format("{}", fmt::join(texts, ", "));
}

Plan::Plan(Descriptor plan, Engine engine) : plan_(std::move(plan)), engine_(std::move(engine)) {
  workspace_bytes_ = static_cast<size_t>(plan_.integer(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
}

std::string Plan::text() const {
  return fmt::format("engine {} ({}), {:.1f} MiB of workspace", engine_.number, engine_.notes_text(),
                     static_cast<double>(workspace_bytes_) / (1 << 20));
}

std::string Plan::execute(cudnnHandle_t handle, void* x, void* w, void* y, void* workspace) const {
  const std::array<int64_t, 3> ids{kX, kW, kY};
  const std::array<void*, 3> pointers{x, w, y};
  return failure_of([&] {
    Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids)
        .set_values(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, pointers.data())
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace)
        .finalize();
    cuda::check_cudnn(cudnnBackendExecute(handle, plan_.get(), pack.get()), "cudnnBackendExecute");
  });
}

ConvPlans::ConvPlans(const PlanDevice& device, const ConvProblem& problem)
    : device_(&device), graph_(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR), workspace_limit_(workspace_limit(problem)) {
  const std::string failure = failure_of([&] {
    graph_.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation(problem));
    device.set_in_graph(graph_);
    graph_.finalize();
  });
  if (!failure.empty()) {
    failures_.push_back("the graph: " + failure);
    return;
  }
  collect(CUDNN_HEUR_MODE_A, problem);
  collect(CUDNN_HEUR_MODE_FALLBACK, problem);
  std::ranges::stable_sort(candidates_, {}, [&](const Candidate& c) { return rank(c.engine, problem); });
  plan_next();
}

// Adds the allowed ones of the engine configurations that cuDNN's heuristics list in one mode, best first.
void ConvPlans::collect(cudnnBackendHeurMode_t mode, const ConvProblem& problem) {
  const std::string failure = failure_of([&] {
    Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph_)
        .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode);
    device_->set_in_heuristics(heuristics);
    heuristics.finalize();
    for (Descriptor& config :
         heuristics.descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)) {
      Engine engine(config);
      if (allowed(engine, problem)) candidates_.push_back({std::move(config), std::move(engine)});
    }
  });
  if (!failure.empty()) failures_.push_back("the list of engines: " + failure);
}

void ConvPlans::plan_next() {
  plan_.reset();
  while (!plan_ && next_ < candidates_.size()) {
    Candidate candidate = std::move(candidates_[next_++]);
    const std::string failure = failure_of([&] {
      Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, candidate.config);
      device_->set_in_plan(plan);
      plan.finalize();
      plan_.emplace(std::move(plan), candidate.engine);
    });
    if (!failure.empty()) {
      failures_.push_back(fmt::format("engine {}: {}", candidate.engine.number, failure));
    } else if (plan_->workspace_bytes() > workspace_limit_ && !candidate.large) {
      plan_.reset();
      candidate.large = true;
      candidates_.push_back(std::move(candidate));
    }
  }
}

void ConvPlans::reject(const std::string& reason) {
  failures_.push_back(fmt::format("engine {}: {}", plan_ ? plan_->engine().number : 0, reason));
  plan_next();
}

void ConvPlans::set_has_run() {
  has_run_ = true;
  candidates_.clear();
  next_ = 0;
}

}  // namespace cofactor::cudnn
