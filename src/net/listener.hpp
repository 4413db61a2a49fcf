// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <stdexcept>
#include <string>

#include "base/unique_fd.hpp"
#include "net/address.hpp"

namespace uringcorn::net {

/// A listening socket that could not be had. `what()` is one sentence without the program's name:
/// the place, the cause and what to do.
class ListenError : public std::runtime_error {
 public:
  ListenError(const std::string& sentence, int error)
      : std::runtime_error(sentence), error_(error) {}
  /// EADDRINUSE may pass: whoever holds the address may be about to leave.
  bool may_pass() const noexcept;

 private:
  int error_;
};

struct ListenOptions {
  int backlog = 2048;
  /// Accepting waits in the kernel (io_uring), or answers EAGAIN (epoll). A property of the socket,
  /// so it holds in every process that shares it.
  bool blocking = true;
};

/// A listening stream socket. Connections accepted from it have TCP_NODELAY set. Whoever destroys
/// the Listener in the process that made it also removes the file of a Unix socket it created;
/// forked children only borrow it.
class Listener {
 public:
  /// Makes the socket, or takes over the one that is named by `fd://N`. A host name is resolved, to
  /// an IPv4 address where it has one. The file of a Unix socket that nobody serves any more is
  /// replaced; one that is served, or is no socket, is an error. Throws ListenError.
  Listener(const BindAddress& address, const ListenOptions& options);
  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  int fd() const noexcept { return socket_.get(); }
  /// As people know it: `http://127.0.0.1:8000` (with the real port if 0 was asked for),
  /// `unix:/run/shop.sock`.
  const std::string& name() const noexcept { return name_; }
  /// The same for one that speaks TLS: `https://127.0.0.1:8000`.
  std::string name_with_tls() const;
  /// The file of a Unix socket stays: somebody else serves it now.
  void leave_file() noexcept { unlink_path_.clear(); }
  /// In a child that has no use for it: closes the descriptor and touches nothing else.
  void close() noexcept { socket_.reset(); }

 private:
  void listen_tcp(const TcpAddress& address, const ListenOptions& options);
  void listen_unix(const UnixAddress& address, const ListenOptions& options);
  void take_over(const InheritedSocket& inherited, const ListenOptions& options);
  void set_blocking(bool blocking);

  UniqueFd socket_;
  std::string name_;
  std::string unlink_path_;
  pid_t owner_;
};

}  // namespace uringcorn::net
