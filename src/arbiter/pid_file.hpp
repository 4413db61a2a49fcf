// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/unique_fd.hpp"

namespace uringcorn::arbiter {

/// A file with the process id of the arbiter. It is locked (flock) for as long as this object
/// lives, so whoever wrote it is alive exactly as long as the lock is held: a file that a killed
/// server left behind is taken over, even if its number has been given to somebody else since. A
/// file that somebody else's live process wrote, without a lock, is left alone, too.
class PidFile {
 public:
  PidFile() noexcept = default;
  /// Writes it. Throws std::runtime_error with a sentence; nothing has changed then.
  explicit PidFile(std::string path);
  PidFile(PidFile&&) noexcept = default;
  PidFile& operator=(PidFile&&) noexcept = default;
  /// Removes it, if it is still the one that was written here.
  ~PidFile();

  /// Gives it another name, whatever is there by now, unless a live process holds that. Throws
  /// std::runtime_error with a sentence.
  void rename(const std::string& path);

  const std::string& path() const noexcept { return path_; }
  /// In a child: it is the arbiter's.
  void close_in_child() noexcept { file_.reset(); }

 private:
  std::string path_;
  UniqueFd file_;
};

}  // namespace uringcorn::arbiter
