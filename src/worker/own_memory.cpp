// SPDX-License-Identifier: MIT
#include "worker/own_memory.hpp"

#include <unistd.h>

#include <fstream>
#include <limits>
#include <string>

namespace uringcorn::worker {
namespace {

/// The exact number makes the kernel walk all pages, while this process waits.
constexpr auto k_measurement_interval = std::chrono::seconds(5);

/// Pages that belong to no file, in bytes: those included that a forked process shares with its
/// parent still. Never less than what is its own.
std::size_t anonymous_memory() {
  std::ifstream file("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  std::size_t of_files = 0;
  file >> size >> resident >> of_files;
  return (resident - of_files) * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::size_t private_memory() {
  std::ifstream file("/proc/self/smaps_rollup");
  file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');  // The range of addresses.
  std::string name;
  std::size_t kilobytes = 0;
  std::string unit;
  while (file >> name >> kilobytes >> unit) {
    if (name == "Private_Dirty:") {
      return kilobytes * 1024;
    }
  }
  return anonymous_memory();
}

}  // namespace

bool OwnMemory::is_over_limit(Clock::time_point now) {
  if (anonymous_memory() <= limit_ || now < next_measurement_) {
    return false;
  }
  next_measurement_ = now + k_measurement_interval;
  measured_ = private_memory();
  return measured_ > limit_;
}

}  // namespace uringcorn::worker
