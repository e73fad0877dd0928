// What a program says where CUDA cannot be used, and that each of several GPUs is used by its own calls: with
// make-believe drivers and libraries (fake/fake_cuda.h) in the place of NVIDIA's.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/experiments/process.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/process.h"

namespace cofactor::testing {

namespace {

namespace fs = std::filesystem;

const fs::path kFakes = COFACTOR_FAKES, kLibraries = fs::path(COFACTOR_BINARY_DIR).parent_path() / "lib";
const std::string kModule = "libcofactor_cuda.so", kLibrary = "libcofactor.so.0";

// A folder that the loader searches first.
class Libraries {
 public:
  fs::path path() const { return folder_.path() / "lib"; }
  Libraries() { fs::create_directory(path()); }
  void link(const fs::path& file) const { fs::create_symlink(file, path() / file.filename()); }
  // A copy of the module that needs a library of another name, of the same length.
  void module_needing(const std::string& instead, const std::string& library) const {
    std::string bytes = read_file(kLibraries / kModule);
    REQUIRE(instead.size() == library.size());
    size_t changes = 0;
    for (size_t at = 0; (at = bytes.find(library, at)) != std::string::npos; ++changes)
      bytes.replace(at, library.size(), instead);
    REQUIRE(changes > 0);
    std::ofstream(path() / kModule, std::ios::binary) << bytes;
  }

