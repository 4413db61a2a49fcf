// SPDX-License-Identifier: MIT
// Load for an echo over WebSocket: each connection sends a message of 64 bytes, waits for it to
// come back, and sends the next. Prints how many came back: websocket_echo PORT CONNECTIONS SECONDS
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t k_message_bytes = 64;
constexpr std::size_t k_frame_bytes = 2 + k_message_bytes;  // as it comes back
constexpr int k_give_up_ms = 10'000;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "websocket_echo: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

/// A masked text frame.
std::string frame() {
  constexpr std::string_view mask = "\x12\x34\x56\x78";
  std::string bytes = "\x81";
  bytes += static_cast<char>(0x80 | k_message_bytes);
  bytes += mask;
  for (std::size_t i = 0; i < k_message_bytes; ++i) {
    bytes += static_cast<char>('a' ^ mask[i % mask.size()]);
  }
  return bytes;
}

int open_websocket(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    fail("connect");
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const std::string request =
      "GET /ws/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  if (::send(fd, request.data(), request.size(), 0) != static_cast<ssize_t>(request.size())) {
    fail("send");
  }
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    char byte = 0;
    if (::recv(fd, &byte, 1, 0) != 1) {
      fail("handshake");
    }
    head += byte;
  }
  if (!head.starts_with("HTTP/1.1 101 ")) {
    std::fprintf(stderr, "websocket_echo: no WebSocket: %s", head.c_str());
    std::exit(1);
  }
  return fd;
}

/// The bytes of an echo that have come to each connection.
struct Connection {
  int fd;
  std::size_t received;
};

void send_message(const Connection& connection, std::string_view message) {
  if (::send(connection.fd, message.data(), message.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(message.size())) {
    fail("send");
  }
}

/// Receives; gives whether an echo is whole. An echo is the only thing that can come.
bool receive(Connection& connection) {
  std::array<char, 512> bytes;
  const ssize_t got = ::recv(connection.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got <= 0) {
    fail("recv");
  }
  connection.received += static_cast<std::size_t>(got);
  if (connection.received < k_frame_bytes) {
    return false;
  }
  if (connection.received > k_frame_bytes || bytes[static_cast<std::size_t>(got) - 1] != 'a') {
    std::fputs("websocket_echo: the echo is not what was sent\n", stderr);
    std::exit(1);
  }
  connection.received = 0;
  return true;
}

std::uint64_t run(std::vector<Connection>& connections, std::chrono::seconds time) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const std::string message = frame();
  for (Connection& connection : connections) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, connection.fd, &event) != 0) {
      fail("epoll_ctl");
    }
    send_message(connection, message);
  }
  std::uint64_t echoes = 0;
  std::array<epoll_event, 64> events;
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    const int ready = ::epoll_wait(epoll, events.data(), events.size(), k_give_up_ms);
    if (ready <= 0) {
      fail("epoll_wait");
    }
    for (int i = 0; i < ready; ++i) {
      auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (receive(connection)) {
        echoes++;
        send_message(connection, message);
      }
    }
  }
  ::close(epoll);
  return echoes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: websocket_echo PORT CONNECTIONS SECONDS\n", stderr);
    return 2;
  }
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  std::vector<Connection> connections;
  for (int i = 0; i < std::atoi(argv[2]); ++i) {
    connections.push_back({open_websocket(port), 0});
  }
  std::printf("%llu\n", static_cast<unsigned long long>(
                            run(connections, std::chrono::seconds(std::atoi(argv[3])))));
  for (const Connection& connection : connections) {
    ::close(connection.fd);
  }
  return 0;
}
