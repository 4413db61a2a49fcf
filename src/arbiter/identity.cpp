// SPDX-License-Identifier: MIT
#include "arbiter/identity.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <limits>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "base/unique_fd.hpp"

namespace uringcorn::arbiter {
namespace {

/// More than anybody's entry in the user database has.
constexpr std::size_t k_entry_bytes_max = 1 << 20;
constexpr int k_groups_max = 65536;  ///< NGROUPS_MAX
constexpr mode_t k_log_mode = 0640;  ///< as LogFile makes them

std::optional<unsigned> number_in(const std::string& text) {
  unsigned number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  // The highest one means "leave it as it is" to the system calls.
  const bool is_id = error == std::errc{} && stop == end && !text.empty() &&
                     number != std::numeric_limits<unsigned>::max();
  return is_id ? std::optional(number) : std::nullopt;
}

/// Calls one of getpwnam_r() and its kind with a buffer that is large enough.
template <class Entry, class Key, class Lookup>
std::optional<Entry> look_up(Lookup lookup, Key key, std::vector<char>& buffer) {
  Entry entry{};
  Entry* found = nullptr;
  for (buffer.resize(1024); buffer.size() <= k_entry_bytes_max; buffer.resize(buffer.size() * 2)) {
    if (lookup(key, &entry, buffer.data(), buffer.size(), &found) != ERANGE) {
      break;
    }
  }
  return found != nullptr ? std::optional(entry) : std::nullopt;
}

struct User {
  uid_t uid = 0;
  std::optional<gid_t> gid;  ///< none: a number that nobody's entry has
  std::string name;
};

/// As everywhere, what is a name and a number is the name.
std::optional<User> find_user(const std::string& text) {
  std::vector<char> buffer;
  std::optional<passwd> entry = look_up<passwd>(::getpwnam_r, text.c_str(), buffer);
  const std::optional<unsigned> number = number_in(text);
  if (!entry && number) {
    entry = look_up<passwd>(::getpwuid_r, *number, buffer);
  }
  if (entry) {
    return User{entry->pw_uid, entry->pw_gid, entry->pw_name};
  }
  return number ? std::optional(User{*number, std::nullopt, {}}) : std::nullopt;
}

std::optional<gid_t> find_group(const std::string& text) {
  std::vector<char> buffer;
  const std::optional<group> entry = look_up<group>(::getgrnam_r, text.c_str(), buffer);
  return entry ? std::optional(entry->gr_gid) : number_in(text);
}

std::vector<gid_t> supplementary_groups(const User& user, gid_t gid) {
  if (user.name.empty()) {
    return {gid};
  }
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (::getgrouplist(user.name.c_str(), gid, groups.data(), &count) < 0 &&
         count <= k_groups_max) {
    groups.resize(static_cast<std::size_t>(count));
  }
  groups.resize(static_cast<std::size_t>(count));
  return groups;
}

void check(int result, const char* what) {
  if (result != 0) {
    throw std::system_error(errno, std::generic_category(), what);
  }
}

}  // namespace

Identity Identity::of(const settings::Settings& settings) {
  Identity identity;
  if (settings.user.empty() && settings.group.empty()) {
    return identity;
  }
  User user{::geteuid(), ::getegid(), {}};
  if (!settings.user.empty()) {
    const std::optional<User> found = find_user(settings.user);
    if (!found) {
      throw std::runtime_error("--user: " + user_complaint(settings.user));
    }
    user = *found;
  }
  identity.uid = user.uid;
  identity.gid = user.gid.value_or(::getegid());
  if (!settings.group.empty()) {
    const std::optional<gid_t> group = find_group(settings.group);
    if (!group) {
      throw std::runtime_error("--group: " + group_complaint(settings.group));
    }
    identity.gid = *group;
  }
  identity.supplementary = supplementary_groups(user, identity.gid);
  const bool is_it_already = identity.uid == ::geteuid() && identity.gid == ::getegid();
  identity.changes = ::geteuid() == 0 || !is_it_already;
  if (identity.changes && ::geteuid() != 0) {
    throw std::runtime_error(
        fmt::format("only root can run its workers as somebody else (--user, --group), and this "
                    "process belongs to user {}: start it as root, or leave them out",
                    ::geteuid()));
  }
  return identity;
}

void Identity::assume() const {
  if (!changes) {
    return;
  }
  check(::setgroups(supplementary.size(), supplementary.data()),
        "cannot take the supplementary groups of --user and --group");
  check(::setresgid(gid, gid, gid), "cannot become the group of --group");
  check(::setresuid(uid, uid, uid), "cannot become the user of --user");
}

void Identity::own(int fd) const {
  if (changes) {
    check(::fchown(fd, uid, gid), "cannot give its files to --user");
  }
}

void Identity::own_log(const std::string& name) const noexcept {
  if (!changes || name.empty() || name == "-") {
    return;
  }
  // The folder may belong to the user of the workers: no link there may lead root astray.
  const UniqueFd file(::open(
      name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
      k_log_mode));
  struct stat status{};
  if (file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
      status.st_nlink == 1) {
    [[maybe_unused]] const int ignored = ::fchown(file.get(), uid, gid);
  }
}

std::string user_complaint(const std::string& user) {
  if (user.empty() || find_user(user)) {
    return {};
  }
  return fmt::format("there is no user \"{}\" (`getent passwd` lists them)", user);
}

std::string group_complaint(const std::string& group) {
  if (group.empty() || find_group(group)) {
    return {};
  }
  return fmt::format("there is no group \"{}\" (`getent group` lists them)", group);
}

}  // namespace uringcorn::arbiter
