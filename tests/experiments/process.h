// Starts the programs under test as a person would, and what the end-to-end tests share.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "tests/data/sets/idx_files.h"

namespace cofactor::testing {

struct Outcome {
  int code = -1;  // exit code; -1 where a signal ended the process
  std::string out, err;
};

// Programs under test keep what they know of files here, and not in the home of whoever runs the tests.
inline void use_test_cache() {
  static const TemporaryFolder folder;
  static const int set = ::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
  check(set == 0, "test: XDG_CACHE_HOME cannot be set");
}

// A started process; what it prints goes to files in `folder`.
class Process {
 public:
  Process(const std::vector<std::string>& arguments, const std::filesystem::path& folder)
      : out_(folder / "stdout.txt"), err_(folder / "stderr.txt") {
    use_test_cache();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_.c_str(), kFlags, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err_.c_str(), kFlags, 0600);
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const int error = posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    check(error == 0, "test: cannot start {}: error {}", arguments[0], error);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() {
    if (!waited_) kill_and_wait();
  }

  pid_t pid() const { return pid_; }
  Outcome wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0) check(errno == EINTR, "test: lost process {}", pid_);
    waited_ = true;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(out_), read_file(err_)};
  }
  Outcome kill_and_wait() {
    ::kill(pid_, SIGKILL);
    return wait();
  }

 private:
  std::filesystem::path out_, err_;
  pid_t pid_ = 0;
  bool waited_ = false;
};

inline std::string program(const std::string& name) {
  return std::string(COFACTOR_BINARY_DIR) + "/" + name;
}

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
