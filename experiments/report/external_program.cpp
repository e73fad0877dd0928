#include "experiments/report/external_program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "engine/error.h"
#include "engine/io/file.h"

namespace cofactor {
namespace {

namespace fs = std::filesystem;

// A new folder that is removed with its contents at the end of the scope: in the system's temporary folder, or in
// `otherwise` where that cannot be used (TMPDIR may name none).
class TemporaryFolder {
 public:
  TemporaryFolder(const std::string& caller, const fs::path& otherwise) {
    std::error_code error;
    const fs::path usual = fs::temp_directory_path(error);
    if (!error && make_in(usual)) return;
    check(make_in(otherwise), "{}: cannot make a folder in {}: {}", caller, otherwise.string(), std::strerror(errno));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  bool make_in(const fs::path& folder) {
    std::string name = (folder / "cofactor-figure-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) return false;
    path_ = name;
    return true;
  }

  fs::path path_;
};

// Runs the program in a folder; its output goes to log.txt there. Returns the wait status.
int start(const ExternalProgram& program, const std::vector<std::string>& arguments, const fs::path& folder) {
  const std::string log = (folder / "log.txt").string();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  std::vector<char*> words = {const_cast<char*>(program.name.c_str())};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  pid_t process = 0;
  const int error = posix_spawnp(&process, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  check(error != ENOENT, "{}: {} is not installed (Debian: {}); {}", program.caller, program.name, program.package,
        program.if_missing);
  check(error == 0, "{}: {} cannot be started: {}", program.caller, program.name, std::strerror(error));
  int status = 0;
  while (waitpid(process, &status, 0) < 0)
    check(errno == EINTR, "{}: waiting for {} failed: {}", program.caller, program.name, std::strerror(errno));
  return status;
}

}  // namespace

FileBytes run_external(const ExternalProgram& program, const std::vector<std::string>& arguments,
                       const FileBytes& inputs, const std::vector<std::string>& outputs, const fs::path& otherwise) {
  const TemporaryFolder folder(program.caller, otherwise);
  for (const auto& [name, bytes] : inputs) write_file_atomically(folder.path() / name, bytes);
  const int status = start(program, arguments, folder.path());
  const std::string log = read_file(folder.path() / "log.txt");
  check(status == 0, "{}: {} failed (wait status {}): {}", program.caller, program.name, status, log);
  FileBytes written;
  for (const std::string& name : outputs) {
    check(fs::exists(folder.path() / name), "{}: {} drew no {}: {}", program.caller, program.name, name, log);
    written[name] = read_file(folder.path() / name);
  }
  return written;
}

void check_svg(const ExternalProgram& program, const std::string& name, const std::string& bytes) {
  check(bytes.find("</svg>") != std::string::npos, "{}: {} drew no {}", program.caller, program.name, name);
}

}  // namespace cofactor
