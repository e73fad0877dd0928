// The folders and the seam: no include points up, no preprocessor condition and no device test stands above the seam,
// no vendor's header is included outside the backends, and no header includes the kernels' interface.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = COFACTOR_SOURCE_DIR;
constexpr std::string_view kBackends = "engine/backends/", kMpi = "engine/distributed/mpi/",
                           kNccl = "engine/distributed/nccl/";
// The kernels' interface is for the sources that call kernels, and for one header that only these sources include.
constexpr std::string_view kKernels = "engine/backend.h", kChecks = "engine/ops/checks.h";

// What each folder may include beside itself (docs/architecture.md has the same table). Of the folders here the longest
// that a file lies in counts: "data" stands for the files directly in it.
using Folders = std::set<std::string>;
const Folders kData = {"data", "data/files", "data/images", "data/noise", "data/sets", "data/text"};

Folders with(Folders folders, const Folders& more) {
  folders.insert(more.begin(), more.end());
  return folders;
}

const std::map<std::string, Folders> kMayInclude = {
    {"engine", {}},
    {"engine/distributed", {"engine"}},
    {"layers", {"engine", "engine/distributed"}},
    {"losses", {"engine", "engine/distributed", "data/noise"}},
    {"models", {"engine", "layers"}},
    {"data", {"engine"}},
    {"data/noise", {"engine"}},
    {"data/files", {"engine", "data"}},
    {"data/images", {"engine", "data", "data/files"}},
    {"data/text", {"engine", "data", "data/files"}},
    {"data/sets", {"engine", "data", "data/files", "data/images", "data/text"}},
    {"experiments/training", with(kData, {"engine", "engine/distributed", "layers", "losses", "models"})},
    {"experiments/report", with(kData, {"engine", "layers", "losses", "models", "experiments/training"})},
    {"experiments/labels",
     with(kData, {"engine", "layers", "losses", "models", "experiments/training", "experiments/report"})},
    {"experiments/sweep", with(kData, {"engine", "engine/distributed", "layers", "losses", "models",
                                       "experiments/training", "experiments/report"})},
    {"experiments/derive", with(kData, {"engine", "layers", "losses", "models", "experiments/training",
                                        "experiments/report", "experiments/sweep"})},
    {"experiments/own_data", with(kData, {"engine", "layers", "losses", "models", "experiments/training",
                                          "experiments/report", "experiments/sweep"})},
    {"experiments",
     with(kData, {"engine", "layers", "losses", "models", "experiments/training", "experiments/report",
                  "experiments/labels", "experiments/sweep", "experiments/derive", "experiments/own_data"})},
    {"bench", with(kData, {"engine", "engine/distributed", "layers", "losses", "models", "experiments/training",
                           "experiments/report", "experiments/sweep"})},
    {"examples", with(kData, {"engine", "layers", "losses", "models"})},
    {"tests", with(kData, {"engine", "engine/distributed", "layers", "losses", "models", "experiments/training",
                           "experiments/report", "experiments/labels", "experiments/sweep", "experiments/derive",
                           "experiments/own_data", "bench"})},
};

// Conditions outside of the backends that have to be there.
const std::set<std::string> kMayTestPreprocessor = {
    "engine/dtype.h",  // marks functions for both compilers, host and device
};

// The longest of the folders above that holds `path`; empty where there is none.
std::string folder_of(const std::string& path) {
  for (std::string folder = path; folder.find('/') != std::string::npos;) {
    folder.resize(folder.rfind('/'));
    if (kMayInclude.contains(folder)) return folder;
  }
  return {};
}

// What is wrong with the quoted include of `target` in `path`; empty where it is allowed.
std::string judge_quoted(const std::string& path, const std::string& target) {
  const std::string from = folder_of(path), to = folder_of(target);
  if (to.empty() || target.find("..") != std::string::npos)
    return fmt::format("\"{}\" is not written from the root", target);
  if (!fs::is_regular_file(kRoot / target)) return fmt::format("there is no \"{}\"", target);
  if (from != to && !kMayInclude.at(from).contains(to)) return fmt::format("{} may not include {}", from, to);
  const bool below = path.starts_with(kBackends) || from == "tests";
  if (target.starts_with(kBackends) && !below) return fmt::format("\"{}\" lies behind the seam", target);
  if (target == kKernels && path.ends_with(".h") && !below && path != kChecks)
    return fmt::format("a header takes what it needs from engine/kernel_params.h, not all kernels from \"{}\"", target);
  return {};
}

