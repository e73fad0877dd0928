// cuDNN's plans for every convolution of every network and of the parity tests, on GPUs that are described and need not
// be there. COFACTOR_WRITE_PLANS=1 writes docs/gpu/plans.csv anew.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "engine/autograd.h"
#include "engine/backends/cuda/cudnn_graph.h"
#include "engine/ops/reduce.h"
#include "models/make_network.h"
#include "models/two_layer_cnn.h"
#include "models/word_cnn.h"
#include "tests/engine/conv_cases.h"
#include "tests/engine/cuda/conv_recorder.h"
#include "tests/engine/cuda/gpu_properties.h"
#include "tests/fixtures/errors.h"

namespace cofactor::testing {

namespace {

using cudnn::ConvKind;
using cudnn::ConvPlans;
using cudnn::ConvProblem;
using cudnn::Plan;
using cudnn::PlanDevice;

// Nothing, with a line that ctest takes for a skipped test, where this cuDNN does not plan for a described GPU.
std::optional<PlanDevice> plan_device(const std::string& properties) {
  try {
    return std::make_optional<PlanDevice>(properties);
  } catch (const Error& error) {
    REQUIRE_MESSAGE((CUDNN_VERSION < 91900 || cudnnGetVersion() < 91900), error.what());
    fmt::print("skipped: cuDNN does not plan for a described GPU ({})\n", error.what());
    return std::nullopt;
  }
}

std::string version_text() {
  const size_t version = cudnnGetVersion(), cuda = cudnnGetCudartVersion();
  return fmt::format("cuDNN {}.{}.{} for CUDA {}.{}", version / 10000, version / 100 % 100, version % 100, cuda / 1000,
                     cuda / 10 % 100);
}

// One training step with one image or sentence, of shape (1, ...).
void run_step(Module& network, const Tensor& x) {
  network.train();
  backward(sum(network(x)));
}

// The convolutions of one training step with a batch of `batch`.
std::vector<RecordedConv> convs_of(Module& network, const Tensor& x, int64_t batch) {
  std::vector<RecordedConv>& convs = conv_recorder().convs;
  convs.clear();
  run_step(network, x);
  REQUIRE(!convs.empty());
  for (RecordedConv& conv : convs) conv.x[0] = conv.y[0] = batch;
  return convs;
}

constexpr int64_t kBatch = 128;            // of the paper's experiments
constexpr int64_t kClothing1mBatch = 256;  // of the one with 224 x 224 pixels
constexpr int64_t kWords = 59;             // of the longest movie review

std::vector<RecordedConv> image_network_convs() {
  REQUIRE_MESSAGE(network_names().size() == 8, "a new network's convolutions belong here");
  std::vector<RecordedConv> all;
  const auto add = [&](std::string_view name, const NetworkOptions& options, int64_t batch) {
    Initializer init(kHost);
    const std::unique_ptr<Module> network = make_network(name, init, options);
    const Tensor x = Tensor::empty({1, options.image_height, options.image_width, 3}, DType::f32, kHost);
    for (const RecordedConv& conv : convs_of(*network, x, batch)) all.push_back(conv);
  };
  // ResNet-18 and VGG-11, 13 and 19 have no convolution that these lack.
  for (const std::string_view name : {"resnet20", "resnet34", "resnet50", "vgg16"}) {
    const NetworkOptions cifar{
        .classes = 10, .image_height = 32, .image_width = 32, .stem = ResNetStem::cifar, .head = VggHead::linear};
    add(name, cifar, kBatch);
    if (smallest_image(name) > 1) {  // VGG, in the published code's size for Dogs vs. Cats
      add(name, {.classes = 2, .image_height = 150, .image_width = 150, .head = VggHead::linear}, kBatch);
    } else {
      add(name, {.classes = 14, .stem = ResNetStem::imagenet}, kClothing1mBatch);
    }
  }
  return all;
}

std::vector<RecordedConv> small_network_convs() {
  std::vector<RecordedConv> all;
  Initializer init(kHost);
  TwoLayerCnn two_layers(init);
  for (const RecordedConv& conv : convs_of(two_layers, Tensor::empty({1, 28, 28, 1}, DType::f32, kHost), kBatch))
    all.push_back(conv);
  for (const int64_t dimension : {128, 300}) {
    WordCnn words(init, {.vocabulary = 2, .dimension = dimension});
    for (const RecordedConv& conv : convs_of(words, Tensor::zeros({1, kWords}, DType::i32, kHost), kBatch))
      all.push_back(conv);
  }
  return all;
}

ConvKind kind_of(RecordedKind kind) {
  return kind == RecordedKind::forward          ? ConvKind::forward
         : kind == RecordedKind::input_gradient ? ConvKind::input_gradient
                                                : ConvKind::weight_gradient;
}

// Each convolution in each precision, once.
class Problems {
 public:
  void add(ConvKind kind, const Shape& x, const Shape& w, const Shape& y, const Conv2dParams& params) {
    for (const auto& [dtype, tf32] : {std::pair(DType::bf16, false), {DType::f32, false}, {DType::f32, true}}) {
      ConvProblem problem{kind, x, w, y, params, dtype, tf32};
      if (known_.insert(problem.key()).second) all_.push_back(std::move(problem));
    }
  }
  const std::vector<ConvProblem>& all() const { return all_; }

