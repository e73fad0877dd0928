#include "experiments/sweep/program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio_ext.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "experiments/training/stop.h"

namespace cofactor {
namespace {

struct Activity {
  std::string doing, results;
};

Activity& activity() {
  static Activity now;
  return now;
}

// Descriptors 0, 1 and 2 that are closed would be taken by the next files that are opened.
void fill_standard_files() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one. Where /dev/null is missing there is nothing better.
    [[maybe_unused]] const int opened = open("/dev/null", descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY);
  }
}

// " (the limit is 512 MiB of address space: ulimit -v)", as far as there is one.
std::string memory_limit() {
  constexpr double kMib = 1024.0 * 1024.0;
  for (const auto& [resource, name] :
       {std::pair{RLIMIT_AS, "address space: ulimit -v"}, std::pair{RLIMIT_DATA, "data: ulimit -d"}}) {
    rlimit limit{};
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) continue;
    return fmt::format(" (the limit is {:.0f} MiB of {})", static_cast<double>(limit.rlim_cur) / kMib, name);
  }
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || size <= 0) return {};
  return fmt::format(" (the machine has {:.0f} MiB)", static_cast<double>(pages) * static_cast<double>(size) / kMib);
}

std::string out_of_memory(std::string_view what) {
  const Activity& now = activity();
  std::string text = "not enough memory";
  if (!now.doing.empty()) text += ", " + now.doing;
  if (!what.empty()) text += fmt::format(": {}", what);
  text += memory_limit();
  std::error_code ignored;
  if (!now.results.empty() && std::filesystem::exists(now.results, ignored)) {
    text += fmt::format("; finished results are safe in {}, and the same command goes on from there", now.results);
  }
  return text;
}

}  // namespace

int max_threads() {
  return std::max(4 * usable_cores(), 64);
}

void now_doing(std::string what) {
  activity().doing = std::move(what);
}

void results_are_in(const std::filesystem::path& file) {
  activity().results = file.string();
}

std::string message_of(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error)) return out_of_memory({});
  if (dynamic_cast<const OutOfMemory*>(&error)) return out_of_memory(error.what());
  return error.what();
}

std::string with_program(std::string_view program, std::string_view message) {
  const std::string prefix = fmt::format("{}: ", program);
  return message.starts_with(prefix) ? std::string(message) : prefix + std::string(message);
}

bool write_text(std::FILE* file, std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (std::fflush(file) == 0 && written && !std::ferror(file)) return true;
  const int reason = errno;
  __fpurge(file);  // what could not be written is not tried again
  std::clearerr(file);
  errno = reason;
  return false;
}

void print_error(std::string_view line) {
  write_text(stderr, fmt::format("{}\n", line));
}

int run_main(std::string_view program, const std::function<int()>& body) {
  fill_standard_files();
  signal(SIGPIPE, SIG_IGN);
  try {
    const int code = body();
    if (write_text(stdout, "")) return code;
    print_error(fmt::format("{}: standard output cannot be written to: {}", program, std::strerror(errno)));
    return std::max(code, 1);
  } catch (const Interrupted& stop) {
    print_error(with_program(program, stop.what()));
    end_by(stop.signal());
  } catch (const UsageError& error) {
    print_error(with_program(program, error.what()));
    return 2;
  } catch (const std::exception& error) {
    print_error(with_program(program, message_of(error)));
    return 1;
  }
}

}  // namespace cofactor
