// What the end-to-end tests of the experiments share.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "tests/data/sets/idx_files.h"
#include "tests/fixtures/process.h"

namespace cofactor::testing {

// A command line with the flags of `defaults` that are not among `extra`, and then those.
inline std::vector<std::string> command_line(const std::string& name,
                                             const std::map<std::string, std::string>& defaults,
                                             const std::vector<std::string>& extra) {
  std::vector<std::string> all = {program(name)};
  for (const auto& [flag, value] : defaults) {
    if (std::ranges::find(extra, flag) == extra.end()) all.insert(all.end(), {flag, value});
  }
  all.insert(all.end(), extra.begin(), extra.end());
  return all;
}

// A folder with tiny data, and fashion_mnist on it with small settings; `extra` flags come last.
class Workplace {
 public:
  explicit Workplace(const TinyFashionMnist& tiny = {}) {
    std::filesystem::create_directory(data());
    write_tiny_fashion_mnist(data(), tiny);
  }
  std::filesystem::path data() const { return folder_.path() / "data"; }
  std::filesystem::path out() const { return folder_.path() / "out"; }
  const std::filesystem::path& path() const { return folder_.path(); }

  std::vector<std::string> command(const std::vector<std::string>& extra = {}) const {
    return command_in(out(), extra);
  }
  std::vector<std::string> command_in(const std::filesystem::path& out, const std::vector<std::string>& extra) const {
    return command_line("fashion_mnist",
                        {{"--data", data().string()},
                         {"--out", out.string()},
                         {"--threads", "1"},
                         {"--rate", "0.2"},
                         {"--epochs", "2"},
                         {"--batch-size", "50"}},
                        extra);
  }
  Outcome run(const std::vector<std::string>& extra = {}) const { return Process(command(extra), path()).wait(); }

 private:
  TemporaryFolder folder_;
};

// Waits up to 15 seconds for a file; whether it came.
inline bool appears(const std::filesystem::path& path) {
  for (int wait = 0; wait < 3000 && !std::filesystem::exists(path); ++wait) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return std::filesystem::exists(path);
}

// Every file below a folder, by its path from there, with its bytes.
inline std::map<std::string, std::string> files_below(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  if (!std::filesystem::exists(folder)) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      files[std::filesystem::relative(entry.path(), folder).string()] = read_file(entry.path());
    }
  }
  return files;
}

}  // namespace cofactor::testing