// Every breach of the rules in a file's text, as "path:line: what".
std::vector<std::string> breaches(const std::string& path, const std::string& text) {
  static const std::regex quoted(R"re(^\s*#\s*include\s*"([^"]*)".*)re");
  static const std::regex vendor(
      R"(^\s*#\s*include\s*[<"](oneapi/|dnnl|lapacke?|cblas|mkl|omp\.h|cu(da|dnn|blas|solver|rand|sparse)|cub/|thrust/|)"
      R"(nccl|library_types|nv[a-z]*\.h).*)");
  static const std::regex mpi(R"(^\s*#\s*include\s*[<"]mpi\.h.*)");
  static const std::regex condition(R"(^\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b.*)");
  static const std::regex device_test(
      R"(.*([=!]=\s*(cofactor::)?Device(Kind)?::|\bDevice(Kind)?::(reference|cpu|cuda)\s*[=!]=|)"
      R"(\bcase\s+(cofactor::)?DeviceKind::|\bswitch\s*\(.*\bkind\(\)).*)");
  const bool is_test = folder_of(path) == "tests", is_backend = path.starts_with(kBackends);
  // The public face of devices: names and parsing.
  const bool names_devices = path == "engine/device.h";

  std::vector<std::string> found;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const auto report = [&](const std::string& what) { found.push_back(fmt::format("{}:{}: {}", path, number, what)); };
    std::smatch match;
    if (!is_backend && !path.starts_with(kNccl) && std::regex_match(line, vendor))
      report("a vendor's header outside of the backends: " + line);
    if (!path.starts_with(kMpi) && std::regex_match(line, mpi)) report("MPI's header outside of its module: " + line);
    if (std::regex_match(line, match, quoted)) {
      const std::string wrong = judge_quoted(path, match[1]);
      if (!wrong.empty()) report(wrong);
    }
    if (is_backend || is_test) continue;
    if (!kMayTestPreprocessor.contains(path) && std::regex_match(line, condition))
      report("a preprocessor condition above the seam: " + line);
    if (!names_devices && std::regex_match(line, device_test)) report("a device test above the seam: " + line);
  }
  return found;
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

bool is_source(const fs::path& path) {
  static const std::set<std::string> extensions = {".h", ".cpp", ".cu", ".cuh"};
  return extensions.contains(path.extension().string());
}

