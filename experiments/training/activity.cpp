#include "experiments/training/activity.h"

#include <sys/resource.h>
#include <unistd.h>

#include <new>
#include <string_view>
#include <utility>

#include "engine/error.h"

namespace cofactor {
namespace {

struct Activity {
  std::string doing, results;
};

Activity& activity() {
  static Activity now;
  return now;
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

}  // namespace cofactor
