#include "engine/cores.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

namespace cofactor {

namespace {

namespace fs = std::filesystem;

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

}  // namespace

double control_group_cores(const fs::path& root, std::istream& groups) {
  double least = 0.0;
  for (std::string line; std::getline(groups, line);) {  // "ID:CONTROLLERS:/PATH"; version 2 names no controllers
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = ',' + line.substr(first + 1, second - first - 1) + ',';
    if (controllers != ",," && controllers.find(",cpu,") == std::string::npos) continue;
    const fs::path mounted = controllers == ",," ? root : root / "cpu";
    // Within a container the names of the groups outside it lead nowhere, and the root is the container's own group.
    for (fs::path group = fs::path(line.substr(second + 1)).relative_path();; group = group.parent_path()) {
      const double quota = quota_of(mounted / group);
      if (quota > 0.0 && (least == 0.0 || quota < least)) least = quota;
      if (group.empty()) break;
    }
  }
  return least;
}

int usable_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  int cores = sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 1;
  std::ifstream groups("/proc/self/cgroup");
  if (const double quota = control_group_cores("/sys/fs/cgroup", groups); quota > 0.0) {
    cores = std::min(cores, static_cast<int>(std::ceil(quota)));
  }
  return std::max(cores, 1);
}

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "an unnamed host";
  return name.data();
}

std::string machine_id() {
  std::string id;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> id;
  return id.empty() ? host_name() : id;
}

}  // namespace cofactor
