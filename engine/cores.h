// The processor cores that this process may use.
#pragma once

#include <filesystem>
#include <istream>
#include <string>

namespace cofactor {

// The cores of its affinity mask, or its control groups' quota, rounded up, where that is less; at least 1.
int usable_cores();

// The smallest number of cores that a process's control groups and their parents allow; 0 where none sets a limit.
// `root`: where the groups are mounted, /sys/fs/cgroup. `groups`: the process's own, in the format of
// /proc/self/cgroup. Version 2
// ("cpu.max") and version 1 ("cpu.cfs_quota_us") are both read.
double control_group_cores(const std::filesystem::path& root, std::istream& groups);

// The name of this machine; "an unnamed host" where it has none.
std::string host_name();
// The kernel's number of this start of the machine: containers and network namespaces of one machine, which share its
// cores, have the same one under different host names. The host's name where the system does not tell.
std::string machine_id();

}  // namespace cofactor
