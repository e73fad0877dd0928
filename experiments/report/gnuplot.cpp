#include "experiments/report/gnuplot.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
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
  explicit TemporaryFolder(const fs::path& otherwise) {
    std::error_code error;
    const fs::path usual = fs::temp_directory_path(error);
    if (!error && make_in(usual)) return;
    check(make_in(otherwise), "figure: cannot make a folder in {}: {}", otherwise.string(), std::strerror(errno));
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

// Runs `gnuplot figure.gp` in a folder, without a shell; its output goes to log.txt there. Returns the wait status.
int start_gnuplot(const fs::path& folder) {
  const std::string log = (folder / "log.txt").string();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  std::array<char*, 3> arguments = {const_cast<char*>("gnuplot"), const_cast<char*>("figure.gp"), nullptr};
  pid_t process = 0;
  const int error = posix_spawnp(&process, "gnuplot", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  check(error != ENOENT, "figure: gnuplot is not installed (Debian: gnuplot-nox); the results are not affected");
  check(error == 0, "figure: gnuplot cannot be started: {}", std::strerror(error));
  int status = 0;
  while (waitpid(process, &status, 0) < 0)
    check(errno == EINTR, "figure: waiting for gnuplot failed: {}", std::strerror(errno));
  return status;
}

}  // namespace

std::string gnuplot_string(std::string_view text) {
  std::string result = "'";
  if (text.starts_with('\'')) {  // gnuplot takes two quotes at the beginning for an empty string
    result += "’";
    text.remove_prefix(1);
  }
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) continue;
    result += c;
    if (c == '\'') result += c;
  }
  return result + "'";
}

std::map<std::string, std::string> run_gnuplot(const std::string& script, const std::vector<std::string>& files,
                                               const fs::path& otherwise) {
  const TemporaryFolder folder(otherwise);
  write_file_atomically(folder.path() / "figure.gp", script);
  const int status = start_gnuplot(folder.path());
  const std::string log = read_file(folder.path() / "log.txt");
  check(status == 0, "figure: gnuplot failed (wait status {}): {}", status, log);
  std::map<std::string, std::string> drawn;
  for (const std::string& name : files) {
    check(fs::exists(folder.path() / name), "figure: gnuplot drew no {}: {}", name, log);
    std::string bytes = read_file(folder.path() / name);
    const bool whole =
        name.ends_with(".svg") ? bytes.find("</svg>") != std::string::npos : bytes.starts_with("\x89PNG");
    check(whole, "figure: gnuplot drew no {}: {}", name, log);
    drawn[name] = std::move(bytes);
  }
  return drawn;
}

}  // namespace cofactor
