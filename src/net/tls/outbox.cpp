// SPDX-License-Identifier: MIT
#include "net/tls/outbox.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace uringcorn::net::tls {
namespace {

/// The count of what the socket took, or a negated errno.
std::ptrdiff_t send_now(int socket, std::string_view bytes, int flags) noexcept {
  const ssize_t sent =
      ::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL | flags);
  if (sent >= 0) {
    return sent;
  }
  return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

}  // namespace

int Outbox::send(int socket, std::string_view fresh, int flags) {
  if (!sending_ && !waiting_.empty()) {
    const std::ptrdiff_t sent = send_now(socket, waiting_.view(), flags);
    if (sent < 0) {
      return static_cast<int>(sent);
    }
    waiting_.drop_front(static_cast<std::size_t>(sent));
    if (waiting_.empty()) {
      waiting_.release();
    }
  }
  if (empty() && !fresh.empty()) {
    const std::ptrdiff_t sent = send_now(socket, fresh, flags);
    if (sent < 0) {
      return static_cast<int>(sent);
    }
    fresh.remove_prefix(static_cast<std::size_t>(sent));
  }
  if (fresh.size() + waiting_.size() > k_waiting_max) {
    return -ENOBUFS;
  }
  if (!fresh.empty()) {
    waiting_.append(fresh);
  }
  return 0;
}

}  // namespace uringcorn::net::tls
