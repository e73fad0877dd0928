// Convolutions as graphs of cuDNN: an operation is described, cuDNN's heuristics list engines for it, best first, and
// the first one that is allowed becomes a plan.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/backends/cuda/cudnn_descriptor.h"
#include "engine/kernel_params.h"

namespace cofactor::cudnn {

// The operands of a convolution's three operations in cuDNN's names: x (input), w (weights), y (output, or its
// gradient).
enum Operand : int64_t { kX = 1, kW = 2, kY = 3 };

enum class ConvKind { forward, input_gradient, weight_gradient };
std::string_view name_of(ConvKind kind);

struct ConvProblem {
  ConvKind kind;
  Shape x, w, y;  // NHWC, OHWI, NHWC
  Conv2dParams params;
  DType dtype;  // of all three: f32 or bf16, which is multiplied and summed in f32
  bool allow_tf32 = false;
  bool accumulate = false;  // of input_gradient: dx = dx + the gradient, rounded once

  // Equal for problems that have the same plan.
  std::vector<int64_t> key() const;
  std::string_view precision() const;  // "bf16", "f32" or "tf32"
  // "input gradient, x (128, 32, 32, 64), w (64, 3, 3, 64), stride 1x1, pad 1x1, dilation 1x1, bf16"
  std::string text() const;
};

// An engine of cuDNN for a problem.
struct Engine {
  explicit Engine(const Descriptor& config);

  int64_t number = 0;  // its place in cuDNN's list
  std::vector<cudnnBackendNumericalNote_t> notes;
  bool runtime_compiled = false;

  bool has(cudnnBackendNumericalNote_t note) const;
  // "tensor cores, Winograd"; "none" where cuDNN notes nothing.
  std::string notes_text() const;
};

// A finalised execution plan.
class Plan {
 public:
  Plan(Descriptor plan, Engine engine);
  size_t workspace_bytes() const { return workspace_bytes_; }
  const Engine& engine() const { return engine_; }
  // "engine 67 (tensor cores), 2.0 MiB of workspace"
  std::string text() const;
  // Queues the convolution on the handle's stream. Empty, or what failed.
  std::string execute(cudnnHandle_t handle, void* x, void* w, void* y, void* workspace) const;

 private:
  Descriptor plan_;
  Engine engine_;
  size_t workspace_bytes_ = 0;
};

// The allowed engines of a convolution, tried one after the other.
//
// Allowed are engines that are deterministic, sum in f32, and take f32 as it is unless TF32 is (tensor cores would
// round it to TF32). Their order is cuDNN's, with three exceptions:
//  - engines that are compiled when a plan is made come last, since that takes seconds per plan and needs a driver,
//    without which no plan of theirs can be tested;
//  - engines with tensor cores come first where bf16 or TF32 is allowed and both numbers of channels fill whole words
//    of 16 bytes: other channels have to be padded first, and then another engine may be faster;
//  - an engine that wants more than workspace_limit comes after those that do not.
class ConvPlans {
 public:
  // Plans with the first engine that cuDNN accepts. The device has to outlive this.
  ConvPlans(const PlanDevice& device, const ConvProblem& problem);

  // The plan to run; null where no engine is left.
  const Plan* plan() const { return plan_ ? &*plan_ : nullptr; }
  // The plan does not run, for that reason: plans with the next engine.
  void reject(const std::string& reason);
  // What failed so far, each with its engine and what cuDNN says.
  const std::vector<std::string>& failures() const { return failures_; }
  // Whether the plan has run; then no other is tried.
  bool has_run() const { return has_run_; }
  void set_has_run();

 private:
  struct Candidate {
    Descriptor config;
    Engine engine;
    bool large = false;  // wants more than the limit, and has been put off for it
  };
  void collect(cudnnBackendHeurMode_t mode, const ConvProblem& problem);
  void plan_next();

  const PlanDevice* device_;
  Descriptor graph_;
  size_t workspace_limit_;
  std::vector<Candidate> candidates_;
  size_t next_ = 0;
  std::optional<Plan> plan_;
  std::vector<std::string> failures_;
  bool has_run_ = false;
};

// The bytes of the three operands, and 256 MiB: what an engine needs to copy them to another layout, or to transform
// them by Winograd's filtering.
size_t workspace_limit(const ConvProblem& problem);

// Whether both numbers of channels fill whole words of 16 bytes, in which tensor cores' operands are read.
bool fills_tensor_cores(const ConvProblem& problem);

}  // namespace cofactor::cudnn
