#include "engine/cores.h"

#include <doctest/doctest.h>

#include <sstream>

#include "engine/io/file.h"
#include "tests/fixtures/temporary_folder.h"

using namespace cofactor;
using cofactor::testing::TemporaryFolder;

namespace {

double cores_in(const TemporaryFolder& root, const std::string& groups) {
  std::istringstream lines(groups);
  return control_group_cores(root.path(), lines);
}

void write_in_group(const TemporaryFolder& root, const std::string& file, const std::string& text) {
  const auto path = root.path() / file;
  std::filesystem::create_directories(path.parent_path());
  write_file_atomically(path, text);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("cores: the least quota of a group and those above it counts in version 2 of control groups") {
    const TemporaryFolder root;
    CHECK(cores_in(root, "0::/a/b\n") == 0.0);
    write_in_group(root, "a/b/cpu.max", "max 100000\n");
    CHECK(cores_in(root, "0::/a/b\n") == 0.0);
    write_in_group(root, "a/cpu.max", "150000 100000\n");
    CHECK(cores_in(root, "0::/a/b\n") == 1.5);
    write_in_group(root, "cpu.max", "400000 100000\n");
    CHECK(cores_in(root, "0::/a/b\n") == 1.5);
    CHECK(cores_in(root, "0::/\n") == 4.0);
    CHECK(cores_in(root, "0::/outside/of/the/container\n") == 4.0);
  }

  TEST_CASE("cores: version 1 of control groups and files that are none of both") {
    const TemporaryFolder root;
    write_in_group(root, "cpu/a/cpu.cfs_quota_us", "50000\n");
    write_in_group(root, "cpu/a/cpu.cfs_period_us", "100000\n");
    CHECK(cores_in(root, "5:memory:/a\n4:cpu,cpuacct:/a\n") == 0.5);
    CHECK(cores_in(root, "4:cpuset:/a\n") == 0.0);
    write_in_group(root, "cpu/a/cpu.cfs_quota_us", "-1\n");
    CHECK(cores_in(root, "4:cpu,cpuacct:/a\n") == 0.0);
    write_in_group(root, "cpu.max", "nonsense");
    CHECK(cores_in(root, "0::/\nno colons here\n:\n") == 0.0);
  }

  TEST_CASE("cores: there is one at least") {
    CHECK(usable_cores() >= 1);
  }
}
