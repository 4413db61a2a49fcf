// SPDX-License-Identifier: MIT
#include "arbiter/file_watch.hpp"

#include <fnmatch.h>
#include <glob.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "observe/log.hpp"

namespace uringcorn::arbiter {
namespace {

// A name is complete in its folder when it was written and closed, moved there, or made at once as
// links and folders are.
constexpr unsigned k_in_folder = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR;
// A file may be written or lose its name under another one, too: through a link.
constexpr unsigned k_in_file = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB;

std::vector<std::string> expand(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return paths;
}

bool is_folder(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// It is there, and no link.
bool is_plain_folder(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_wild(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

/// What stands before the last slash, and what after it.
std::pair<std::string, std::string> split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return {".", path};
  }
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

FileWatch::FileWatch(std::vector<std::string> patterns)
    : patterns_(std::move(patterns)), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!inotify_) {
    throw std::system_error(errno, std::generic_category(),
                            "cannot watch files (fs.inotify.max_user_instances may be raised)");
  }
  for (std::string& pattern : patterns_) {
    while (pattern.size() > 1 && pattern.ends_with('/')) {
      pattern.pop_back();
    }
    if (is_folder(pattern)) {
      pattern += "/*";
    }
  }
  look();
}

TimePoint FileWatch::due() const noexcept {
  if (first_event_ == TimePoint::max()) {
    return TimePoint::max();
  }
  return std::min(last_event_ + k_quiet, first_event_ + k_longest);
}

std::string FileWatch::changed(TimePoint now) {
  take_events(now);
  if (now < due()) {
    return {};
  }
  first_event_ = TimePoint::max();
  return look();
}

// ---- events ----

void FileWatch::take_events(TimePoint now) {
  alignas(inotify_event) std::array<char, 16384> buffer;
  ssize_t length = 0;
  while ((length = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0) {
    for (const char* at = buffer.data(); at < buffer.data() + length;) {
      inotify_event event{};
      std::memcpy(&event, at, sizeof event);
      const char* const name = at + sizeof event;
      take_event(event.wd, event.mask, std::string_view(name, ::strnlen(name, event.len)), now);
      at = name + event.len;
    }
  }
}

void FileWatch::take_event(int watch, unsigned what, std::string_view name, TimePoint now) {
  if ((what & IN_Q_OVERFLOW) == 0) {
    const auto found = watches_.find(watch);
    if (found == watches_.end() || (what & IN_IGNORED) != 0) {
      return;
    }
    const std::vector<std::string>& names = found->second.names;
    const bool matters =
        names.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& pattern) {
          return ::fnmatch(pattern.c_str(), std::string(name).c_str(), FNM_PERIOD) == 0;
        });
    if (!matters || is_being_made(found->second, what, name)) {
      return;
    }
  }
  // Bytes that are written are no change before the file is closed, but the end of all rest.
  const bool is_change = (what & IN_MODIFY) == 0;
  if (is_change) {
    first_event_ = std::min(first_event_, now);
  }
  last_event_ = now;
}

/// Whether a name has come into the folder whose file somebody is going to write.
bool FileWatch::is_being_made(const Watch& watch, unsigned what, std::string_view name) const {
  if ((what & IN_CREATE) == 0 || (what & IN_ISDIR) != 0) {
    return false;
  }
  struct stat status{};
  const std::string path = watch.folder + "/" + std::string(name);
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1;
}

// ---- files ----

/// Watches what matches now, then compares it with what was known: so whatever is written after the
/// comparison makes an event. Returns the name of a file that is another one.
std::string FileWatch::look() {
  std::map<int, Watch> watches;
  std::vector<std::string> files;
  for (const std::string& pattern : patterns_) {
    watch_pattern(pattern, watches);
    for (const std::string& file : expand(pattern)) {
      watch_file(file, watches);
      files.push_back(file);
    }
  }
  for (const auto& [descriptor, watch] : watches_) {
    if (!watches.contains(descriptor)) {
      ::inotify_rm_watch(inotify_.get(), descriptor);
    }
  }
  watches_ = std::move(watches);

  std::string changed;
  for (const std::string& file : files) {
    struct stat status{};
    if (::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
      continue;
    }
    const Stamp stamp{status.st_dev, status.st_ino, status.st_size, status.st_mtim};
    const auto [known, is_new] = known_.try_emplace(file, stamp);
    const Stamp& before = known->second;
    const bool is_same = !is_new && before.device == stamp.device && before.inode == stamp.inode &&
                         before.size == stamp.size &&
                         before.written.tv_sec == stamp.written.tv_sec &&
                         before.written.tv_nsec == stamp.written.tv_nsec;
    if (!is_same) {
      known->second = stamp;
      changed = file;
    }
  }
  return changed;
}

/// The folders in which a file of the pattern may appear, or a folder or link on the way to it.
void FileWatch::watch_pattern(const std::string& pattern, std::map<int, Watch>& watches) {
  bool is_last = true;
  for (std::string path = pattern; path != "/" && path != "."; is_last = false) {
    auto [folder, name] = split(path);
    if (is_last || is_wild(path) || !is_plain_folder(path)) {
      for (const std::string& each : expand(folder)) {
        watch_folder(each, name, watches);
      }
    }
    path = std::move(folder);
  }
}

void FileWatch::watch_folder(const std::string& folder, const std::string& name,
                             std::map<int, Watch>& watches) {
  const int descriptor = add(folder, k_in_folder, watches);
  if (descriptor >= 0) {
    Watch& watch = watches[descriptor];
    watch.folder = folder;
    watch.names.push_back(name);
  }
}

void FileWatch::watch_file(const std::string& file, std::map<int, Watch>& watches) {
  if (is_folder(file)) {
    return;
  }
  const int descriptor = add(file, k_in_file, watches);
  if (descriptor >= 0) {
    watches[descriptor];
  }
}

/// The watch descriptor; negative: it is not watched.
int FileWatch::add(const std::string& path, unsigned what, const std::map<int, Watch>& watches) {
  errno = ENOSPC;
  const int descriptor = watches.size() < k_most_watches
                             ? ::inotify_add_watch(inotify_.get(), path.c_str(), what)
                             : -1;
  // What is gone again, or no folder, will make an event elsewhere.
  const bool is_lack = descriptor < 0 && errno != ENOENT && errno != ENOTDIR;
  if (is_lack && !std::exchange(complained_, true)) {
    observe::warning("--reload does not watch {}, and maybe others: {}{}", path,
                     std::generic_category().message(errno),
                     errno == ENOSPC ? " (fs.inotify.max_user_watches, or too many files)" : "");
  }
  return descriptor;
}

}  // namespace uringcorn::arbiter
