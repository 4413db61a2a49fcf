// SPDX-License-Identifier: MIT
// The floor: what a request costs when nobody looks at it. It answers each "\r\n\r\n" that it
// reads with the same bytes, from one thread, on io_uring or on epoll. No server can be cheaper.
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr unsigned k_ring_entries = 1024;
constexpr unsigned k_buffers = 1024;  // a power of two, as the buffer ring wants
constexpr unsigned k_buffer_bytes = 4096;
constexpr unsigned k_carry_bytes = 3;      // a terminator's longest proper prefix
constexpr unsigned k_answers_a_send = 64;  // more are sent in turns
constexpr int k_fds = 20'000;
constexpr int k_buffer_group = 0;

[[noreturn]] void fail(const char* what, int error) {
  std::fprintf(stderr, "floor: %s: %s\n", what, std::strerror(error));
  std::exit(1);
}

/// What is known of one connection: the tail of what it sent, and the answers that it is owed.
struct Connection {
  std::array<char, k_carry_bytes> carry{};
  unsigned carried = 0;
  size_t unsent_bytes = 0;
};

struct Options {
  bool epoll = false;
  bool close = false;  // close after each answer
  std::string answer;
};

/// Counts the terminators in the `size` bytes at `data`; one may have begun in an earlier read.
/// There must be room for k_carry_bytes in front of `data`.
unsigned count_requests(Connection& connection, char* data, size_t size) {
  char* begin = data - connection.carried;
  std::memcpy(begin, connection.carry.data(), connection.carried);
  std::string_view rest(begin, size + connection.carried);
  unsigned found = 0;
  for (size_t at = rest.find("\r\n\r\n"); at != rest.npos; at = rest.find("\r\n\r\n")) {
    found++;
    rest.remove_prefix(at + 4);
  }
  connection.carried = static_cast<unsigned>(std::min<size_t>(rest.size(), k_carry_bytes));
  std::memcpy(connection.carry.data(), rest.data() + rest.size() - connection.carried,
              connection.carried);
  return found;
}

/// The answer many times over, so that pipelined requests are answered by one send.
class Answers {
 public:
  explicit Answers(const std::string& answer) : bytes_(answer.size()) {
    for (unsigned n = 0; n < k_answers_a_send; n++) {
      repeated_ += answer;
    }
  }

  size_t bytes_of(unsigned answers) const { return answers * bytes_; }

  /// What to send next when `unsent` bytes are owed: whole answers follow a first partial one.
  std::string_view next(size_t unsent) const {
    size_t partial = unsent % bytes_;
    size_t skip = partial == 0 ? 0 : bytes_ - partial;
    return std::string_view(repeated_).substr(skip, unsent);
  }

 private:
  size_t bytes_;
  std::string repeated_;
};

int listen_on_loopback() {
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ::setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener, generic, length) != 0 || ::listen(listener, 4096) != 0) {
    fail("listen", errno);
  }
  ::getsockname(listener, generic, &length);
  std::printf("http://127.0.0.1:%d\n", ::ntohs(address.sin_port));
  std::fflush(stdout);
  return listener;
}

// ---- io_uring ---------------------------------------------------------------------------------

