// What one training step costs on a GPU, counted from the code: the step is recorded on the host's stand-in and not
// run.
#include <doctest/doctest.h>

#include <map>

#include "engine/autograd.h"
#include "engine/io/file.h"
#include "engine/optim/sgd.h"
#include "losses/cross_entropy.h"
#include "models/make_network.h"
#include "tests/engine/cuda/host_kernels_backend.h"

namespace cofactor::testing {

namespace {

// Of the H100 SXM5, by NVIDIA's data sheet: bytes per second of its memory, bf16 operations per second of its tensor
// cores.
constexpr double kMemoryRate = 3.35e12, kTensorRate = 989e12;

const HostKernelsBackend& gpu() {
  return dynamic_cast<const HostKernelsBackend&>(backend_of(Device::cuda));
}

// The launches of one step of ResNet-34 in bf16 with SGD, at batch 128 on images of 32 x 32: what bench's workload
// resnet34 trains.
std::vector<LaunchCost> resnet34_step() {
  Initializer init(Device::cuda, 1);
  const std::unique_ptr<Module> model = make_network("resnet34", init, {.classes = 10, .stem = ResNetStem::cifar});
  model->train();
  model->compute_in_bf16();
  Sgd optimizer(model->parameters(), {.lr = 0.01, .momentum = 0.9, .weight_decay = 1e-4});
  const Tensor x = Tensor::zeros({128, 32, 32, 3}, DType::f32, Device::cuda);
  const Batch batch{
      .inputs = x, .labels = Tensor::zeros({128}, DType::i32, Device::cuda), .host_labels = {}, .indices = {}};
  CrossEntropyLoss loss;
  const auto recorded = features_of(Device::cuda).capture([&] {
    const Tensor value = loss((*model)(x), batch);
    optimizer.zero_grad();
    backward(value);
    optimizer.step();
  });
  REQUIRE(recorded != nullptr);
  return gpu().recorded();
}

struct Row {
  int64_t launches = 0, bytes = 0;
  double flops = 0;
};

std::string table_row(std::string_view name, const Row& row) {
  const double memory = 1e6 * static_cast<double>(row.bytes) / kMemoryRate, products = 1e6 * row.flops / kTensorRate;
  return fmt::format("| {} | {} | {:.1f} | {:.1f} | {:.0f} | {:.0f} |\n", name, row.launches,
                     static_cast<double>(row.bytes) / 1e6, row.flops / 1e9, memory, products);
}

// One line per op, those that move most bytes first.
std::string table_of(const std::vector<LaunchCost>& launches) {
  std::map<std::string, Row> rows;
  Row total;
  for (const LaunchCost& launch : launches) {
    for (Row* row : {&rows[launch.op], &total}) {
      ++row->launches;
      row->bytes += launch.bytes;
      row->flops += launch.flops;
    }
  }
  std::vector<std::pair<std::string, Row>> sorted(rows.begin(), rows.end());
  std::ranges::stable_sort(sorted, std::greater<>(), [](const auto& entry) { return entry.second.bytes; });
  std::string table =
      "| op | launches | MB | GFLOP | µs at 3.35 TB/s | µs at 989 TFLOP/s |\n| --- | --- | --- | --- | --- | --- |\n";
  for (const auto& [name, row] : sorted) table += table_row("`" + name + "`", row);
  return table + table_row("all", total);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("cuda step: a step of ResNet-34 is at most 220 launches whose bytes are all counted") {
    const std::vector<LaunchCost> launches = resnet34_step();
    CHECK(launches.size() <= 220);
    for (const LaunchCost& launch : launches) {
      CAPTURE(launch.op);
      CHECK(launch.bytes > 0);
    }
  }

  TEST_CASE("cuda step: the table of ResNet-34's step in the docs is the code's") {
    const std::string table = table_of(resnet34_step());
    INFO("docs/benchmarks.md should hold:\n", table);
    CHECK(read_file(COFACTOR_SOURCE_DIR "/docs/benchmarks.md").find(table) != std::string::npos);
  }
}

}  // namespace cofactor::testing