 private:
  std::set<std::vector<int64_t>> known_;
  std::vector<ConvProblem> all_;
};

std::vector<ConvProblem> network_problems() {
  Problems result;
  for (const auto& convs : {image_network_convs(), small_network_convs()})
    for (const RecordedConv& conv : convs) result.add(kind_of(conv.kind), conv.x, conv.w, conv.y, conv.params);
  return result.all();
}

std::vector<ConvProblem> parity_problems() {
  Problems result;
  for (const parity::ConvCase& c : parity::conv_cases()) {
    if (c.n == 0) continue;  // nothing to compute
    for (const ConvKind kind : {ConvKind::forward, ConvKind::input_gradient, ConvKind::weight_gradient})
      result.add(kind, c.x(), c.weights(), c.y(), c.params);
  }
  return result.all();
}

bool may_round(const ConvProblem& problem) {
  return problem.dtype == DType::bf16 || problem.allow_tf32;
}

void check_plan(const ConvProblem& problem, const ConvPlans& plans) {
  INFO(problem.text());
  const Plan* plan = plans.plan();
  REQUIRE_MESSAGE(plan, (plans.failures().empty() ? "no engine is allowed" : plans.failures().back()));
  INFO(plan->text());
  const cudnn::Engine& engine = plan->engine();
  CHECK_FALSE(engine.has(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC));
  CHECK_FALSE(engine.has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION));
  CHECK_FALSE(engine.runtime_compiled);
  if (!may_round(problem)) {
    CHECK_FALSE(engine.has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
    CHECK_FALSE(engine.has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS));
  } else if (cudnn::fills_tensor_cores(problem)) {
    CHECK(engine.has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
  }
  CHECK(plan->workspace_bytes() <= cudnn::workspace_limit(problem));
}

// The same problem as `problem`, added to what dx holds.
ConvProblem added(ConvProblem problem) {
  problem.accumulate = true;
  return problem;
}

std::string table_columns(const Plan& plan) {
  std::string notes = plan.engine().notes_text();
  std::ranges::replace(notes, ',', ';');
  return fmt::format(",{},{},{:.1f}", plan.engine().number, notes,
                     static_cast<double>(plan.workspace_bytes()) / (1 << 20));
}

// Checks the plan for a device, and that the gradient that is added to dx has the same one. The plan's columns in the
// table.
std::string checked_plan(const PlanDevice& device, const ConvProblem& problem) {
  const ConvPlans plans(device, problem);
  check_plan(problem, plans);
  if (problem.kind == ConvKind::input_gradient && !problem.allow_tf32) {
    const ConvPlans adding(device, added(problem));
    check_plan(added(problem), adding);
    CHECK(adding.plan()->text() == plans.plan()->text());
  }
  return table_columns(*plans.plan());
}

// The described GPUs for cuDNN; none, with a line that ctest takes for a skipped test, where cuDNN is too old.
std::vector<PlanDevice> plan_devices() {
  std::vector<PlanDevice> devices;
  for (const DescribedGpu& gpu : described_gpus())
    if (std::optional<PlanDevice> device = plan_device(gpu.properties)) devices.push_back(std::move(*device));
  return devices;
}

std::string table_head() {
  std::string text = "convolution,x,w,stride,pad,dilation,precision";
  for (const DescribedGpu& gpu : described_gpus()) text += fmt::format(",{0} engine,{0} notes,{0} MiB", gpu.name);
  return text + "\n";
}

std::string table_row(const ConvProblem& problem) {
  const auto extents = [](const Shape& s) { return fmt::format("{} {} {} {}", s[0], s[1], s[2], s[3]); };
  const Conv2dParams& p = problem.params;
  return fmt::format("{},{},{},{} {},{} {},{} {},{}", cudnn::name_of(problem.kind), extents(problem.x),
                     extents(problem.w), p.stride_h, p.stride_w, p.pad_h, p.pad_w, p.dilation_h, p.dilation_w,
                     problem.precision());
}

// Compares the table with the one in the documentation, if that is of this cuDNN; writes it where that is asked for.
void check_table(const std::string& table) {
  const std::string path = COFACTOR_SOURCE_DIR "/docs/gpu/plans.csv", head = "# " + version_text() + "\n";
  if (std::getenv("COFACTOR_WRITE_PLANS")) {
    std::ofstream(path) << head << table;
    return;
  }
  std::ifstream file(path);
  REQUIRE_MESSAGE(file.good(), path);
  const std::string written{std::istreambuf_iterator<char>(file), {}};
  if (written.starts_with(head)) {
    CHECK_MESSAGE(written == head + table, path << " is not this; COFACTOR_WRITE_PLANS=1 writes it anew");
  } else {
    MESSAGE(path << " is of another version than " << version_text() << " and is not compared");
  }
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("cuDNN plans every convolution of every network for an H100 and an A100") {
    const std::vector<PlanDevice> devices = plan_devices();
    if (devices.empty()) return;
    std::string table = table_head();
    for (const ConvProblem& problem : network_problems()) {
      table += table_row(problem);
      for (const PlanDevice& device : devices) table += checked_plan(device, problem);
      table += '\n';
    }
    check_table(table);
  }

  TEST_CASE("cuDNN plans every convolution of the parity tests for an H100 and an A100") {
    for (const PlanDevice& device : plan_devices())
      for (const ConvProblem& problem : parity_problems()) checked_plan(device, problem);
  }

  TEST_CASE("cuDNN plans for the GPU of this machine what it plans for its properties") {
    cudnnHandle_t handle = nullptr;
    if (const cudnnStatus_t status = cudnnCreate(&handle); status != CUDNN_STATUS_SUCCESS) {
      fmt::print("skipped: no GPU that cuDNN uses ({})\n", cudnnGetErrorString(status));
      return;
    }
    const std::string properties = cudnn::gpu_properties(handle);
    fmt::print("{}\n", properties);
    const PlanDevice gpu(handle);
    const std::optional<PlanDevice> described = plan_device(properties);
    if (!described) return;
    for (const ConvProblem& problem : network_problems()) {
      INFO(problem.text());
      const ConvPlans plans(gpu, problem), expected(*described, problem);
      check_plan(problem, plans);
      CHECK(plans.plan()->text() == expected.plan()->text());
    }
    cudnnDestroy(handle);
  }

  TEST_CASE("ConvPlans: an engine that fails makes way for the next until none is left") {
    const std::optional<PlanDevice> device = plan_device(described_gpus()[0].properties);
    if (!device) return;
    const Shape x{128, 32, 32, 64}, w{64, 3, 3, 64};
    const Conv2dParams params{.pad_h = 1, .pad_w = 1};
    const ConvProblem problem{ConvKind::forward, x, w, conv2d_output(x, w, params), params, DType::bf16};
    ConvPlans plans(*device, problem);
    REQUIRE(plans.plan());
    // Without a GPU no plan runs, and cuDNN says so.
    CHECK(plans.plan()->execute(nullptr, nullptr, nullptr, nullptr, nullptr).find("CUDNN_STATUS_") !=
          std::string::npos);
    size_t tried = 0, failed = plans.failures().size();
    bool had_tensor_cores = true;
    for (; plans.plan(); ++tried) {
      const bool has_tensor_cores = plans.plan()->engine().has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
      CHECK((had_tensor_cores || !has_tensor_cores));
      had_tensor_cores = has_tensor_cores;
      const std::string name = fmt::format("engine {}: attempt {}", plans.plan()->engine().number, tried);
      plans.reject(fmt::format("attempt {}", tried));
      REQUIRE(plans.failures().size() > failed);
      CHECK(plans.failures()[failed] == name);
      failed = plans.failures().size();
    }
    CHECK(tried > 3);
    CHECK_FALSE(had_tensor_cores);
  }

  TEST_CASE("ConvPlans: a convolution that cuDNN refuses has no plan and a reason") {
    const std::optional<PlanDevice> device = plan_device(described_gpus()[0].properties);
    if (!device) return;
    const ConvProblem wrong{ConvKind::forward, {2, 8, 8, 16}, {16, 3, 3, 16}, {2, 9, 9, 16}, {}, DType::f32};
    std::string said = error_of([&] {
      const ConvPlans plans(*device, wrong);
      CHECK_FALSE(plans.plan());
      REQUIRE(!plans.failures().empty());
      fail("{}", plans.failures().front());
    });
    CHECK_MESSAGE(said.find("CUDNN_STATUS_") != std::string::npos, said);
  }

  TEST_CASE("PlanDevice: text that describes no GPU is refused") {
    if (!plan_device(described_gpus()[0].properties)) return;
    CHECK_THROWS_AS(PlanDevice(std::string("an H100")), Error);
    CHECK_THROWS_AS(PlanDevice(std::string("{}")), Error);
  }
}

}  // namespace cofactor::testing
