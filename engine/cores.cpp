#include "engine/cores.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

namespace cofactor {

namespace {

namespace fs = std::filesystem;

const fs::path kControlGroups = "/sys/fs/cgroup";

// What a control group allows, in cores; 0 where it sets no limit. Version 2 writes "QUOTA PERIOD" in microseconds, or
// "max PERIOD", version 1 two files and -1.
double quota_of(const fs::path& group) {
  double quota = 0.0, period = 0.0;
  std::ifstream both(group / "cpu.max");
  if (!(both >> quota >> period)) {
    std::ifstream(group / "cpu.cfs_quota_us") >> quota;
    std::ifstream(group / "cpu.cfs_period_us") >> period;
  }
  return quota > 0.0 && period > 0.0 ? quota / period : 0.0;
}

// The least that the groups of this process and those above them allow; 0 where none sets a limit. Within a container
// the names of the groups outside it lead nowhere, and the root is its own group.
double quota_of_this_process() {
  double least = 0.0;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "ID:CONTROLLERS:/PATH"
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && controllers.find("cpu") == std::string::npos) continue;
    const fs::path root = controllers.empty() ? kControlGroups : kControlGroups / "cpu";
    for (fs::path group = fs::path(line.substr(second + 1)).relative_path();; group = group.parent_path()) {
      const double quota = quota_of(root / group);
      if (quota > 0.0 && (least == 0.0 || quota < least)) least = quota;
      if (group.empty()) break;
    }
  }
  return least;
}

}  // namespace

int usable_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  int cores = sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 1;
  if (const double quota = quota_of_this_process(); quota > 0.0) {
    cores = std::min(cores, static_cast<int>(std::ceil(quota)));
  }
  return std::max(cores, 1);
}

}  // namespace cofactor