class UringFloor {
 public:
  explicit UringFloor(const Options& options)
      : answers_(options.answer),
        close_(options.close),
        connections_(k_fds),
        memory_(size_t{k_buffers} * k_buffer_bytes) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                   IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
    params.cq_entries = k_ring_entries * 4;
    if (int code = ::io_uring_queue_init_params(k_ring_entries, &ring_, &params); code < 0) {
      fail("io_uring_setup", -code);
    }
    register_buffers();
  }

  [[noreturn]] void run(int listener) {
    ::io_uring_prep_multishot_accept(next_sqe(listener, Kind::accept), listener, nullptr, nullptr,
                                     SOCK_CLOEXEC);
    for (;;) {
      int code = ::io_uring_submit_and_wait(&ring_, 1);
      if (code < 0 && code != -EINTR) {
        fail("io_uring_enter", -code);
      }
      io_uring_cqe* cqe = nullptr;
      unsigned head = 0;
      unsigned seen = 0;
      io_uring_for_each_cqe(&ring_, head, cqe) {
        complete(*cqe, listener);
        seen++;
      }
      ::io_uring_cq_advance(&ring_, seen);
    }
  }

 private:
  enum class Kind : uint32_t { accept, receive, send };

  char* buffer(unsigned id) { return memory_.data() + size_t{id} * k_buffer_bytes + k_carry_bytes; }

  void register_buffers() {
    void* memory = nullptr;
    if (::posix_memalign(&memory, 4096, k_buffers * sizeof(io_uring_buf)) != 0) {
      fail("buffer ring", ENOMEM);
    }
    buffers_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uint64_t>(memory);
    registration.ring_entries = k_buffers;
    registration.bgid = k_buffer_group;
    if (int code = ::io_uring_register_buf_ring(&ring_, &registration, 0); code < 0) {
      fail("buffer ring", -code);
    }
    ::io_uring_buf_ring_init(buffers_);
    for (unsigned id = 0; id < k_buffers; id++) {
      give_back(id, static_cast<int>(id));
    }
    ::io_uring_buf_ring_advance(buffers_, k_buffers);
  }

  void give_back(unsigned id, int offset) {
    ::io_uring_buf_ring_add(buffers_, buffer(id), k_buffer_bytes - k_carry_bytes,
                            static_cast<uint16_t>(id), k_buffers - 1, offset);
  }

  io_uring_sqe* next_sqe(int fd, Kind kind) {
    io_uring_sqe* sqe = ::io_uring_get_sqe(&ring_);
    while (sqe == nullptr) {
      ::io_uring_submit(&ring_);
      sqe = ::io_uring_get_sqe(&ring_);
    }
    // liburing's prep functions leave user_data alone.
    sqe->user_data = static_cast<uint64_t>(kind) << 32 | static_cast<uint32_t>(fd);
    return sqe;
  }

  void receive(int fd) {
    io_uring_sqe* sqe = next_sqe(fd, Kind::receive);
    ::io_uring_prep_recv(sqe, fd, nullptr, k_buffer_bytes - k_carry_bytes, 0);
    sqe->ioprio = IORING_RECVSEND_POLL_FIRST;
    sqe->flags = IOSQE_BUFFER_SELECT;
    sqe->buf_group = k_buffer_group;
  }

  void send(int fd) {
    std::string_view bytes = answers_.next(connections_[fd].unsent_bytes);
    ::io_uring_prep_send(next_sqe(fd, Kind::send), fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }

  void complete(const io_uring_cqe& cqe, int listener) {
    int fd = static_cast<int>(cqe.user_data & 0xffff'ffff);
    switch (static_cast<Kind>(cqe.user_data >> 32)) {
      case Kind::accept:
        if (cqe.res >= 0) {
          connections_[cqe.res] = Connection{};
          receive(cqe.res);
        }
        if ((cqe.flags & IORING_CQE_F_MORE) == 0) {
          ::io_uring_prep_multishot_accept(next_sqe(listener, Kind::accept), listener, nullptr,
                                           nullptr, SOCK_CLOEXEC);
        }
        return;
      case Kind::receive:
        return received(fd, cqe);
      case Kind::send:
        return sent(fd, cqe.res);
    }
  }

  void received(int fd, const io_uring_cqe& cqe) {
    if (cqe.res == -ENOBUFS) {
      return receive(fd);
    }
    if (cqe.res <= 0) {
      ::close(fd);
      return;
    }
    Connection& connection = connections_[fd];
    unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
    unsigned requests = count_requests(connection, buffer(id), static_cast<size_t>(cqe.res));
    give_back(id, 0);
    ::io_uring_buf_ring_advance(buffers_, 1);
    connection.unsent_bytes = answers_.bytes_of(requests);
    requests > 0 ? send(fd) : receive(fd);
  }

  void sent(int fd, int result) {
    Connection& connection = connections_[fd];
    if (result > 0) {
      connection.unsent_bytes -= static_cast<size_t>(result);
    }
    if (result <= 0 || (close_ && connection.unsent_bytes == 0)) {
      ::close(fd);
      return;
    }
    connection.unsent_bytes > 0 ? send(fd) : receive(fd);
  }

  Answers answers_;
  bool close_;
  std::vector<Connection> connections_;
  std::vector<char> memory_;
  io_uring ring_{};
  io_uring_buf_ring* buffers_ = nullptr;
};

// ---- epoll ------------------------------------------------------------------------------------

class EpollFloor {
 public:
  explicit EpollFloor(const Options& options)
      : answers_(options.answer), close_(options.close), connections_(k_fds) {}

  [[noreturn]] void run(int listener) {
    watch(listener);
    std::array<epoll_event, 256> events{};
    for (;;) {
      int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int n = 0; n < ready; n++) {
        int fd = events[static_cast<size_t>(n)].data.fd;
        fd == listener ? accept(listener) : answer(fd);
      }
    }
  }

 private:
  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
      fail("epoll_ctl", errno);
    }
  }

  void accept(int listener) {
    int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) {
      connections_[fd] = Connection{};
      watch(fd);
    }
  }

  void answer(int fd) {
    std::array<char, k_buffer_bytes> memory;
    char* data = memory.data() + k_carry_bytes;
    ssize_t size = ::recv(fd, data, memory.size() - k_carry_bytes, MSG_DONTWAIT);
    if (size <= 0) {
      ::close(fd);
      return;
    }
    unsigned requests = count_requests(connections_[fd], data, static_cast<size_t>(size));
    size_t unsent = answers_.bytes_of(requests);
    while (unsent > 0) {  // blocks when the client does not read: no client of ours does that
      std::string_view bytes = answers_.next(unsent);
      ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        break;
      }
      unsent -= static_cast<size_t>(sent);
    }
    if (close_ && requests > 0) {
      ::close(fd);
    }
  }

  Answers answers_;
  bool close_;
  std::vector<Connection> connections_;
  int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
};

Options parse(int argc, char** argv) {
  Options options;
  const char* path = nullptr;
  for (int n = 1; n < argc; n++) {
    std::string_view word = argv[n];
    if (word == "--epoll") {
      options.epoll = true;
    } else if (word == "--close") {
      options.close = true;
    } else {
      path = argv[n];
    }
  }
  if (path != nullptr) {
    std::ifstream file(path, std::ios::binary);
    options.answer.assign(std::istreambuf_iterator<char>(file), {});
  }
  if (options.answer.empty()) {
    std::fprintf(stderr, "usage: floor [--epoll] [--close] FILE   (FILE: the answer's bytes)\n");
    std::exit(2);
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  Options options = parse(argc, argv);
  rlimit files{k_fds, k_fds};
  ::setrlimit(RLIMIT_NOFILE, &files);
  int listener = listen_on_loopback();
  if (options.epoll) {
    EpollFloor(options).run(listener);
  }
  UringFloor(options).run(listener);
}
