// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "settings/settings.hpp"

namespace uringcorn::arbiter {

/// Who the workers are: `--user` and `--group`, or who the arbiter is.
struct Identity {
  /// False: the workers are who the arbiter is, and the rest is for nobody to use.
  bool changes = false;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> supplementary;

  /// Looks the names up. Throws std::runtime_error with a sentence when there is no such user or
  /// group, or when this process may not become it.
  static Identity of(const settings::Settings& settings);

  /// Makes this process the one it is to be, for good. Throws std::system_error.
  void assume() const;

  /// Gives a file of this process to it, so that it can be used after assume(). Throws
  /// std::system_error.
  void own(int fd) const;

  /// Lets it open the log `name` again, after a rotation too: makes the file if it is not there,
  /// and gives it away. Standard streams, devices and links are left alone; what cannot be opened
  /// is told by whoever needs it.
  void own_log(const std::string& name) const noexcept;
};

/// What is wrong with the name or number of a user or group, as the end of a sentence; or nothing.
std::string user_complaint(const std::string& user);
std::string group_complaint(const std::string& group);

}  // namespace uringcorn::arbiter
