#include "experiments/sweep/program.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/cores.h"
#include "experiments/training/activity.h"
#include "experiments/training/console.h"
#include "experiments/training/stop.h"

namespace cofactor {
namespace {

// Descriptors 0, 1 and 2 that are closed would be taken by the next files that are opened.
void fill_standard_files() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one. Where /dev/null is missing there is nothing better.
    [[maybe_unused]] const int opened = open("/dev/null", descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY);
  }
}

}  // namespace

int max_threads() {
  return std::max(4 * usable_cores(), 64);
}

std::string with_program(std::string_view program, std::string_view message) {
  const std::string prefix = fmt::format("{}: ", program);
  return message.starts_with(prefix) ? std::string(message) : prefix + std::string(message);
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
