// SPDX-License-Identifier: MIT
#include "arbiter/service_manager.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "base/unique_fd.hpp"
#include "observe/log.hpp"
#include "settings/listeners.hpp"

namespace uringcorn::arbiter {
namespace {

constexpr int k_first_activated = 3;  ///< SD_LISTEN_FDS_START
constexpr int k_most_activated = 1024;
constexpr std::string_view k_by_descriptor = "fd://";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

template <class Number>
std::optional<Number> number_of(const char* name) {
  const std::string text = variable(name);
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = error == std::errc{} && end == text.data() + text.size();
  return is_number ? std::optional(number) : std::nullopt;
}

std::uint64_t monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

/// How many sockets were handed to that process.
int activated_count(pid_t owner) {
  if (number_of<pid_t>("LISTEN_PID") != owner) {
    return 0;
  }
  return std::clamp(number_of<int>("LISTEN_FDS").value_or(0), 0, k_most_activated);
}

std::vector<std::string> activated_names() {
  std::vector<std::string> names;
  std::string rest = variable("LISTEN_FDNAMES");
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    names.push_back(rest.substr(0, end));
    rest.erase(0, end + 1);
  }
  return names;
}

std::string by_number(int index) {
  return fmt::format("{}{}", k_by_descriptor, k_first_activated + index);
}

bool is_name(std::string_view bind) {
  return bind.starts_with(k_by_descriptor) && bind.size() > k_by_descriptor.size() &&
         (bind[k_by_descriptor.size()] < '0' || bind[k_by_descriptor.size()] > '9');
}

/// The sockets of one name; there may be several.
std::vector<std::string> of_name(std::string_view bind, int count) {
  const std::string_view name = bind.substr(k_by_descriptor.size());
  const std::vector<std::string> names = activated_names();
  std::vector<std::string> found;
  for (int i = 0; i < count && static_cast<std::size_t>(i) < names.size(); ++i) {
    if (names[static_cast<std::size_t>(i)] == name) {
      found.push_back(by_number(i));
    }
  }
  if (found.empty()) {
    throw std::runtime_error(
        fmt::format("cannot listen on {}: the process was started without a socket of this name "
                    "(LISTEN_FDNAMES has \"{}\")",
                    bind, variable("LISTEN_FDNAMES")));
  }
  return found;
}

}  // namespace

ServiceManager::ServiceManager() : address_(variable("NOTIFY_SOCKET")) {
  if (!address_.empty() && address_[0] != '/' && address_[0] != '@') {
    observe::warning("NOTIFY_SOCKET is \"{}\", which is no unix socket: nobody is notified",
                     address_);
    address_.clear();
  }
  const auto interval = number_of<std::uint64_t>("WATCHDOG_USEC");
  const auto watched = number_of<pid_t>("WATCHDOG_PID");
  if (interval.value_or(0) > 0 && watched.value_or(::getpid()) == ::getpid()) {
    watchdog_interval_ =
        std::chrono::microseconds(std::min<std::uint64_t>(
            *interval, std::chrono::microseconds(std::chrono::hours(24)).count())) /
        2;
  }
}

void ServiceManager::reloading() {
  if (told_ready_ && !told_reloading_) {
    told_reloading_ = true;
    send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()));
  }
}

void ServiceManager::show(const Facts& facts, TimePoint now) {
  if (!listens()) {
    return;
  }
  bool changed = false;
  if (facts.stopping && !told_stopping_) {
    told_stopping_ = changed = true;
    send("STOPPING=1");
  }
  if (facts.ready && !facts.stopping && (!told_ready_ || told_reloading_) && !facts.reloading) {
    told_ready_ = changed = true;
    told_reloading_ = false;
    send("READY=1");
  }
  if (watchdog_interval_ > Duration::zero() && now >= next_watchdog_) {
    next_watchdog_ = now + watchdog_interval_;
    send("WATCHDOG=1");
  }
  if (changed || now >= next_status_) {
    next_status_ = now + k_status_interval;
    send("STATUS=" + facts.status);
  }
}

TimePoint ServiceManager::due() const noexcept {
  if (!listens()) {
    return TimePoint::max();
  }
  return watchdog_interval_ > Duration::zero() ? std::min(next_watchdog_, next_status_)
                                               : next_status_;
}

void ServiceManager::hand_over(pid_t successor) {
  send(fmt::format("MAINPID={}", successor));
  address_.clear();
}

void ServiceManager::take_over() {
  told_ready_ = told_reloading_ = told_stopping_ = false;
  next_watchdog_ = next_status_ = TimePoint::min();
}

void ServiceManager::send(std::string_view text) const {
  if (!listens()) {
    return;
  }
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  const std::size_t length = address_.copy(to.sun_path, sizeof to.sun_path - 1);
  if (to.sun_path[0] == '@') {
    to.sun_path[0] = '\0';
  }
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  if (::sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&to), size) < 0) {
    observe::debug("cannot notify {}: {}", address_, std::strerror(errno));
  }
}

std::vector<settings::ListenerSettings> activated_listeners(const settings::Settings& settings) {
  const int count = activated_count(::getpid());
  for (int i = 0; i < count; ++i) {
    ::fcntl(k_first_activated + i, F_SETFD, FD_CLOEXEC);
  }
  const auto is_by_descriptor = [](const settings::ListenerSettings& one) {
    return one.bind.starts_with(k_by_descriptor);
  };
  const std::vector<settings::ListenerSettings>& wanted = settings.listeners;
  std::vector<settings::ListenerSettings> listeners;
  if (count > 0 && std::none_of(wanted.begin(), wanted.end(), is_by_descriptor)) {
    for (int i = 0; i < count; ++i) {
      listeners.push_back(settings::listener_at(by_number(i), settings));
    }
    return listeners;
  }
  for (const settings::ListenerSettings& one : wanted) {
    if (!is_name(one.bind)) {
      listeners.push_back(one);
      continue;
    }
    for (const std::string& number : of_name(one.bind, count)) {
      listeners.push_back(one);
      listeners.back().bind = number;
    }
  }
  return listeners;
}

void move_service_variables(pid_t from, pid_t to) {
  for (const char* name : {"LISTEN_PID", "WATCHDOG_PID"}) {
    if (number_of<pid_t>(name) == from) {
      ::setenv(name, fmt::format("{}", to).c_str(), 1);
    }
  }
}

void keep_activated_descriptors(pid_t owner) noexcept {
  const int count = activated_count(owner);
  for (int i = 0; i < count; ++i) {
    ::fcntl(k_first_activated + i, F_SETFD, 0);
  }
}

std::string status_line(const observe::Scoreboard& scoreboard, bool stopping) {
  unsigned ready = 0;
  std::uint64_t connections = 0;
  std::uint64_t requests = 0;
  for (const observe::ScoreboardSlot& slot : scoreboard.slots()) {
    const observe::WorkerState state = slot.state();
    if (state == observe::WorkerState::ready || state == observe::WorkerState::draining) {
      ready += state == observe::WorkerState::ready ? 1 : 0;
      connections += slot.connections();
      requests += slot.requests_active();
    }
  }
  return fmt::format("{}{} workers ready, {} connections, {} requests in progress",
                     stopping ? "stopping: " : "", ready, connections, requests);
}

}  // namespace uringcorn::arbiter
