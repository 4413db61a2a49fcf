// SPDX-License-Identifier: MIT
#include "net/listener.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

namespace uringcorn::net {
namespace {

std::string in_words(int error) {
  std::string words = std::generic_category().message(error);
  if (!words.empty() && words[0] >= 'A' && words[0] <= 'Z') {
    words[0] = static_cast<char>(words[0] - 'A' + 'a');
  }
  return words;
}

std::string_view remedy_for_tcp(int error) {
  switch (error) {
    case EACCES:
      return " (run as root, or grant cap_net_bind_service)";
    case EADDRINUSE:
      return " (stop who listens there, `ss -ltnp` names it, or choose another --bind)";
    case EADDRNOTAVAIL:
      return " (this machine has no such address; `ip address` lists what it has)";
    default:
      return "";
  }
}

std::string_view remedy_for_unix(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return " (the user of the server must be allowed to write to the folder)";
    case ENOENT:
      return " (the folder does not exist)";
    case EROFS:
      return " (choose a folder that can be written to, such as /run or /tmp)";
    default:
      return "";
  }
}

[[noreturn]] void cannot_listen(std::string_view where, int error, std::string_view remedy) {
  throw ListenError(fmt::format("cannot listen on {}: {}{}", where, in_words(error), remedy),
                    error);
}

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

std::string as_written(const TcpAddress& address) {
  const std::string_view host = address.host.empty() ? "0.0.0.0" : std::string_view(address.host);
  const bool is_ipv6 = host.find(':') != std::string_view::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", host, address.port)
                 : fmt::format("{}:{}", host, address.port);
}

Addresses resolve(const TcpAddress& address, std::string_view where) {
  addrinfo hints{};
  hints.ai_family = address.host.empty() ? AF_INET : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(),
                                 fmt::format("{}", address.port).c_str(), &hints, &list);
  if (code != 0) {
    throw ListenError(fmt::format("cannot listen on {}: the host '{}' is unknown ({})", where,
                                  address.host, ::gai_strerror(code)),
                      EADDRNOTAVAIL);
  }
  return Addresses(list);
}

// `localhost` is both 127.0.0.1 and ::1. Clients try both, but scripts often write 127.0.0.1.
const addrinfo& preferred(const Addresses& addresses) {
  for (const addrinfo* each = addresses.get(); each != nullptr; each = each->ai_next) {
    if (each->ai_family == AF_INET) {
      return *each;
    }
  }
  return *addresses;
}

std::string own_address(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  const std::string text = address_text(reinterpret_cast<sockaddr*>(&address), length);
  return address.ss_family == AF_UNIX ? text : "http://" + text;
}

void set_option(int fd, int level, int option) {
  const int on = 1;
  static_cast<void>(::setsockopt(fd, level, option, &on, sizeof on));
}

int socket_property(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -errno;
}

sockaddr_un unix_sockaddr(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  return address;
}

// A server that was killed leaves its file behind. Asking it never waits: a live one whose backlog
// is full answers EAGAIN.
bool is_served(const sockaddr_un& address) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
         errno == EAGAIN;
}

void remove_stale(const std::string& path, std::string_view where) {
  struct stat file{};
  if (::lstat(path.c_str(), &file) != 0) {
    return;
  }
  if (!S_ISSOCK(file.st_mode)) {
    throw ListenError(
        fmt::format("cannot listen on {}: the file exists and is not a socket (remove it, or"
                    " choose another --bind)",
                    where),
        EEXIST);
  }
  if (is_served(unix_sockaddr(path))) {
    throw ListenError(fmt::format("cannot listen on {}: another server answers there (stop it, or"
                                  " choose another --bind)",
                                  where),
                      EADDRINUSE);
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    cannot_listen(where, errno, remedy_for_unix(errno));
  }
}

/// Lets no packet to a listening socket that begins a handshake; those that complete one pass.
bool drop_connection_attempts(int fd) {
  constexpr std::uint32_t k_flags_offset = 13;  // In the TCP header.
  constexpr std::uint32_t k_syn_and_ack = 0x12;
  constexpr std::uint32_t k_syn = 0x02;
  constexpr std::uint32_t k_whole_packet = 0xffffffff;
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, k_flags_offset),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, k_syn_and_ack),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k_syn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, k_whole_packet),
  };
  const sock_fprog program{std::size(filter), filter};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

}  // namespace

bool ListenError::may_pass() const noexcept {
  return error_ == EADDRINUSE;
}

SocketFile SocketFile::made_at(const std::string& path) {
  SocketFile file;
  int ends[2];
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0 || ::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    throw std::system_error(errno, std::generic_category());
  }
  file.path = path;
  file.device = status.st_dev;
  file.inode = status.st_ino;
  file.share_reader.reset(ends[0]);
  file.share_writer.reset(ends[1]);
  return file;
}

SocketFile::~SocketFile() {
  if (!share_writer || path.empty()) {
    return;
  }
  share_writer.reset();
  pollfd others{share_reader.get(), 0, 0};
  const bool is_last = ::poll(&others, 1, 0) == 1 && (others.revents & POLLHUP) != 0;
  struct stat status{};
  if (is_last && ::lstat(path.c_str(), &status) == 0 && status.st_dev == device &&
      status.st_ino == inode) {
    ::unlink(path.c_str());
  }
}

Listener::Listener(const BindAddress& address, const ListenOptions& options) {
  if (const auto* tcp = std::get_if<TcpAddress>(&address)) {
    listen_tcp(*tcp, options);
  } else if (const auto* local = std::get_if<UnixAddress>(&address)) {
    listen_unix(*local, options);
  } else {
    take_over(std::get<InheritedSocket>(address), options);
  }
}

