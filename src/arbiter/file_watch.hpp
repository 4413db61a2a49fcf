// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "arbiter/clock.hpp"
#include "base/unique_fd.hpp"

namespace uringcorn::arbiter {

/// Files that are to be watched (by inotify), and whether one of them has become another since they
/// were last looked at: new, rewritten, or replaced, itself or through a link on the way to it. One
/// that vanished is waited for.
///
/// Compilers and copying take their time: a change is told once the files have been at rest for
/// `k_quiet`, or when they have not come to rest for `k_longest`.
class FileWatch {
 public:
  static constexpr Duration k_quiet = std::chrono::milliseconds(300);
  static constexpr Duration k_longest = std::chrono::seconds(10);
  /// Files and folders watched at most. What is more is not watched, which is logged.
  static constexpr std::size_t k_most_watches = 4096;

  /// Patterns as in glob(7), relative to the working directory; a folder stands for the files in
  /// it. Throws std::system_error when the kernel has no inotify instance left.
  explicit FileWatch(std::vector<std::string> patterns);

  /// Readable when something happened: a reason to call changed().
  int fd() const noexcept { return inotify_.get(); }
  /// The name of a file that has changed, once for all that changed together; empty: none has, or
  /// not for long enough.
  std::string changed(TimePoint now);
  /// When changed() has something to do if nothing else happens.
  TimePoint due() const noexcept;
  /// How many files match.
  std::size_t files() const noexcept { return known_.size(); }

 private:
  /// What is different after a file was written or replaced.
  struct Stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    std::timespec written;
  };
  /// A watched folder, with the patterns of the names in it that matter; or, without patterns, a
  /// watched file.
  struct Watch {
    std::string folder;
    std::vector<std::string> names;
  };

  void take_events(TimePoint now);
  void take_event(int watch, unsigned what, std::string_view name, TimePoint now);
  bool is_being_made(const Watch& watch, unsigned what, std::string_view name) const;

  std::string look();
  void watch_pattern(const std::string& pattern, std::map<int, Watch>& watches);
  void watch_folder(const std::string& folder, const std::string& name,
                    std::map<int, Watch>& watches);
  void watch_file(const std::string& file, std::map<int, Watch>& watches);
  int add(const std::string& path, unsigned what, const std::map<int, Watch>& watches);

  std::vector<std::string> patterns_;
  UniqueFd inotify_;
  std::map<int, Watch> watches_;  ///< by watch descriptor
  std::map<std::string, Stamp> known_;
  bool complained_ = false;
  TimePoint first_event_ = TimePoint::max();  ///< of those that changed() has not answered yet
  TimePoint last_event_ = TimePoint::min();
};

}  // namespace uringcorn::arbiter
