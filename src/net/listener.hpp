// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
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

/// Whose the file of a Unix socket is, and what it allows.
struct FileOptions {
  /// Permissions that it does not get; none: the umask of the process.
  std::optional<mode_t> mask;
  /// None: the process's own.
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
};

struct ListenOptions {
  int backlog = 2048;
  /// Accepting waits in the kernel (io_uring), or answers EAGAIN (epoll). A property of the socket,
  /// so it holds in every process that shares it.
  bool blocking = true;
  /// TCP: how the address is shared with further sockets (SO_REUSEPORT).
  enum class Sharing : std::uint8_t {
    none,
    first,    ///< nobody else may have the address, but further sockets of this user can be made
    further,  ///< there is one already
  };
  Sharing sharing = Sharing::none;
  FileOptions file = {};
};

/// The file of a Unix socket that was made here or handed over. All processes that serve the socket
/// have both ends of one pipe; who closes its writing end and sees that it was the last one removes
/// the file. So it stays while a predecessor or successor of this process serves, however the
/// others end, and goes with the last.
class SocketFile {
 public:
  SocketFile() noexcept = default;
  SocketFile(SocketFile&&) noexcept = default;
  SocketFile& operator=(SocketFile&&) noexcept = default;
  ~SocketFile();

  /// Of a file that this process has just made. Throws std::system_error.
  static SocketFile made_at(const std::string& path);

  std::string path;  ///< empty: there is no file to remove
  dev_t device = 0;  ///< which file it was: somebody else's in its place is left alone
  ino_t inode = 0;
  UniqueFd share_reader;
  UniqueFd share_writer;
};

/// A listening stream socket. Connections accepted from it have TCP_NODELAY set. Whoever destroys
/// the Listener also removes the file of a Unix socket if nobody else serves it; forked children
/// only borrow it, and close() it.
class Listener {
 public:
  /// Makes the socket, or a duplicate of the one that is named by `fd://N`, which stays open. A
  /// host name is resolved, to an IPv4 address where it has one. The file of a Unix socket that
  /// nobody serves any more is replaced; one that is served, or is no socket, is an error. Throws
  /// ListenError.
  Listener(const BindAddress& address, const ListenOptions& options);
  /// One that another process has made and shares, exactly as it is. Throws ListenError if it is no
  /// listening socket.
  Listener(UniqueFd socket, SocketFile file);
  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) = delete;

  int fd() const noexcept { return socket_.get(); }
  /// As people know it: `http://127.0.0.1:8000` (with the real port if 0 was asked for),
  /// `unix:/run/shop.sock`.
  const std::string& name() const noexcept { return name_; }
  /// The same for one that speaks TLS: `https://127.0.0.1:8000`.
  std::string name_with_tls() const;
  /// The address that it has, with the real port.
  TcpAddress tcp_address() const;
  /// Its file, to hand it on.
  const SocketFile& file() const noexcept { return file_; }
  /// For all who share the socket: nobody can connect any more, but who has can still be accepted.
  /// A Unix socket says so to who tries; a TCP socket does not answer, until it is closed. True:
  /// handshakes may be under way, whose connections come to the queue when their last packet
  /// arrives.
  bool refuse_connections() noexcept;
  bool refuses() const noexcept { return refuses_; }
  /// Whoever tries to connect waits until it is closed.
  bool refuses_silently() const noexcept { return refuses_ && file_.path.empty(); }
  /// In a child that has no use for it: closes the descriptors and touches nothing else.
  void close() noexcept;
  /// In a child that serves it: the file is the parent's affair.
  void leave_file() noexcept;

 private:
  void listen_tcp(const TcpAddress& address, const ListenOptions& options);
  void listen_unix(const UnixAddress& address, const ListenOptions& options);
  void bind_file(const std::string& path, const FileOptions& options, const std::string& where);
  void take_over(const InheritedSocket& inherited, const ListenOptions& options);
  void set_blocking(bool blocking);

  UniqueFd socket_;
  std::string name_;
  SocketFile file_;
  bool refuses_ = false;
};

}  // namespace uringcorn::net