Listener::Listener(UniqueFd socket, SocketFile file)
    : socket_(std::move(socket)), file_(std::move(file)) {
  if (socket_property(socket_.get(), SO_ACCEPTCONN) != 1) {
    throw ListenError(fmt::format("descriptor {} was handed over to listen on, and is no listening "
                                  "socket",
                                  socket_.get()),
                      EBADF);
  }
  ::fcntl(socket_.get(), F_SETFD, FD_CLOEXEC);
  name_ = file_.path.empty() ? own_address(socket_.get()) : "unix:" + file_.path;
}

TcpAddress Listener::tcp_address() const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return std::get<TcpAddress>(
      parse_bind(address_text(reinterpret_cast<sockaddr*>(&address), length)));
}

void Listener::close() noexcept {
  leave_file();
  socket_.reset();
}

void Listener::leave_file() noexcept {
  file_.path.clear();
  file_.share_reader.reset();
  file_.share_writer.reset();
}

std::string Listener::name_with_tls() const {
  constexpr std::string_view clear = "http://";
  return name_.starts_with(clear) ? "https://" + name_.substr(clear.size()) : name_;
}

void Listener::listen_tcp(const TcpAddress& address, const ListenOptions& options) {
  const std::string where = as_written(address);
  const Addresses addresses = resolve(address, where);
  const addrinfo& chosen = preferred(addresses);
  socket_.reset(::socket(chosen.ai_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!socket_) {
    cannot_listen(where, errno, "");
  }
  set_option(socket_.get(), SOL_SOCKET, SO_REUSEADDR);
  set_option(socket_.get(), IPPROTO_TCP, TCP_NODELAY);
  if (options.sharing == ListenOptions::Sharing::further) {
    set_option(socket_.get(), SOL_SOCKET, SO_REUSEPORT);
  }
  if (::bind(socket_.get(), chosen.ai_addr, chosen.ai_addrlen) != 0) {
    cannot_listen(where, errno, remedy_for_tcp(errno));
  }
  if (options.sharing == ListenOptions::Sharing::first) {
    // Not before it is bound: another server would be let in, and take connections from this one.
    set_option(socket_.get(), SOL_SOCKET, SO_REUSEPORT);
  }
  if (::listen(socket_.get(), options.backlog) != 0) {
    cannot_listen(where, errno, remedy_for_tcp(errno));
  }
  set_blocking(options.blocking);
  name_ = own_address(socket_.get());
}

void Listener::listen_unix(const UnixAddress& address, const ListenOptions& options) {
  const std::string where = "unix:" + address.path;
  remove_stale(address.path, where);
  socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket_) {
    cannot_listen(where, errno, "");
  }
  bind_file(address.path, options.file, where);
  // Nobody can connect before.
  if (::listen(socket_.get(), options.backlog) != 0) {
    cannot_listen(where, errno, "");
  }
  set_blocking(options.blocking);
  name_ = where;
}

void Listener::bind_file(const std::string& path, const FileOptions& options,
                         const std::string& where) {
  const sockaddr_un name = unix_sockaddr(path);
  const mode_t mask_before = options.mask ? ::umask(*options.mask) : 0;
  const int bound = ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
  const int error = errno;
  if (options.mask) {
    ::umask(mask_before);
  }
  if (bound != 0) {
    cannot_listen(where, error, remedy_for_unix(error));
  }
  try {
    file_ = SocketFile::made_at(path);
  } catch (const std::system_error& failure) {
    ::unlink(path.c_str());
    cannot_listen(where, failure.code().value(), "");
  }
  if ((options.uid || options.gid) &&
      ::lchown(path.c_str(), options.uid.value_or(static_cast<uid_t>(-1)),
               options.gid.value_or(static_cast<gid_t>(-1))) != 0) {
    cannot_listen(where, errno, " (its file could not be given to --user and --group)");
  }
}

void Listener::take_over(const InheritedSocket& inherited, const ListenOptions& options) {
  const std::string where = fmt::format("fd://{}", inherited.fd);
  const int type = socket_property(inherited.fd, SO_TYPE);
  if (type != SOCK_STREAM) {
    const std::string_view cause = type == -EBADF
                                       ? "the process was started without this descriptor"
                                       : "the descriptor is not a stream socket";
    throw ListenError(fmt::format("cannot listen on {}: {}", where, cause), EBADF);
  }
  if (socket_property(inherited.fd, SO_ACCEPTCONN) != 1 &&
      ::listen(inherited.fd, options.backlog) != 0) {
    cannot_listen(where, errno, " (the socket must be bound, and not connected)");
  }
  socket_.reset(::fcntl(inherited.fd, F_DUPFD_CLOEXEC, 0));
  if (!socket_) {
    cannot_listen(where, errno, "");
  }
  ::fcntl(inherited.fd, F_SETFD, FD_CLOEXEC);
  set_option(inherited.fd, IPPROTO_TCP, TCP_NODELAY);
  set_blocking(options.blocking);
  name_ = own_address(inherited.fd);
}

bool Listener::refuse_connections() noexcept {
  const bool is_unix = !file_.path.empty();
  refuses_ =
      is_unix ? ::shutdown(socket_.get(), SHUT_RD) == 0 : drop_connection_attempts(socket_.get());
  return refuses_silently();
}

void Listener::set_blocking(bool blocking) {
  const int flags = ::fcntl(socket_.get(), F_GETFL);
  ::fcntl(socket_.get(), F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

}  // namespace uringcorn::net
