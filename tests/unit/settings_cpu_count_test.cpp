// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>
#include <sched.h>

#include <string>

#include "settings/cgroup.hpp"
#include "settings/cpu_count.hpp"
#include "temporary_directory.hpp"

using uringcorn::TemporaryDirectory;
using uringcorn::settings::affinity_cpus;
using uringcorn::settings::cgroup_memory_limit;
using uringcorn::settings::cgroup_quota_cpus;
using uringcorn::settings::usable_cpus;

namespace {

constexpr const char* k_v2_mount =
    "23 1 8:1 / / rw - ext4 /dev/root rw\n"
    "41 23 0:38 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

std::int64_t quota(const TemporaryDirectory& root) {
  return cgroup_quota_cpus(root.path());
}

}  // namespace

TEST_CASE("a cgroup v2 quota is rounded up to whole processors") {
  const TemporaryDirectory root;
  root.write("proc/self/cgroup", "0::/shop\n");
  root.write("proc/self/mountinfo", k_v2_mount);
  root.write("sys/fs/cgroup/shop/cpu.max", "150000 100000\n");
  CHECK(quota(root) == 2);
  root.write("sys/fs/cgroup/shop/cpu.max", "200000 100000\n");
  CHECK(quota(root) == 2);
  root.write("sys/fs/cgroup/shop/cpu.max", "5000 100000\n");
  CHECK(quota(root) == 1);
}

TEST_CASE("max is no quota, and so is a hierarchy that cannot be read") {
  const TemporaryDirectory root;
  CHECK(quota(root) == 0);
  root.write("proc/self/cgroup", "0::/shop\n");
  CHECK(quota(root) == 0);
  root.write("proc/self/mountinfo", k_v2_mount);
  CHECK(quota(root) == 0);
  root.write("sys/fs/cgroup/shop/cpu.max", "max 100000\n");
  CHECK(quota(root) == 0);
  root.write("sys/fs/cgroup/shop/cpu.max", "nonsense\n");
  CHECK(quota(root) == 0);
  root.write("sys/fs/cgroup/shop/cpu.max", "100000 0\n");
  CHECK(quota(root) == 0);
}

TEST_CASE("the tightest quota on the way to the root counts") {
  const TemporaryDirectory root;
  root.write("proc/self/cgroup", "0::/pods/one/shop\n");
  root.write("proc/self/mountinfo", k_v2_mount);
  root.write("sys/fs/cgroup/pods/one/shop/cpu.max", "max 100000\n");
  root.write("sys/fs/cgroup/pods/one/cpu.max", "300000 100000\n");
  root.write("sys/fs/cgroup/pods/cpu.max", "800000 100000\n");
  CHECK(quota(root) == 3);
  root.write("sys/fs/cgroup/pods/one/shop/cpu.max", "100000 100000\n");
  CHECK(quota(root) == 1);
  root.write("sys/fs/cgroup/pods/one/shop/cpu.max", "600000 100000\n");
  root.write("sys/fs/cgroup/pods/cpu.max", "200000 100000\n");
  CHECK(quota(root) == 2);
}

TEST_CASE("inside a cgroup namespace the mount itself holds the quota") {
  const TemporaryDirectory root;
  root.write("proc/self/cgroup", "0::/\n");
  root.write("proc/self/mountinfo", k_v2_mount);
  root.write("sys/fs/cgroup/cpu.max", "400000 100000\n");
  CHECK(quota(root) == 4);
}

TEST_CASE("cgroup v1 quotas are read from the hierarchy with the cpu controller") {
  const TemporaryDirectory root;
  root.write("proc/self/cgroup", "5:cpuset:/elsewhere\n4:cpu,cpuacct:/shop\n0::/\n");
  root.write("proc/self/mountinfo",
             "30 23 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
             "31 23 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/shop/cpu.cfs_quota_us", "250000\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/shop/cpu.cfs_period_us", "100000\n");
  CHECK(quota(root) == 3);
  root.write("sys/fs/cgroup/cpu,cpuacct/shop/cpu.cfs_quota_us", "-1\n");
  CHECK(quota(root) == 0);
  root.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  CHECK(quota(root) == 1);
}

TEST_CASE("a container that sees only its own part of the v1 tree finds its quota there") {
  const TemporaryDirectory root;
  root.write("proc/self/cgroup", "4:cpu,cpuacct:/docker/abc\n");
  root.write("proc/self/mountinfo",
             "31 23 0:30 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  CHECK(quota(root) == 2);
  // Moved to a cgroup that the mount does not show: the mount is still the best that is known.
  root.write("proc/self/cgroup", "4:cpu,cpuacct:/docker/other\n");
  CHECK(quota(root) == 2);
}

TEST_CASE("of two hierarchies the tighter quota counts") {
  const TemporaryDirectory root;
  root.write("proc/self/cgroup", "4:cpu:/shop\n0::/shop\n");
  root.write("proc/self/mountinfo",
             "31 23 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
             "41 23 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  root.write("sys/fs/cgroup/cpu/shop/cpu.cfs_quota_us", "200000\n");
  root.write("sys/fs/cgroup/cpu/shop/cpu.cfs_period_us", "100000\n");
  root.write("sys/fs/cgroup/unified/shop/cpu.max", "500000 100000\n");
  CHECK(quota(root) == 2);
}

TEST_CASE("the affinity mask of the process is what counts, not the machine") {
  cpu_set_t before;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  CHECK(affinity_cpus() == CPU_COUNT(&before));
  int first = 0;
  while (!CPU_ISSET(first, &before)) {
    ++first;
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(affinity_cpus() == 1);
  CHECK(usable_cpus() == 1);
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
}

TEST_CASE("the tightest memory limit on the way to the root counts") {
  const TemporaryDirectory root;
  const auto limit = [&root] { return cgroup_memory_limit(root.path()); };
  CHECK(limit() == 0);
  root.write("proc/self/cgroup", "0::/pods/shop\n");
  root.write("proc/self/mountinfo", k_v2_mount);
  CHECK(limit() == 0);
  root.write("sys/fs/cgroup/pods/shop/memory.max", "max\n");
  CHECK(limit() == 0);
  root.write("sys/fs/cgroup/pods/memory.max", "536870912\n");
  CHECK(limit() == 512 << 20);
  root.write("sys/fs/cgroup/pods/shop/memory.max", "1073741824\n");
  CHECK(limit() == 512 << 20);
  root.write("sys/fs/cgroup/pods/shop/memory.max", "1048576\n");
  CHECK(limit() == 1 << 20);
}

TEST_CASE("a memory limit of cgroup v1 is read, and its word for none is understood") {
  const TemporaryDirectory root;
  root.write("proc/self/cgroup", "9:memory:/shop\n4:cpu,cpuacct:/other\n");
  root.write("proc/self/mountinfo",
             "30 29 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  root.write("sys/fs/cgroup/memory/shop/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(cgroup_memory_limit(root.path()) == 0);
  root.write("sys/fs/cgroup/memory/shop/memory.limit_in_bytes", "268435456\n");
  CHECK(cgroup_memory_limit(root.path()) == 256 << 20);
}
