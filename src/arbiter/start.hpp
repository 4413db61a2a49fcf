// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace uringcorn::arbiter {

/// How this process was started: what it takes to start another one like it.
struct Start {
  std::vector<std::string> arguments;    ///< with the name of the program
  std::vector<std::string> environment;  ///< NAME=VALUE
  pid_t pid = 0;                         ///< whom LISTEN_PID and the like may name
  /// Where it was started, by the name that the shell knows it by: a link that is turned to a new
  /// release leads there. Empty: it could not be told.
  std::string directory;
  mode_t umask = 022;

  /// Call it first of all, before anything of this is changed.
  static Start capture(int argc, char** argv);
};

/// What is wrong with a folder to change to, as the end of a sentence; or nothing. A relative name
/// begins at `from`.
std::string directory_complaint(const std::string& directory, const std::string& from);

/// Changes the working directory. Throws std::runtime_error with a sentence. Empty: stays.
void enter_directory(const std::string& directory);

/// What is wrong with a NAME=VALUE, as the end of a sentence; or nothing.
std::string variable_complaint(const std::string& variable);

}  // namespace uringcorn::arbiter
