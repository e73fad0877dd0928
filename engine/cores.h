// The processor cores that this process may use.
#pragma once

#include <filesystem>
#include <istream>

namespace cofactor {

// The cores of its affinity mask, or its control groups' quota, rounded up, where that is less; at least 1.
int usable_cores();

// The smallest number of cores that a process's control groups and their parents allow; 0 where none sets a limit.
// `root`: where the groups are mounted, /sys/fs/cgroup. `groups`: the process's own, in the format of
// /proc/self/cgroup. Version 2
// ("cpu.max") and version 1 ("cpu.cfs_quota_us") are both read.
double control_group_cores(const std::filesystem::path& root, std::istream& groups);

}  // namespace cofactor