// The first breach in a one-line file.
std::string first_breach(const std::string& path, const std::string& line) {
  const auto found = breaches(path, "// a line before\n" + line + "\n");
  return found.empty() ? "" : found.front();
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("every folder includes only what its place allows and the seam is tight") {
    std::map<std::string, int> files;
    for (const auto& [folder, unused] : kMayInclude) {
      CAPTURE(folder);
      REQUIRE(fs::is_directory(kRoot / folder));
      if (folder.find('/') != std::string::npos) continue;  // the walk through the folder above meets it
      for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
        if (!entry.is_regular_file() || !is_source(entry.path())) continue;
        const std::string path = fs::relative(entry.path(), kRoot).generic_string();
        ++files[folder_of(path)];
        for (const std::string& breach : breaches(path, read(entry.path()))) FAIL_CHECK(breach);
      }
    }
    for (const auto& [folder, unused] : kMayInclude) CHECK_MESSAGE(files[folder] > 0, folder);
  }

  TEST_CASE("an include that points up or around is found with its line") {
    CHECK(first_breach("engine/tensor.cpp", "#include \"layers/module.h\"") ==
          "engine/tensor.cpp:2: engine may not include layers");
    CHECK(first_breach("losses/dmi.cpp", "#include \"data/dataset.h\"").ends_with("losses may not include data"));
    CHECK(first_breach("data/loader.h", "  #  include \"losses/loss.h\" // why")
              .ends_with("data may not include losses"));
    CHECK(
        first_breach("losses/dmi.cpp", "#include \"data/files/csv.h\"").ends_with("losses may not include data/files"));
    CHECK(first_breach("data/x.cpp", "#include \"data/sets/idx.h\"").ends_with("data may not include data/sets"));
    CHECK(first_breach("data/noise/x.cpp", "#include \"data/dataset.h\"").ends_with("may not include data"));
    CHECK(first_breach("experiments/training/x.cpp", "#include \"experiments/sweep/options.h\"")
              .ends_with("may not include experiments/sweep"));
    CHECK(first_breach("experiments/sweep/x.cpp", "#include \"experiments/own_data/run_model.h\"")
              .ends_with("may not include experiments/own_data"));
    CHECK(first_breach("engine/ops/x.cpp", "#include \"engine/distributed/communicator.h\"")
              .ends_with("engine may not include engine/distributed"));
    CHECK(first_breach("models/x.cpp", "#include \"losses/loss.h\"").ends_with("models may not include losses"));
    CHECK(first_breach("engine/x.h", "#include \"tensor.h\"").ends_with("not written from the root"));
    CHECK(first_breach("engine/x.h", "#include \"engine/../layers/module.h\"").ends_with("not written from the root"));
    CHECK(first_breach("engine/x.h", "#include \"engine/absent.h\"").ends_with("there is no \"engine/absent.h\""));
    CHECK(
        first_breach("layers/x.cpp", "#include \"engine/backends/reference/backend.h\"").ends_with("behind the seam"));
  }

  TEST_CASE("the kernels' interface in a header outside the backends is found") {
    const std::string line = "#include \"engine/backend.h\"";
    for (const char* header : {"engine/ops/conv.h", "engine/tensor.h", "engine/optim/sgd.h", "layers/conv2d.h",
                               "data/image_bytes.h", "experiments/sweep/options.h"}) {
      CAPTURE(header);
      CHECK(first_breach(header, line).find("engine/kernel_params.h") != std::string::npos);
      CHECK(first_breach(header, "#include \"engine/kernel_params.h\"").empty());
    }
    for (const char* path : {"engine/ops/checks.h", "engine/ops/conv.cpp", "engine/backends/reference/backend.h",
                             "losses/transition.cpp", "tests/engine/parity.h"}) {
      CAPTURE(path);
      CHECK(first_breach(path, line).empty());
    }
  }

  TEST_CASE("a vendor's header a condition and a device test above the seam are found") {
    for (const char* header : {"dnnl.hpp", "oneapi/dnnl/dnnl.hpp", "lapacke.h", "omp.h", "cuda_runtime.h", "cudnn.h",
                               "cublas_v2.h", "cusolverDn.h", "cub/cub.cuh", "thrust/sort.h"}) {
      CAPTURE(header);
      const std::string line = fmt::format("#include <{}>", header);
      CHECK(first_breach("engine/ops/conv.cpp", line).find("vendor") != std::string::npos);
      CHECK(first_breach("tests/engine/x.cpp", line).find("vendor") != std::string::npos);
      CHECK(first_breach("engine/backends/cpu/conv.cpp", line).empty());
    }
    CHECK(first_breach("engine/distributed/communicator.cpp", "#include <mpi.h>").find("MPI") != std::string::npos);
    CHECK(first_breach("engine/distributed/mpi/module.cpp", "#include <mpi.h>").empty());
    CHECK(first_breach("layers/x.cpp", "#ifdef COFACTOR_HAS_CPU").find("condition") != std::string::npos);
    CHECK(first_breach("engine/optim/x.cpp", "# if 1").find("condition") != std::string::npos);
    for (const char* line :
         {"if (x.device() == Device::cuda) {", "return Device::cpu != device;", "  case DeviceKind::reference: break;",
          "switch (x.device().kind()) {", "if (device.kind() == DeviceKind::cuda) {"}) {
      CAPTURE(line);
      CHECK(first_breach("engine/ops/x.cpp", line).find("device test") != std::string::npos);
      CHECK(first_breach("engine/backends/registry.cpp", line).empty());
    }
  }

  TEST_CASE("what the rules allow is left alone") {
    CHECK(first_breach("engine/tensor.cpp", "#include \"engine/backend.h\"").empty());
    CHECK(first_breach("layers/x.cpp", "#include \"engine/ops/conv.h\"").empty());
    CHECK(first_breach("losses/x.cpp", "#include \"data/noise/synthetic.h\"").empty());
    CHECK(first_breach("tests/engine/x.cpp", "#include \"engine/backends/memory_pool.h\"").empty());
    CHECK(first_breach("engine/x.h", "#pragma once").empty());
    CHECK(first_breach("data/x.h", "Device device = Device::cpu;").empty());
    CHECK(first_breach("data/x.h", "#include <cuchar>").empty());
  }
}
