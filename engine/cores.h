// The processor cores that this process may use.
#pragma once

#include <filesystem>
#include <istream>

namespace cofactor {

// Its affinity mask's, or its control groups' quota where that is less, rounded up; at least 1.
int usable_cores();

// The least number of cores that a process's control groups and those above them allow; 0 where none sets a limit.
// `root`: where the groups are mounted, /sys/fs/cgroup. `groups`: the process's own, as in /proc/self/cgroup. Version 2
// ("cpu.max") and version 1 ("cpu.cfs_quota_us") are both read.
double control_group_cores(const std::filesystem::path& root, std::istream& groups);

}  // namespace cofactor
