// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/address.hpp"
#include "net/listener.hpp"

namespace uringcorn::arbiter {

/// A listening socket that another process hands over.
struct HandedSocket {
  std::string bind;                ///< the text of --bind that it was made for
  std::optional<unsigned> number;  ///< of the worker that it is for; none: it is for all
  UniqueFd socket;
  net::SocketFile file;
};

/// One address of --bind, with its listening sockets: one that all workers share, or one for each
/// worker number (--reuse-port; TCP only). All of them belong to the arbiter: a worker's successor
/// goes on with the socket of its predecessor, and nothing that waits in it is lost.
class BoundAddress {
 public:
  /// Listens. Throws net::ListenError.
  BoundAddress(std::string bind, const net::BindAddress& address, net::ListenOptions options);
  /// Goes on with the sockets of another process, all of one `bind` and in the order in which they
  /// were made. Throws net::ListenError.
  BoundAddress(std::vector<HandedSocket> handed, net::ListenOptions options);

  const std::string& bind() const noexcept { return bind_; }
  /// As people know it: `http://127.0.0.1:8000`.
  std::string name(bool with_tls = false) const {
    const net::Listener& listener = sockets_.front().listener;
    return with_tls ? listener.name_with_tls() : listener.name();
  }
  /// Whether each worker has a socket of its own.
  bool is_split() const noexcept;

  /// The socket that the worker of this number accepts from, made if it has none yet. Throws
  /// net::ListenError.
  const net::Listener& socket_for(unsigned number);
  /// With one socket for each worker: new connections go to those of these numbers only. The
  /// sockets of others stay, for when those numbers come back; removing one would lose connections
  /// under way, and change the order by which the kernel knows the others.
  void steer(std::span<const unsigned> numbers) noexcept;

  /// How many connections may wait in it. Does nothing to a socket that was inherited.
  void set_backlog(int backlog) noexcept;

  /// Nobody can connect any more: see net::Listener. Does nothing to a socket that was inherited
  /// (fd://N): its owner keeps it, and who waits in it. True: some may be on their way still.
  bool refuse_connections() noexcept;
  bool refuses() const noexcept { return sockets_.front().listener.refuses(); }
  /// Leaves sockets that do not answer to the workers, who close them when they have emptied them.
  void close_given_up() noexcept;

  /// In the child that is the worker of this number: closes what belongs to others.
  void keep_in_child(unsigned number) noexcept;
  /// In a child that has no use for this address.
  void close_in_child() noexcept;

  struct Socket {
    std::optional<unsigned> number;
    net::Listener listener;
  };
  /// In the order in which they were made.
  const std::vector<Socket>& sockets() const noexcept { return sockets_; }

 private:
  bool is_inherited() const noexcept;

  std::string bind_;
  net::ListenOptions options_;
  std::vector<Socket> sockets_;
  /// The sockets that connections go to, by their places; nothing: another process has said.
  std::optional<std::vector<std::uint32_t>> chosen_ = std::vector<std::uint32_t>();
};

}  // namespace uringcorn::arbiter