  // Runs a program with this folder first and then `environment`, "NAME=VALUE" each.
  Outcome run(std::vector<std::string> command, const std::vector<std::string>& environment = {}) const {
    std::vector<std::string> whole{"env", "-u", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH=" + path().string()};
    whole.insert(whole.end(), environment.begin(), environment.end());
    whole.insert(whole.end(), command.begin(), command.end());
    return Process(whole, folder_.path()).wait();
  }
  // The error of `--device DEVICE`, without its newline and what all have in common.
  std::string refusal(const std::string& device, const std::vector<std::string>& environment = {}) const {
    const Outcome outcome = run({program("fashion_mnist"), "--device", device}, environment);
    CHECK(outcome.code == 2);
    const std::string prefix = "fashion_mnist: --device " + device + ": ";
    REQUIRE_MESSAGE(outcome.err.starts_with(prefix), outcome.err);
    return outcome.err.substr(prefix.size());
  }
  // What `--device auto` says before the program finds no data.
  std::string note(const std::vector<std::string>& environment = {}) const {
    const Outcome outcome = run({program("fashion_mnist"), "--data", "nowhere"}, environment);
    CHECK(outcome.code != 0);
    const size_t own = outcome.err.find("fashion_mnist:");
    REQUIRE_MESSAGE(own != std::string::npos, outcome.err);
    return outcome.err.substr(0, own);
  }

 private:
  TemporaryFolder folder_;
};

// A driver, and CUDA's own runtime.
struct WithDriver : Libraries {
  WithDriver() { link(kFakes / "libcuda.so.1"); }
};

// Two make-believe GPUs.
struct WithGpus : Libraries {
  WithGpus() {
    for (const auto& entry : fs::directory_iterator(kFakes))
      if (entry.path().filename().string().starts_with("lib")) link(entry.path());
  }
};

// The names of the libraries of CUDA that the module needs: those that were made.
std::vector<std::string> needed_libraries() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kFakes)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("lib") && name != "libcuda.so.1") names.push_back(name);
  }
  return names;
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("cuda start: every call of a GPU is made with that GPU current on every thread") {
    const WithGpus two;
    const Outcome outcome = two.run({program("cuda_second_gpu")});
    CHECK(outcome.out == "done\n");
    CHECK(outcome.code == 0);
    // The make-believe cuDNN has no engines.
    std::istringstream said(outcome.err);
    for (std::string line; std::getline(said, line);) CHECK(line.starts_with("warning: cuda: conv2d "));
    // That this can fail: cudaSetDevice that does nothing once each GPU's backend is made.
    const Outcome stuck = two.run({program("cuda_second_gpu")}, {"FAKE_STUCK=1"});
    CHECK(stuck.code == 1);
    CHECK(contains(stuck.out, "cudaErrorInvalidResourceHandle"));
  }

  TEST_CASE("cuda start: the numbers of the GPUs that are there") {
    const WithGpus gpus;
    CHECK(contains(gpus.refusal("cuda:7"), "device cuda:7: this machine has 2 GPUs, cuda:0 and cuda:1"));
    CHECK(contains(gpus.refusal("cuda:1", {"FAKE_GPUS=1"}), "device cuda:1: this machine has 1 GPU, cuda:0"));
    CHECK(
        contains(gpus.refusal("cuda:8", {"FAKE_GPUS=8"}), "device cuda:8: this machine has 8 GPUs, cuda:0 to cuda:7"));
    CHECK(contains(gpus.refusal("cuda:-1"), "device: 'cuda:-1' is unknown, expected auto, cpu"));
    CHECK(gpus.note() == "");
  }

  TEST_CASE("cuda start: a GPU that cannot be used is an error with its cause") {
    const WithGpus gpus;
    const std::string full = gpus.refusal("cuda:1", {"FAKE_cudaFree=2"});
    CHECK(full ==
          "device cuda:1: its memory is full: nvidia-smi shows which processes use it (cudaFree: "
          "cudaErrorMemoryAllocation)\n");
    CHECK(gpus.refusal("cuda", {"FAKE_cudaFree=46"}) ==
          "device cuda: it is used by another process alone, or its compute mode forbids use (nvidia-smi -q -d COMPUTE "
          "shows the mode) (cudaFree: cudaErrorDevicesUnavailable)\n");
    const std::string old = gpus.refusal("cuda", {"FAKE_cudaFuncGetAttributes=209"});
    CHECK(contains(old, "device cuda (Fake GPU, compute capability 9.0): this build has no kernels for it, only for"));
    CHECK(contains(old, "CMAKE_CUDA_ARCHITECTURES (cudaFuncGetAttributes: cudaErrorNoKernelImageForDevice)\n"));
    CHECK(contains(gpus.refusal("cuda", {"FAKE_POOLS=0"}), "device cuda: this GPU has no stream-ordered memory"));
    CHECK(contains(gpus.refusal("cuda", {"FAKE_cudaGetDeviceCount=46"}), "device cuda: it is used by another process"));
  }

  TEST_CASE("cuda start: a cuDNN of another major version than the one built with is an error with its file") {
    const WithGpus gpus;
    for (const char* version : {"80907", "100000"}) {
      const std::string message = gpus.refusal("cuda", {fmt::format("FAKE_CUDNN={}", version)});
      CAPTURE(message);
      CHECK(contains(message, "device cuda: " + (gpus.path() / "libcudnn.so").string()));
      CHECK(contains(message, version == std::string("80907") ? " is cuDNN 8.9.7, and this build needs cuDNN 9:"
                                                              : " is cuDNN 10.0.0, and this build needs cuDNN 9:"));
      CHECK(contains(message, "install it, or put its folder first in LD_LIBRARY_PATH\n"));
    }
  }

  TEST_CASE("cuda start: without a driver cuda is an error and auto is silent") {
    const Libraries none;
    std::ofstream(none.path() / "libcuda.so.1") << "";  // hides a driver that this machine may have
    const std::string message = none.refusal("cuda");
    CHECK(contains(message, "device cuda: NVIDIA's driver is not installed, or not where the loader looks ("));
    CHECK(contains(message, "libcuda.so.1: file too short"));
    CHECK(contains(message, "): install it, or choose the device cpu\n"));
    CHECK(none.note() == "");
    // Nothing of CUDA is loaded: its libraries take 0.1 s and about 200 MiB.
    const std::string loaded = none.run({program("fashion_mnist"), "--data", "nowhere"}, {"LD_DEBUG=files"}).err;
    CHECK(contains(loaded, kLibrary));
    CHECK(!contains(loaded, kModule));
    CHECK(!contains(loaded, "libcudart"));
  }

  TEST_CASE("cuda start: a driver that is too old or finds no GPU is an error with its cause") {
    const WithDriver driver;
    const std::string old = driver.refusal("cuda", {"FAKE_DRIVER=11040"});
    CHECK(contains(old, "device cuda: the NVIDIA driver serves CUDA up to 11.4, and this build uses CUDA "));
    CHECK(contains(old, ": install a newer driver (cudaGetDeviceCount: cudaErrorInsufficientDriver)\n"));
    CHECK(contains(driver.refusal("cuda", {"FAKE_cuInit=100"}), "the NVIDIA driver finds no GPU on this machine"));
    CHECK(contains(driver.refusal("cuda", {"FAKE_cuInit=100", "CUDA_VISIBLE_DEVICES="}),
                   "CUDA_VISIBLE_DEVICES is empty, which hides every GPU"));
    CHECK(contains(driver.refusal("cuda", {"FAKE_cuInit=100", "CUDA_VISIBLE_DEVICES=3"}),
                   "the NVIDIA driver finds no GPU among those of CUDA_VISIBLE_DEVICES=3"));
    CHECK(contains(driver.refusal("cuda", {"FAKE_cuInit=803"}), "restart the machine"));
    CHECK(contains(driver.refusal("cuda", {"FAKE_cuInit=802"}), "nvidia-fabricmanager"));
    CHECK(contains(driver.refusal("cuda", {"FAKE_cuInit=34"}), "stub"));
    CHECK(contains(driver.refusal("cuda", {"FAKE_cuInit=999"}),
                   "nvidia-smi shows whether it works (cudaGetDeviceCount: cudaErrorUnknown)\n"));
    CHECK(contains(driver.refusal("cuda", {"FAKE_cuInit=1"}),
                   "device cuda: invalid argument (cudaGetDeviceCount: cudaErrorInvalidValue)\n"));
    CHECK(driver.note({"FAKE_cuInit=803"}) ==
          "device auto: cpu is used, not cuda. The reason: " + driver.refusal("cuda", {"FAKE_cuInit=803"}));
  }

  TEST_CASE("cuda start: a library that is missing is named by the error and by auto") {
    for (const std::string& library : needed_libraries()) {
      CAPTURE(library);
      WithDriver driver;
      driver.link(kLibraries / kLibrary);
      std::string other = library;
      other.replace(3, 2, "xx");  // libxxdnn.so.9
      driver.module_needing(other, library);
      const std::string message = driver.refusal("cuda");
      CHECK(message == fmt::format("device cuda: the library {}, which {} needs, is not found: install it, or name its "
                                   "folder in LD_LIBRARY_PATH\n",
                                   other, (driver.path() / kModule).string()));
      CHECK(driver.note() == "device auto: cpu is used, not cuda. The reason: " + message);
    }
  }

  TEST_CASE("cuda start: a module that is missing or that a library does not fit is an error") {
    WithDriver driver;
    driver.link(kLibraries / kLibrary);
    const std::string module = (driver.path() / kModule).string();
    CHECK(
        driver.refusal("cuda") ==
        fmt::format("device cuda: {} is missing: it belongs beside the library that looks for it; build or install it "
                    "again\n",
                    module));
    std::ofstream(driver.path() / kModule) << "text";
    CHECK(contains(driver.refusal("cuda"), "device cuda: " + module + " cannot be opened: " + module + ": "));
    fs::remove(driver.path() / kModule);
    driver.module_needing("cudnnBackendFinalizX", "cudnnBackendFinalize");
    const std::string message = driver.refusal("cuda");
    CHECK(contains(message, "undefined symbol: cudnnBackendFinalizX"));
    CHECK(contains(message, "a library that it needs has another version than the one it was built with\n"));
  }

  TEST_CASE("cuda start: the processes of --jobs take the device of the one that started them and say nothing more") {
    const WithDriver driver;
    const Workplace place({.train = 100, .test = 20});
    const auto command = place.command({"--rate", "0,0.2", "--method", "ce", "--epochs", "1", "--jobs", "2"});
    const Outcome outcome = driver.run(command, {"FAKE_cuInit=803"});
    CHECK(outcome.code == 0);
    CHECK(outcome.err == driver.note({"FAKE_cuInit=803"}));
    CHECK(contains(outcome.out, "device cpu"));
  }
}

}  // namespace cofactor::testing
